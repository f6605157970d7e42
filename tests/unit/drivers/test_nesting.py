from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from drivers.nesting import LineSet, nest


def nested_by_hand(keys: list[str], lines: list[tuple[str, int]]) -> list[list[dict[str, int]]]:
    return [[{"n": n} for parent, n in lines if parent == key] for key in keys]


def line_set(lines: list[tuple[str, int]], chunks: int = 1, name: str = "lines") -> LineSet:
    step = max(1, len(lines) // chunks)
    parts = [lines[at : at + step] for at in range(0, len(lines), step)] or [[]]
    parents = pa.chunked_array([pa.array([p for p, _ in part], pa.string()) for part in parts], pa.string())
    numbers = pa.chunked_array([pa.array([n for _, n in part], pa.int64()) for part in parts], pa.int64())
    return LineSet(name, parents, pa.table({"n": numbers}))


def headers(keys: list[str]) -> tuple[pa.Table, pa.ChunkedArray]:
    column = pa.chunked_array([pa.array(keys, pa.string())])
    return pa.table({"k": column}), column


@given(
    keys=st.lists(st.text(max_size=3), unique=True, max_size=8),
    lines=st.lists(st.tuples(st.text(max_size=2), st.integers(0, 9)), max_size=30),
    chunks=st.integers(1, 4),
)
def test_every_line_lies_under_its_header_in_its_own_order(
    keys: list[str], lines: list[tuple[str, int]], chunks: int
) -> None:
    """Whatever the order and number of lines: the same as a row-by-row reference; strangers are left out."""
    table, column = headers(keys)

    found = nest(table, column, [line_set(lines, chunks)])

    assert found.column("lines").to_pylist() == nested_by_hand(keys, lines)
    assert found.column("k").to_pylist() == keys


def test_a_header_without_lines_has_an_empty_list_and_not_null() -> None:
    table, column = headers(["a", "b", "c"])

    found = nest(table, column, [line_set([("b", 1)])])

    assert found.column("lines").to_pylist() == [[], [{"n": 1}], []]
    assert found.column("lines").null_count == 0


def test_several_sets_lie_side_by_side() -> None:
    table, column = headers(["a"])

    found = nest(table, column, [line_set([("a", 1)]), line_set([("a", 7), ("a", 8)], name="stock")])

    assert found.to_pylist() == [{"k": "a", "lines": [{"n": 1}], "stock": [{"n": 7}, {"n": 8}]}]


def test_no_headers_and_no_lines_still_have_the_column_s_type() -> None:
    table, column = headers([])

    found = nest(table, column, [line_set([])])

    assert found.schema.field("lines").type == pa.list_(pa.struct([("n", pa.int64())]))
