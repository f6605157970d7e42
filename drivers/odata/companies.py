"""Pure: which company a connection means, where a service keeps its entity sets inside of companies.

Business Central does: its sets lie in `companies(ID)/`, or in `Company('NAME')/` for published pages, and its metadata
above them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from drivers.contract import BadConfiguration, SourceChanged
from drivers.odata.columns import key_text
from drivers.odata.edm import Model, Property
from drivers.odata.literals import V4, NoLiteral, literal
from drivers.odata.options import CompaniesTable
from drivers.odata.requests import key_predicate

_WHERE: Final = "options.company"
_SHOWN: Final = 10  # companies that an error lists


def company_key(model: Model, table: CompaniesTable, where: str) -> Property:
    """The one property that names a company in a path. Raises SourceChanged where there is none such."""
    if table.entity_set not in model.sets:
        raise SourceChanged(
            f"the service has no entity set {table.entity_set!r}",
            where=where,
            hint="Correct options.companies: it says where the service keeps its companies.",
        )
    type_ = model.type_of(table.entity_set)
    missing = [name for name in (*type_.key, *table.by) if name not in type_.properties]
    if len(type_.key) != 1 or missing:
        raise SourceChanged(
            f"{type_.name} has no single key, or no property {', '.join(missing) or table.by[0]}",
            where=where,
            hint="Correct options.companies: `by` names properties that people know a company by.",
        )
    return type_.properties[type_.key[0]]


def company_path(bodies: Sequence[bytes], company: str, table: CompaniesTable, key: Property) -> str:
    """The path of the company that is meant, with a slash at its end.

    `bodies`: the answers that list them. `company`: the text of its key, or of one of the properties of `table.by`; names are compared as they are written,
    and only where none is equal without regard to case. Raises BadConfiguration unless exactly one is meant.
    """
    records = [each for body in bodies for each in _records(body)]
    meant = _meant(records, company, table, key)
    if len(meant) != 1:
        raise _unclear(records, company, table, several=bool(meant))
    try:
        written = literal(key.kind, str(key_text(key, meant[0].get(key.name))), V4, type_=key.type)
    except NoLiteral:
        raise _unreadable() from None
    return f"{table.entity_set}{key_predicate([key.name], [written])}/"


def _meant(
    records: Sequence[Mapping[str, Any]], company: str, table: CompaniesTable, key: Property
) -> list[Mapping[str, Any]]:
    names = (key.name, *table.by)
    for same in (str, str.casefold):
        found = [
            each
            for each in records
            if company and any(same(str(each.get(name, ""))) == same(company) for name in names)
        ]
        if found:
            return found
    return []


def _unclear(
    records: Sequence[Mapping[str, Any]], company: str, table: CompaniesTable, *, several: bool
) -> BadConfiguration:
    listed = ", ".join(repr(str(each.get(table.by[0], ""))) for each in records[:_SHOWN])
    more = " ..." if len(records) > _SHOWN else ""
    said = f"there is no company {company!r}" if company else "no company is named"
    return BadConfiguration(
        f"more than one company is {company!r}" if several else said,
        where=_WHERE,
        hint=f"Write its id or its name. This user sees: {listed}{more}." if records else
        "This user sees no company: give the user access to the one that is meant.",
    )  # fmt: skip


def link_of(body: bytes) -> str | None:
    """Where the list goes on."""
    found = _loaded(body).get("@odata.nextLink")
    return found if isinstance(found, str) and found else None


def _records(body: bytes) -> list[Mapping[str, Any]]:
    held = _loaded(body).get("value")
    if not isinstance(held, list):
        raise _unreadable()
    return [each for each in held if isinstance(each, dict)]


def _loaded(body: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    return content if isinstance(content, dict) else {}


def _unreadable() -> SourceChanged:
    return SourceChanged(
        "the list of companies cannot be read",
        where=_WHERE,
        hint="See that options.url names the server's root, as the documentation of the system has it.",
    )
