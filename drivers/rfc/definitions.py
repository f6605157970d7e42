"""Tables' definitions read from the dictionary's own tables: the way where DDIF_FIELDINFO_GET cannot be called.

Its reply holds tables inside tables, which not every way carries, and some systems do not open it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from drivers.rfc.abap import Field, Table
from drivers.rfc.caller import CallFailed, Session
from drivers.rfc.conditions import AllOf, Compare, Condition, OneOf, lines
from drivers.rfc.readers import Reader, fetch, refused

_FIELDS: Final = "DD03L"
_DOMAINS: Final = "DD01L"
_MOST: Final = 3_000  # fields that a table may have, generously
_DOMAINS_PER_CALL: Final = 100


def _columns(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, "CHAR", 30) for name in names)


_OF_FIELD: Final = _columns(
    "FIELDNAME", "POSITION", "KEYFLAG", "DATATYPE", "LENG", "DECIMALS", "REFTABLE", "REFFIELD", "DOMNAME"
)
_OF_DOMAIN: Final = _columns("DOMNAME", "CONVEXIT")


def read_definition(session: Session, reader: Callable[[], Reader], name: str) -> Table | None:
    """None: there is no such table. Raises DriverError."""
    active = Compare("AS4LOCAL", "=", "A")
    found = _rows(session, reader(), _FIELDS, _OF_FIELD, AllOf((Compare("TABNAME", "=", name), active)))
    found.sort(key=lambda row: int(row[1] or 0))
    domains = sorted({row[8] for row in found if row[8]})
    exits: dict[str, str] = {}
    for start in range(0, len(domains), _DOMAINS_PER_CALL):
        these = OneOf("DOMNAME", tuple(domains[start : start + _DOMAINS_PER_CALL]))
        told = _rows(session, reader(), _DOMAINS, _OF_DOMAIN, AllOf((these, active)))
        exits |= {row[0]: row[1] for row in told}
    fields = tuple(
        Field(
            name=row[0],
            datatype=row[3],
            length=int(row[4] or 0),
            decimals=int(row[5] or 0),
            is_key=row[2] == "X",
            conversion=exits.get(row[8], ""),
            reference=(row[6], row[7]),
        )
        for row in found
        if not row[0].startswith(".")  # an include, whose fields stand beside it
    )
    return Table(name, fields) if fields else None


def _rows(
    session: Session, reader: Reader, table: str, fields: Sequence[Field], condition: Condition
) -> list[tuple[str, ...]]:
    try:
        found = fetch(
            session, reader, Table(table, ()), fields, lines(condition), limit=_MOST, where="options"
        )
    except CallFailed as error:
        raise refused(error, table, "options") from error
    return list(zip(*(found[field.name].to_pylist() for field in fields), strict=True))
