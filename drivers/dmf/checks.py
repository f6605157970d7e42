"""`groundwire check`: each hop is tried only when the one before it worked; then each stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from drivers.check_steps import AsyncStep, tried_in_turn
from drivers.contract import BadConfiguration, CheckStep, NotPermitted, SourceChanged, StreamSpec
from drivers.dmf.exports import Exports
from drivers.dmf.options import ConnectionOptions
from drivers.dmf.reading import columns_of
from drivers.dmf.service import Service
from drivers.dmf.shape import StreamShape, of_company
from drivers.http.client import Redirected
from drivers.http.hops import way_to
from drivers.recipes.naming import nearest

_FULL: Final = "FullPush"
_PURPOSE: Final = "check"


async def hops(options: ConnectionOptions, service: Service) -> list[CheckStep]:
    secure = options.url.startswith("https:")

    async def tls() -> str:
        try:
            said = await service.reached()
        except Redirected:
            said = "redirects who has not signed in"
        return f"the certificate is accepted; the server {said}" if secure else f"without TLS; it {said}"

    async def sign_in() -> str:
        await service.client.sign_in()
        return "a token" if options.auth is not None else "nothing: options.auth is missing"

    async def packages() -> str:
        rows = await service.listed("DataManagementDefinitionGroups", "?$top=1&$select=Name", where="options")
        return f"data management answers{'' if rows else ', and shows no data project'}"

    steps: list[AsyncStep] = [
        *way_to(options),
        ("TLS", tls),
        ("sign-in", sign_in),
        ("data management", packages),
    ]
    steps += [_legal_entity(service, company) for company in options.legal_entities]
    return await tried_in_turn(steps)


def _legal_entity(service: Service, company: str) -> AsyncStep:
    async def known() -> str:
        where = "options.legal_entities"
        try:
            found = await service.known("LegalEntities", company, where=where)
        except NotPermitted:
            return (
                "not looked at, for the user may not see legal entities; an export shows whether it is right"
            )
        if found is None:
            raise SourceChanged(
                f"there is no legal entity {company!r}, or the user may not see it",
                where=where,
                hint="Write its id as Organization administration > Legal entities shows it.",
            )
        return str(found.get("Name") or company)

    return f"legal entity {company}", known


async def project(service: Service, shape: StreamShape) -> None:
    """Whether the data project exports what the stream reads, and all of it. Nothing is exported for that."""
    where = f"{shape.where}.project"
    found = await service.known("DataManagementDefinitionGroups", shape.project, where=where)
    if found is None:
        raise SourceChanged(
            f"there is no data project {shape.project!r}",
            where=where,
            hint="Make it in Data management > Export, with the entities of the stream.",
        )
    if found.get("OperationType", "Export") != "Export":
        raise BadConfiguration(
            f"the data project {shape.project!r} does not export", where=where, hint="Name one that exports."
        )
    name = quote(shape.project.replace("'", "''"), safe="")
    rows = await service.listed(
        "DataManagementDefinitionGroupDetails", f"?$filter=DefinitionGroupId%20eq%20'{name}'", where=where
    )
    held = {str(row.get("EntityName", "")).lower(): row for row in rows}
    for entity in shape.entities:
        _check_entity(entity.entity, held, f"{entity.where}.entity", where)


def _check_entity(entity: str, held: Mapping[str, Mapping[str, Any]], where: str, project_at: str) -> None:
    row = held.get(entity.lower())
    if row is None:
        names = [str(each.get("EntityName", "")) for each in held.values()]
        raise SourceChanged(
            f"the data project has no entity {entity!r}", where=where, hint=nearest(entity, names)
        )
    if row.get("Disable") == "Yes":
        raise BadConfiguration(f"the entity {entity!r} is disabled in the data project", where=where)
    if row.get("DefaultRefreshType", _FULL) != _FULL:
        raise BadConfiguration(
            f"the data project exports of {entity!r} what changed, so that records would be missing",
            where=project_at,
            hint="Set the entity's default refresh type to Full push only.",
        )


async def exported(exports: Exports, shape: StreamShape, stream: StreamSpec) -> str:
    """Export the stream once, of its first legal entity, and compare its fields with what is wanted."""
    chosen = of_company(shape, shape.companies[0])
    file, token = await exports.obtain(chosen, purpose=_PURPOSE)
    try:
        names = [column.name for column in columns_of(chosen, file)]
        empty = not file.keys(None, 1)
    finally:
        file.close()
        await exports.release(chosen, token, _PURPOSE)
    known = {*names, *(each.name for each in shape.lines)}
    missing = [name for name in stream.columns or () if name not in known]
    # Without a record an export in XML may not say which fields it has.
    if missing and not (empty and len(names) <= 1):
        raise SourceChanged(
            f"the export has no field {missing[0]}"
            + (f", and {len(missing) - 1} others" if missing[1:] else ""),
            where=shape.where,
            hint=f"{nearest(missing[0], names)} See the mapping of the entity in the data project, or the stream's `map`.",
        )
    return f"{len(names)} fields, key {', '.join(shape.headers.identity)}{_sets(shape.lines)}"


def _sets(lines: Sequence[Any]) -> str:
    return f", {len(lines)} line sets" if lines else ""
