"""What a read will ask of NetSuite: its tables, how many rows, how many requests."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Final

from drivers.contract import PLAN_SECONDS, ReadMode, ReadPlan, ReadRequest
from drivers.netsuite import queries
from drivers.netsuite.options import ConnectionOptions
from drivers.netsuite.reading import KEYS_PER_QUERY, PageReader
from drivers.netsuite.service import Service
from drivers.netsuite.shape import StreamShape
from drivers.planning import calls_of

_TABLE: Final = re.compile(r"\b(?:from|join)\s+([A-Za-z_][\w$#]*)", re.IGNORECASE)
_NO_SQL: Final = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)


async def plan(
    service: Service,
    options: ConnectionOptions,
    shape: StreamShape,
    reader: PageReader,
    request: ReadRequest,
) -> ReadPlan:
    notes: list[str] = []
    rows = await _counted(service, shape, reader, request, notes)
    lines = () if request.mode is ReadMode.KEYS else shape.lines
    page = min(request.page_rows, options.rows - 1)
    chunks = -(-page // KEYS_PER_QUERY)
    if lines:
        notes.append(
            "The headers of each page are read again after its lines; lines beyond one answer are further requests."
        )
    return ReadPlan(
        objects=tables_in([shape.query, *(each.query for each in lines)]),
        rows_per_call=min(request.page_rows + 1, options.rows),
        rows=rows,
        exact=rows is not None,
        calls=calls_of(rows, page, each_page=1 + (1 if lines else 0) + len(lines) * chunks, once=1),
        sessions=options.parallel,
        notes=tuple(notes),
    )


def tables_in(texts: Sequence[str]) -> tuple[str, ...]:
    """The tables that the queries name, in lower case."""
    found = (match[1].lower() for text in texts for match in _TABLE.finditer(_NO_SQL.sub(" ", text)))
    return tuple(dict.fromkeys(found))


async def _counted(
    service: Service, shape: StreamShape, reader: PageReader, request: ReadRequest, notes: list[str]
) -> int | None:
    """NetSuite counts the rows of every query that it answers."""
    if request.mode is ReadMode.BY_KEYS:
        notes.append("Single records are read by their keys.")
        return None
    statement = queries.header_page(shape, shape.key, reader.bounds)
    where = f"{shape.where}.query"
    try:
        async with asyncio.timeout(PLAN_SECONDS):
            answer = await service.query(statement, limit=1, where=where)
    except TimeoutError:
        notes.append(f"NetSuite did not count the rows within {PLAN_SECONDS} seconds.")
        return None
    if answer.total is None:
        notes.append("NetSuite did not say how many rows there are.")
    return answer.total
