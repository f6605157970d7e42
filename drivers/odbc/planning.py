"""What a read will ask of a database: its tables, how many rows, how many statements. Blocks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from drivers.contract import PLAN_SECONDS, DriverError, ReadMode, ReadPlan, ReadRequest, SourceBusy
from drivers.odbc.learning import learn
from drivers.odbc.mentions import tables_in
from drivers.odbc.queries import Sql, all_of, derived
from drivers.odbc.reading import PageReader
from drivers.odbc.session import Session
from drivers.odbc.shape import StreamShape, projected
from drivers.planning import calls_of

_SESSIONS: Final = 2  # one for the pages, one for what is asked beside them
# The planner's own estimate, without reading a row; the answer is JSON in one cell.
_EXPLAIN: Final = {"postgresql": "EXPLAIN (FORMAT JSON) "}


def plan(session: Session, request: ReadRequest) -> ReadPlan:
    """Raises the DriverError that the read would end with."""
    shape = projected(learn(session, request.stream), request.stream.columns)
    reader = PageReader(session, shape, request)
    bounds = reader.bounds
    notes: list[str] = []
    rows, exact = _rows(session, reader.shape(session.value), request, bounds, notes)
    lines = () if request.mode is ReadMode.KEYS else shape.lines
    again = 1 if lines and not session.dialect.consistent else 0
    if again:
        notes.append("The headers of each page are read again after its lines: the product has no snapshot.")
    return ReadPlan(
        objects=tables_in([shape.query, *(each.query for each in lines)]),
        rows_per_call=request.page_rows + 1,  # the row behind a page shows whether there is more
        rows=rows,
        exact=exact,
        calls=calls_of(rows, request.page_rows, each_page=1 + again + len(lines), once=1),
        sessions=_SESSIONS,
        notes=tuple(notes),
    )


def _rows(
    session: Session, shape: StreamShape, request: ReadRequest, bounds: Sequence[Sql], notes: list[str]
) -> tuple[int | None, bool]:
    if request.mode is ReadMode.BY_KEYS:
        return len(request.keys), False
    where = f"streams.{shape.name}.read.query"
    body = Sql(derived(shape.query, "h")) + all_of(bounds)
    try:
        (found,) = session.rows_within(PLAN_SECONDS, Sql("SELECT COUNT(*) AS n FROM ") + body, where=where)
        return int(found[0]), True
    except SourceBusy:
        pass
    notes.append(f"Counting the rows took longer than {PLAN_SECONDS} seconds and was given up.")
    return _estimate(session, body, where), False


def _estimate(session: Session, body: Sql, where: str) -> int | None:
    explain = _EXPLAIN.get(session.dialect.name)
    if explain is None:
        return None
    try:
        ((answer,),) = session.rows(Sql(f"{explain}SELECT 1 FROM ") + body, where=where)  # noqa: S608 - binds only
        return int(json.loads(answer)[0]["Plan"]["Plan Rows"])
    except (DriverError, ValueError, KeyError, IndexError, TypeError):
        return None
