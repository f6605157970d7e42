"""How far a read may go: the mark that every change lies behind which is made from now on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from drivers.contract import Mark, MarkKind
from drivers.local_time import settled
from drivers.odbc import queries
from drivers.odbc.dialects import Dialect
from drivers.odbc.options import StreamOptions
from drivers.odbc.positions import mark_of
from drivers.odbc.queries import Sql
from drivers.odbc.session import Session
from drivers.odbc.shape import Kind, QueryColumn, StreamShape
from drivers.odbc.tracking import tracked_tables
from drivers.recipes.tables import duration

# The floor of an empty source: nothing that comes later can lie below it.
_LOWEST: Final = {MarkKind.INTEGER: str(-(2**63)), MarkKind.BINARY: "00" * 8}
# SQL Server's types that keep less than they are printed with.
_COARSE: Final = {"datetime": timedelta(milliseconds=4), "smalldatetime": timedelta(minutes=1)}
_WHOLE_SECONDS: Final = 19  # characters of a moment without a fraction


def signpost_of(session: Session, shape: StreamShape) -> Mark | None:
    """None: the stream says nothing of changes."""
    tables = tracked_tables(session.dialect, shape)
    if tables is not None:
        return Mark(MarkKind.INTEGER, str(tables.current(session.value)))
    column, kind = shape.replication, shape.mark_kind
    if column is None or kind is None:
        return None
    where = f"streams.{shape.name}.read.replication_key"
    now = _now(session.dialect, column, kind, shape.options.replication_clock)
    if now is None:
        highest = session.rows(queries.highest_mark(session.dialect, shape, column), where=where)
        return mark_of(highest[0][0], kind) if highest else Mark(kind, _LOWEST[kind])
    value = session.rows(now, where=where)[0][0]
    zoned = column.kind is Kind.TIMESTAMP_TZ
    if kind is MarkKind.TIMESTAMP:
        value = _settled(datetime.fromisoformat(str(value)), shape.options, column, zoned=zoned)
    return mark_of(value, kind, zoned=zoned)


def step_of(options: StreamOptions, column: QueryColumn) -> timedelta:
    """How finely the column keeps its stamps: as the stream says, or as the column is declared."""
    if options.replication_step:
        return duration(options.replication_step, where="replication_step")
    if column.native in _COARSE:
        return _COARSE[column.native]
    if column.size == _WHOLE_SECONDS:
        return timedelta(seconds=1)
    declared = column.scale if column.size == _WHOLE_SECONDS + 1 + column.scale else 6
    return timedelta(seconds=10.0**-declared) if declared < 6 else timedelta(0)  # noqa: PLR2004 - microseconds


def _settled(now: datetime, options: StreamOptions, column: QueryColumn, *, zoned: bool) -> datetime:
    """A stamp that is cut or rounded may lie by a whole step before the change that it was made for."""
    now -= step_of(options, column)
    if zoned or not options.time_zone or options.replication_clock != "local":
        return now
    return settled(now, ZoneInfo(options.time_zone))


def _now(dialect: Dialect, column: QueryColumn, kind: MarkKind, clock: str) -> Sql | None:
    """The statement that asks the source for its present mark; None: its highest value has to do."""
    if kind is MarkKind.BINARY and dialect.safe_rowversion:
        return Sql(f"SELECT {dialect.safe_rowversion}{dialect.row_source}")
    if kind not in {MarkKind.TIMESTAMP, MarkKind.DATE}:
        return None
    which = "date" if kind is MarkKind.DATE else "zoned" if column.kind is Kind.TIMESTAMP_TZ else clock
    return Sql(f"SELECT {dialect.now.get(which) or dialect.now['local']}{dialect.row_source}")
