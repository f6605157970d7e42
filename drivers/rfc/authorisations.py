"""Pure: what a connection's streams call and read, for the list that an SAP administrator grants by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from drivers.contract import StreamSpec
from drivers.rfc.options import LookupOptions, parse_stream
from drivers.rfc.readers import NAMES
from drivers.rfc.recipes import writes_of
from drivers.rfc.writing import COMMIT, ROLLBACK

# RFCPING is what both libraries call as they log on.
ALWAYS: Final = (
    "RFCPING",
    "RFC_PING",
    "RFC_SYSTEM_INFO",
    "STFC_CONNECTION",
    "RFC_GET_FUNCTION_INTERFACE",
    "DDIF_FIELDINFO_GET",
)
CURRENCIES: Final = "TCURX"
CHANGE_DOCUMENTS: Final = "CDHDR"


@dataclass(frozen=True, slots=True)
class Authorisations:
    functions: tuple[str, ...]  # S_RFC with RFC_TYPE = FUNC, ACTVT = 16
    readers: tuple[str, ...]  # S_RFC too: one of these is enough
    tables: tuple[str, ...]  # S_TABU_NAM with ACTVT = 03


def authorisations_of(streams: Iterable[StreamSpec]) -> Authorisations:
    """Raises BadConfiguration for a stream whose options are wrong."""
    functions: set[str] = set()
    tables = {CURRENCIES}
    for stream in streams:
        tables |= set(_tables(stream))
        functions |= {each.function for each in parse_stream(stream.name, stream.options).details.values()}
        for recipe in writes_of(stream).recipes.values():
            functions |= {call.function for call in recipe.steps}
            functions |= set() if recipe.commits_itself else {COMMIT, ROLLBACK}
            tables |= {recipe.find.table} if recipe.find is not None else set()
    return Authorisations((*ALWAYS, *sorted(functions)), NAMES, tuple(sorted(tables)))


def _tables(stream: StreamSpec) -> Iterator[str]:
    options = parse_stream(stream.name, stream.options)
    yield options.table
    yield from _looked_up(options.lookups.values())
    for lines in options.lines.values():
        yield lines.table
        yield from _looked_up(lines.lookups.values())
    if options.changes.documents is not None:
        yield CHANGE_DOCUMENTS
    for changed in options.changes.tables.values():
        yield changed.table
        if changed.via is not None:
            yield changed.via.table


def _looked_up(lookups: Iterable[LookupOptions]) -> Iterator[str]:
    yield from (lookup.table for lookup in lookups)
