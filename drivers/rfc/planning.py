"""What a read will ask of an SAP system: its tables and function modules, and how many calls. Blocks."""

from __future__ import annotations

from typing import Final

from drivers.contract import DriverError, ReadMode, ReadPlan, ReadRequest
from drivers.planning import pages_of
from drivers.rfc.abap import Table
from drivers.rfc.caller import CallFailed, number, rows
from drivers.rfc.conditions import EVERYTHING
from drivers.rfc.engine import Engine
from drivers.rfc.reading import PageReader
from drivers.rfc.shape import Rows, StreamShape
from drivers.rfc.tables import KEYS_PER_CALL, Plan

# Counts whole tables of the client: IT_TABLES has the names in TABNAME and comes back with the numbers in TABROWS, as
# callers of it over RFC write it. It needs S_RFC like any other, and nothing else of the driver calls it.
COUNTER: Final = "EM_GET_NUMBER_OF_ENTRIES"


def plan(engine: Engine, request: ReadRequest) -> ReadPlan:
    """Raises the DriverError that the read would begin with."""
    composer = engine.composer(request.stream, request.call_rows)
    shape = composer.shape
    reading = PageReader(composer, request)
    keys_only = request.mode is ReadMode.KEYS
    header = reading.plan()
    notes: list[str] = []
    found = _rows(engine, shape, request, header, notes)
    most = min(engine.options.rows_per_call, request.call_rows or engine.options.rows_per_call)
    together = min(reading.page_rows, most)
    groups = composer.reader.groups_of(header)
    notes.append(
        f"Tables are read by {engine.reader.function}"
        + (
            f", {header.table.name} in {groups} groups of columns, each twice but the last."
            if groups > 1
            else "."
        )
    )
    if reading.lists_changes:
        notes.append("What changed is listed first: " + ", ".join(_changes(shape)) + ".")
    calls = None
    if (pages := pages_of(found, together)) is not None:
        beside = 0 if keys_only else _beside(shape, together)
        details = 0 if keys_only else (found or 0) * len(shape.details)
        calls = pages * (composer.reader.calls_for(header) + beside) + details
    return ReadPlan(
        objects=tuple(dict.fromkeys(_objects(shape, keys_only=keys_only))),
        rows_per_call=most if not keys_only and shape.lines else together,
        rows=found,
        exact=False,
        calls=calls,
        notes=tuple(notes),
    )


def _objects(shape: StreamShape, *, keys_only: bool) -> list[str]:
    if keys_only:
        return [shape.header.table.name]
    found = [*_tables(shape.header), *(name for lines in shape.lines for name in _tables(lines.rows))]
    return [*found, *_changes(shape), *(detail.function for detail in shape.details)]


def _tables(rows_of: Rows) -> list[str]:
    return [rows_of.table.name, *(lookup.table.name for lookup in rows_of.lookups)]


def _changes(shape: StreamShape) -> list[str]:
    """The tables that tell of changes, besides the header's own."""
    found: list[Table] = []
    for source in shape.others:
        found += [source.table, *([source.via] if source.via is not None else [])]
    return list(dict.fromkeys(table.name for table in found))


def _beside(shape: StreamShape, together: int) -> int:
    """Calls of one page for lines and lookups, where each fits one call."""
    chunks = -(-together // KEYS_PER_CALL)
    lookups = len(shape.header.lookups) + sum(len(lines.rows.lookups) for lines in shape.lines)
    return len(shape.lines) + lookups * chunks


def _rows(
    engine: Engine, shape: StreamShape, request: ReadRequest, header: Plan, notes: list[str]
) -> int | None:
    if request.mode is ReadMode.BY_KEYS:
        return len(request.keys)
    table = header.table.name
    whole = _entries(engine, table, notes)
    if whole is None:
        return None
    if request.mode in {ReadMode.SCAN, ReadMode.KEYS} and shape.header.condition == EVERYTHING:
        return whole
    notes.append(
        f"{table} has {whole} rows in all; how many of them are meant shows only when they are read."
    )
    return None


def _entries(engine: Engine, table: str, notes: list[str]) -> int | None:
    try:
        if engine.dictionary.interface(COUNTER) is None:
            notes.append(f"Nothing counts rows here: the system has no {COUNTER}.")
            return None
        reply = engine.caller.call(COUNTER, IT_TABLES=[{"TABNAME": table}])
    except (CallFailed, DriverError) as error:
        told = error.message if isinstance(error, DriverError) else (error.key or "refused")
        notes.append(f"Rows cannot be counted: {COUNTER}: {told}. The read itself does not need it.")
        return None
    found = next((row for row in rows(reply, "IT_TABLES") if row.get("TABNAME") == table), None)
    return number(found, "TABROWS") if found is not None else None
