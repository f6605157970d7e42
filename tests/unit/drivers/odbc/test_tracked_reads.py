"""A page of tracked changes, while the source forgets some of them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from drivers.contract import Mark, MarkKind, ReadMode, ReadRequest, StreamSpec
from drivers.cursors import Position, encode_cursor
from drivers.odbc.dialects import SQLSERVER
from drivers.odbc.options import parse_stream
from drivers.odbc.queries import Sql
from drivers.odbc.reading import PageReader
from drivers.odbc.shape import Kind, QueryColumn, StreamShape

READ = {"query": "select id from po", "key": ["id"], "change_tracking": {"po": ["id"]}}
KEY = QueryColumn("id", Kind.INTEGER)
SHAPE = StreamShape("s", parse_stream("s", READ), "select id from po", (KEY,), (KEY,), None, None, ())


class Source:
    """Three rows, of which the tracked changes name one; what is kept of them is told anew at each question."""

    dialect = SQLSERVER

    def __init__(self, *oldest: int) -> None:
        self._oldest = list(oldest)
        self.pages: list[str] = []
        self.rows = [2]

    def borrow(self) -> tuple[Any, bool]:
        return self, False

    def begin(self, where: str) -> None: ...

    def end(self) -> None: ...

    def close(self) -> None: ...

    def read(self, sql: Sql, *, where: str) -> pa.Table:
        if "MIN_VALID_VERSION" in sql.text:
            return pa.table({"": [self._oldest.pop(0)]})
        if "CURRENT_VERSION" in sql.text:
            return pa.table({"": [20]})
        if "IS NULL" in sql.text:
            return pa.table({"found": pa.array([], pa.int64())})
        tracked = "CHANGETABLE" in sql.text
        self.pages.append("changes" if tracked else "every row")
        ids = self.rows if tracked else [1, 2, 3]
        return pa.table({"id": ids, "__gw_version": [15 if tracked else 20] * len(ids)})


def page(source: Source, behind: int | None = None) -> list[str]:
    """`behind`: the version that the page before ended with, in a read that was cut short."""
    marks = (Mark(MarkKind.INTEGER, "10"), Mark(MarkKind.INTEGER, "20"))
    after = behind and encode_cursor(Position(ReadMode.CHANGES, (str(behind), "0")))
    request = ReadRequest(StreamSpec("s", "vendor", READ), ReadMode.CHANGES, *marks, after=after)
    session: Any = source
    reader = PageReader(session, SHAPE, request)
    table = reader.finish(reader.fetch(reader.start())).table
    assert table.column_names == ["__key", "id"]
    return table.column("__key").to_pylist()


def test_changes_that_are_kept_before_and_behind_the_page_are_enough() -> None:
    source = Source(3, 10)

    assert (page(source), source.pages) == (["2"], ["changes"])


def test_changes_that_were_forgotten_while_they_were_read_are_not_relied_on() -> None:
    source = Source(3, 11)

    assert (page(source), source.pages) == (["1", "2", "3"], ["changes", "every row"])


def test_changes_that_are_not_kept_are_not_asked_for() -> None:
    source = Source(11)

    assert (page(source), source.pages) == (["1", "2", "3"], ["every row"])


def test_a_resumed_read_goes_on_with_changes() -> None:
    source = Source(3, 3)

    assert (page(source, behind=12), source.pages) == (["2"], ["changes"])


def test_a_resumed_read_of_every_row_goes_on_with_every_row() -> None:
    """A database that was restored may have passed the known version meanwhile, and its changes tell of nothing else."""
    source = Source(3, 3)

    assert (page(source, behind=20), source.pages) == (["1", "2", "3"], ["every row"])


def test_no_end_of_a_page_of_changes_is_told_ahead_for_what_is_asked_next_depends_on_the_page() -> None:
    session: Any = Source(3, 10)
    marks = (Mark(MarkKind.INTEGER, "10"), Mark(MarkKind.INTEGER, "20"))
    reader = PageReader(
        session, SHAPE, ReadRequest(StreamSpec("s", "vendor", READ), ReadMode.CHANGES, *marks, page_rows=1)
    )
    told: list[Position] = []
    session.rows = [2, 3]

    assert not reader.fetch(reader.start(), told.append).complete
    assert told == []
