"""Laws of the text form of keys."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from drivers.keys import decode_key, encode_key, encode_keys

PARTS = st.text(alphabet="aé%~7E25 ", max_size=6)
ROWS = st.lists(st.tuples(PARTS, PARTS), max_size=8)


@given(st.lists(PARTS, min_size=1, max_size=4))
def test_a_key_is_told_apart_into_the_parts_it_was_made_of(parts: list[str]) -> None:
    assert decode_key(encode_key(parts)) == parts


@given(ROWS, st.integers(0, 8), st.integers(0, 8))
def test_whole_columns_give_the_keys_that_rows_give_however_they_are_cut(
    rows: list[tuple[str, str]], start: int, length: int
) -> None:
    table = pa.table({"a": pa.array([a for a, _ in rows], pa.string()), "b": pa.array([b for _, b in rows])})
    table = table.cast(pa.schema({"a": pa.string(), "b": pa.string()}))
    twice = pa.concat_tables([table, table]).slice(start, length)

    keys = encode_keys([twice["a"], twice["b"]]).to_pylist()

    assert keys == [encode_key(row) for row in [*rows, *rows][start : start + length]]


def test_a_null_in_any_part_is_no_key_and_other_types_are_written_as_texts() -> None:
    keys = encode_keys([pa.array(["a~", None, "c"]), pa.array([1, 2, None])])

    assert keys.to_pylist() == ["a%7E~1", None, None]


def test_an_array_that_is_no_chunked_one_is_escaped_too() -> None:
    assert encode_keys([pa.array(["50 %", "plain"])]).to_pylist() == ["50 %25", "plain"]
