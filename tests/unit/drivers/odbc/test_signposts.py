"""How far a read may go, where the column keeps less than the clock tells."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import BadConfiguration, MarkKind
from drivers.odbc.dialects import SQLSERVER
from drivers.odbc.options import StreamOptions, parse_stream
from drivers.odbc.queries import Sql
from drivers.odbc.shape import Kind, QueryColumn, StreamShape
from drivers.odbc.signposts import signpost_of, step_of

KEY = QueryColumn("id", Kind.INTEGER)


def options(**more: str) -> StreamOptions:
    return parse_stream("s", {"query": "select 1", "key": ["id"], "replication_key": "at", **more})


@pytest.mark.parametrize(
    ("column", "step"),
    [
        (QueryColumn("at", Kind.TIMESTAMP, "smalldatetime", 16, 0), timedelta(minutes=1)),
        (QueryColumn("at", Kind.TIMESTAMP, "datetime", 23, 3), timedelta(milliseconds=4)),
        (QueryColumn("at", Kind.TIMESTAMP, "datetime2", 19, 0), timedelta(seconds=1)),
        (QueryColumn("at", Kind.TIMESTAMP, "datetime2", 23, 3), timedelta(milliseconds=1)),
        (QueryColumn("at", Kind.TIMESTAMP, "timestamp without time zone", 26, 6), timedelta(0)),
        (QueryColumn("at", Kind.TIMESTAMP, "", 0, 0), timedelta(0)),
    ],
)
def test_a_column_tells_how_finely_it_keeps_its_stamps(column: QueryColumn, step: timedelta) -> None:
    assert step_of(options(), column) == step
    assert step_of(options(replication_step="5m"), column) == timedelta(minutes=5)


class Clock:
    dialect = SQLSERVER

    def __init__(self, now: datetime) -> None:
        self._now = now

    def rows(self, sql: Sql, *, where: str) -> list[Any]:
        assert sql.text == "SELECT SYSDATETIME()"
        return [(self._now,)]


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    st.timedeltas(timedelta(0), timedelta(minutes=3)),
    st.booleans(),
)
def test_no_change_is_stamped_before_a_signpost_that_was_taken_before_it(
    now: datetime, later: timedelta, rounds: bool
) -> None:
    column = QueryColumn("at", Kind.TIMESTAMP, "smalldatetime", 16, 0)
    shape = StreamShape("s", options(), "select 1", (KEY, column), (KEY,), column, MarkKind.TIMESTAMP, ())
    session: Any = Clock(now)

    signpost = signpost_of(session, shape)

    changed = now + later
    stamp = (changed + timedelta(seconds=30 if rounds else 0)).replace(second=0, microsecond=0)
    assert signpost is not None
    assert stamp >= datetime.fromisoformat(signpost.value)


def test_a_step_that_is_none_is_refused_with_its_place() -> None:
    with pytest.raises(BadConfiguration) as caught:
        options(replication_step="often")

    assert caught.value.where == "streams.s.read.replication_step"
