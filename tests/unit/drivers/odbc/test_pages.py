"""What a page may not be, whatever the source says."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from drivers.contract import Mark, MarkKind, ReadMode, ReadRequest, SourceChanged, StreamSpec
from drivers.odbc.dialects import ANSI
from drivers.odbc.options import parse_stream
from drivers.odbc.queries import Sql
from drivers.odbc.reading import Fetched, PageReader
from drivers.odbc.shape import Kind, QueryColumn, StreamShape

READ = {"query": "select no, item from po", "key": ["no", "item"]}
KEY = (QueryColumn("no", Kind.TEXT), QueryColumn("item", Kind.INTEGER))
SHAPE = StreamShape("s", parse_stream("s", READ), "select no, item from po", KEY, KEY, None, None, ())


class Circle:
    """Compares otherwise than it orders: behind any row it finds the same rows again."""

    dialect = ANSI
    told_to_stop = False

    def borrow(self) -> tuple[Any, bool]:
        return self, False

    def begin(self, where: str) -> None: ...

    def end(self) -> None: ...

    def close(self) -> None: ...

    def read(self, sql: Sql, *, where: str) -> pa.Table:
        if "IS NULL" in sql.text:
            return pa.table({"found": pa.array([], pa.int64())})
        return pa.table({"no": ["a", "ä", "b", "c"], "item": [1, 1, 1, 1]})


def test_a_source_that_leads_in_a_circle_is_an_error_and_no_endless_read() -> None:
    source: Any = Circle()
    reader = PageReader(
        source, SHAPE, ReadRequest(StreamSpec("s", "vendor", READ), ReadMode.SCAN, page_rows=3)
    )
    first = reader.fetch(None)

    with pytest.raises(SourceChanged, match=r"again .*\(b, 1\)") as caught:
        reader.fetch(first.position)

    assert "collation" in caught.value.hint


NUMBER, VERSION = QueryColumn("no", Kind.INTEGER), QueryColumn("version", Kind.INTEGER)
VERSIONED = {"query": "select no, version from po", "key": ["no"], "replication_key": "version"}
CHANGING = StreamShape(
    "s",
    parse_stream("s", VERSIONED),
    "select no, version from po",
    (NUMBER, VERSION),
    (NUMBER,),
    VERSION,
    MarkKind.INTEGER,
    (),
)


class Heard:
    """Answers each page with the same two rows, and keeps what it was asked."""

    dialect = ANSI
    told_to_stop = False

    def __init__(self) -> None:
        self.asked: list[Sql] = []

    def borrow(self) -> tuple[Any, bool]:
        return self, False

    def begin(self, where: str) -> None: ...

    def end(self) -> None: ...

    def close(self) -> None: ...

    def read(self, sql: Sql, *, where: str) -> pa.Table:
        if "ORDER BY" not in sql.text:
            return pa.table({"found": pa.array([], pa.int64())})
        self.asked.append(sql)
        return pa.table({"no": [1, 2], "version": [7, 7]})


def test_changes_are_asked_for_with_both_ends_and_go_on_behind_stamp_and_key() -> None:
    """Rows with the stamp of a bound, or of the last row of a page, are neither skipped nor left out."""
    source: Any = Heard()
    start, end = Mark(MarkKind.INTEGER, "5"), Mark(MarkKind.INTEGER, "7")
    reader = PageReader(
        source,
        CHANGING,
        ReadRequest(StreamSpec("s", "vendor", VERSIONED), ReadMode.CHANGES, start, end, page_rows=1),
    )
    first = reader.fetch(None)
    assert source.asked[-1].text.count(" WHERE ") == 1
    assert '"version" >= ' in source.asked[-1].text
    assert '"version" <= ' in source.asked[-1].text
    assert source.asked[-1].parameters == ("5", "7")

    with pytest.raises(SourceChanged):  # it gives the same rows again; what counts is what it was asked
        reader.fetch(first.position)

    assert source.asked[-1].parameters[:2] == ("5", "7")
    assert set(source.asked[-1].parameters[2:]) == {"7", "1"}
    assert '"no" > ' in source.asked[-1].text


def test_a_page_tells_where_it_ends_before_its_lines_are_asked_for_and_only_if_there_is_more() -> None:
    source: Any = Heard()
    told: list[tuple[str, ...]] = []

    def read(page_rows: int) -> Fetched:
        request = ReadRequest(StreamSpec("s", "vendor", VERSIONED), ReadMode.SCAN, page_rows=page_rows)
        return PageReader(source, CHANGING, request).fetch(
            None, lambda position: told.append(position.values)
        )

    assert not read(1).complete
    assert told == [("1",)]
    assert read(2).complete
    assert told == [("1",)]
