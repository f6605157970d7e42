"""What can be read: the pages that the streams name, as their WSDLs describe them.

A server's list of its services (`/Services`) is DISCO, and names pages and codeunits of the company.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from drivers.contract import BadConfiguration, Catalogue, Column, NotPermitted, SourceChanged, Table
from drivers.soap.columns import ARROW
from drivers.soap.faults import refusal
from drivers.soap.model import Kind
from drivers.soap.pages.service import PageModel, PageService
from drivers.soap.pages.shape import plain_columns
from drivers.soap.xml import BadXml, parsed

_OK: Final = 200
_WHERE: Final = "options.url"
# In the order in which they tell more.
_CHANGE_FIELDS: Final = ("Last_DateTime_Modified", "Last_Modified_Date_Time", "Last_Date_Modified")


async def published(service: PageService, known: Sequence[str]) -> Catalogue:
    """`known`: pages that are listed also where the server does not name them. One that is no page, or is not for this
    account, is left out.
    """
    tables: list[Table] = []
    for page in dict.fromkeys([*known, *await _listed(service)]):
        try:
            model = await service.model(page, where=_WHERE)
        except (BadConfiguration, NotPermitted, SourceChanged):
            continue
        tables.append(_table(page, model))
    return Catalogue(tuple(tables))


async def _listed(service: PageService) -> list[str]:
    answer = await service.list_services()
    if answer.status != _OK:
        raise refusal(answer, where=_WHERE)
    try:
        root = await asyncio.to_thread(parsed, answer.body)
    except BadXml:
        return []
    found = []
    for each in root.iter("{*}contractRef"):
        steps = urlsplit(str(each.get("ref", ""))).path.split("/")
        kind, name = ["", "", *steps][-2:]
        if kind == "Page":
            found.append(unquote(name))
    return found


def _table(page: str, model: PageModel) -> Table:
    columns = list(plain_columns(model.definitions, model.type))
    names = {each.name: each.kind for each in columns}
    stamps = [name for name in _CHANGE_FIELDS if names.get(name) in {Kind.DATE, Kind.TIMESTAMP}]
    listed = [Column(each.name, str(ARROW[each.kind])) for each in columns]
    for member in model.type.members:
        part = model.part(member.name)
        if part is not None:
            lines = plain_columns(model.definitions, model.definitions.type_of(part[1]))
            listed += [Column(f"{member.name}.{each.name}", str(ARROW[each.kind])) for each in lines]
    key = tuple(name for name in model.primary if name in names)
    return Table(page, tuple(listed), key=key, replication_key=stamps[0] if stamps else None)
