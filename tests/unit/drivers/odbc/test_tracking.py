"""What SQL Server is asked for the changes that it keeps account of, as text."""

from __future__ import annotations

import pytest

from drivers.contract import (
    BadConfiguration,
    Mark,
    MarkKind,
    ReadMode,
    ReadRequest,
    SourceChanged,
    StreamSpec,
)
from drivers.odbc.dialects import POSTGRESQL, SQLSERVER
from drivers.odbc.options import parse_stream
from drivers.odbc.queries import Sql
from drivers.odbc.shape import Kind, QueryColumn, StreamShape
from drivers.odbc.tracking import TrackedRead, tracked_tables

READ = {
    "query": "select No_, Vendor from [dbo].[Purchase Header]",
    "key": ["No_"],
    "change_tracking": {"[dbo].[Purchase Header]": ["No_"], "[dbo].[Purchase Line]": ["Document No_"]},
}
NUMBER = QueryColumn("No_", Kind.TEXT, "nvarchar")
SHAPE = StreamShape(
    "orders",
    parse_stream("orders", READ),
    str(READ["query"]),
    (NUMBER, QueryColumn("Vendor", Kind.TEXT)),
    (NUMBER,),
    None,
    None,
    (),
)
OLDEST = "SELECT CHANGE_TRACKING_MIN_VALID_VERSION(OBJECT_ID(?))"
CURRENT = "SELECT CHANGE_TRACKING_CURRENT_VERSION()"


def reading(start: int | None, end: int | None = None) -> TrackedRead:
    tables = tracked_tables(SQLSERVER, SHAPE)
    assert tables is not None
    marks = [None if each is None else Mark(MarkKind.INTEGER, str(each)) for each in (start, end)]
    request = ReadRequest(StreamSpec("orders", "purchase_order", READ), ReadMode.CHANGES, *marks)
    return TrackedRead(SQLSERVER, SHAPE, tables, request)


class Answers:
    def __init__(self, current: int | None, **oldest: int | None) -> None:
        self.asked: list[Sql] = []
        self._current = current
        self._oldest = oldest

    def __call__(self, sql: Sql, _where: str) -> int | None:
        self.asked.append(sql)
        if sql.text == CURRENT:
            return self._current
        assert sql.text == OLDEST
        return self._oldest["header" if "Header" in str(sql.parameters) else "line"]


def test_the_changes_of_header_and_lines_are_joined_to_the_query_by_key() -> None:
    assert reading(40, 50).shape(39).query == (
        "SELECT q.[No_], q.[Vendor], c.[__gw_version] FROM (select No_, Vendor from [dbo].[Purchase Header]\n) q"
        " INNER JOIN (SELECT u.__gw_k0, MAX(u.v) AS [__gw_version] FROM ("
        "SELECT t0.[No_] AS __gw_k0, t0.SYS_CHANGE_VERSION AS v"
        " FROM CHANGETABLE(CHANGES [dbo].[Purchase Header], 39) AS t0"
        " UNION ALL SELECT t1.[Document No_] AS __gw_k0, t1.SYS_CHANGE_VERSION AS v"
        " FROM CHANGETABLE(CHANGES [dbo].[Purchase Line], 39) AS t1"
        ") u GROUP BY u.__gw_k0) c ON q.[No_] = c.__gw_k0"
    )


def test_every_row_counts_as_changed_last_where_nobody_knows_what_changed() -> None:
    assert reading(40, 50).shape(None).query == (
        "SELECT q.[No_], q.[Vendor], CAST('50' AS bigint) AS [__gw_version]"
        " FROM (select No_, Vendor from [dbo].[Purchase Header]\n) q"
    )


@pytest.mark.parametrize(
    ("start", "oldest", "current", "since"),
    [
        (40, (3, 7), 50, 39),
        (7, (3, 7), 50, 7),  # what is kept begins right behind what is known
        (6, (3, 7), 50, None),
        (51, (3, 7), 50, None),  # of a time before the database was restored
        (50, (3, 7), 50, 49),
        (None, (3, 7), 50, None),
    ],
)
def test_changes_are_asked_for_only_as_far_as_every_table_keeps_them(
    start: int | None, oldest: tuple[int, int], current: int, since: int | None
) -> None:
    assert reading(start).since(Answers(current, header=oldest[0], line=oldest[1])) == since


def test_a_read_that_began_with_every_row_goes_on_with_every_row() -> None:
    """A restored database passes the known version again while it is read."""
    read = reading(51)
    before = read.since(Answers(50, header=3, line=7))

    assert (before, read.since(Answers(60, header=3, line=7))) == (None, None)


def test_a_database_or_a_table_without_change_tracking_is_told_with_what_to_do() -> None:
    tables = tracked_tables(SQLSERVER, SHAPE)
    assert tables is not None

    with pytest.raises(SourceChanged) as database:
        tables.current(Answers(None))
    with pytest.raises(Exception, match="Purchase Line") as table:
        tables.oldest(Answers(5, header=1, line=None))

    assert "SET CHANGE_TRACKING = ON" in database.value.hint
    assert "GRANT VIEW CHANGE TRACKING" in getattr(table.value, "hint", "")


def test_a_product_that_keeps_no_account_is_refused() -> None:
    with pytest.raises(BadConfiguration) as caught:
        tracked_tables(POSTGRESQL, SHAPE)

    assert caught.value.where == "streams.orders.read.change_tracking"


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"replication_key": "No_"}, "change_tracking"),
        ({"change_tracking": {"dbo.x": ["a", "b"]}}, "change_tracking.dbo.x"),
    ],
)
def test_options_that_contradict_each_other_are_refused(more: dict[str, object], where: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        parse_stream("orders", {**READ, **more})

    assert caught.value.where == f"streams.orders.read.{where}"


def test_the_name_of_a_table_cannot_bring_a_statement() -> None:
    options = parse_stream("orders", {**READ, "change_tracking": {"x, 0) AS t; drop table y --": ["No_"]}})
    shape = StreamShape("orders", options, SHAPE.query, SHAPE.columns, SHAPE.key, None, None, ())

    with pytest.raises(BadConfiguration, match="not the name of a table"):
        tracked_tables(SQLSERVER, shape)
