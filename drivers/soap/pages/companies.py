"""The companies of a server, from its SystemService."""

from __future__ import annotations

from drivers.soap.faults import SoapFault
from drivers.soap.pages.faults import translated
from drivers.soap.pages.service import PageService


async def companies(service: PageService, *, where: str) -> list[str]:
    """Raises DriverErrors."""
    definitions = await service.store.definitions(service.system_service, where=where)
    try:
        answer = await service.channel.call(
            definitions, "Companies", {}, target=service.system_service, where=where, repeatable=True
        )
    except SoapFault as fault:
        raise translated(fault, where=where) from fault
    return [each.text or "" for each in answer] if answer is not None else []
