"""What a page may not be, whatever the source says."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from drivers.contract import ReadMode, ReadRequest, SourceChanged, StreamSpec
from drivers.odbc.dialects import ANSI
from drivers.odbc.options import parse_stream
from drivers.odbc.queries import Sql
from drivers.odbc.reading import PageReader
from drivers.odbc.shape import Kind, QueryColumn, StreamShape

READ = {"query": "select no, item from po", "key": ["no", "item"]}
KEY = (QueryColumn("no", Kind.TEXT), QueryColumn("item", Kind.INTEGER))
SHAPE = StreamShape("s", parse_stream("s", READ), "select no, item from po", KEY, KEY, None, None, ())


class Circle:
    """Compares otherwise than it orders: behind any row it finds the same rows again."""

    dialect = ANSI

    def borrow(self) -> tuple[Any, bool]:
        return self, False

    def begin(self, where: str) -> None: ...

    def end(self) -> None: ...

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
