"""Texts in no character set: what the column that holds them keeps, and how a record is named whose key is one."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import ReadMode
from drivers.cursors import Position, decode_cursor, encode_cursor
from drivers.keys import UNREADABLE_PART, decode_key, decode_raw_key, encode_key, encode_keys
from drivers.unreadable import UnreadableText, column_of, is_raw, places, raw_texts, to_bytes

BYTES = st.binary(max_size=6) | st.sampled_from([b"M\xfcller", "Müller".encode(), b"%FC~", b"%", b"~"])
BAD = b"M\xfcller"


def test_readable_texts_are_a_column_of_texts() -> None:
    assert column_of([b"a", None, "ü".encode()]).equals(pa.array(["a", None, "ü"]))


def test_one_that_is_none_is_told_by_its_place_and_the_others_are_what_they_are() -> None:
    column = column_of([b"a", BAD, None, b"\xff", "ü".encode()])

    assert column.type == UnreadableText()
    assert places(column) == {1: (2, 6), 3: (1, 1)}
    assert column.to_pylist() == ["a", "M\\xfcller", None, "\\xff", "ü"]
    assert places(column.slice(1, 2)) == {0: (2, 6)}
    assert raw_texts(pa.chunked_array([column]).slice(3)) == ["\udcff", "ü"]


@given(st.lists(st.tuples(BYTES, BYTES), max_size=6, unique=True))
def test_records_whose_keys_are_no_text_have_names_of_their_own(rows: list[tuple[bytes, bytes]]) -> None:
    columns = [column_of([row[at] for row in rows]) for at in (0, 1)]

    keys = [str(key) for key in encode_keys(columns).to_pylist()]

    assert len(set(keys)) == len(rows)
    assert not any(map(is_raw, keys))
    assert [tuple(to_bytes(part) for part in decode_raw_key(key)) for key in keys] == rows


@given(st.lists(st.text("aé%~7EFC"), min_size=1, max_size=3))
def test_no_key_of_texts_looks_as_if_it_were_none(parts: list[str]) -> None:
    key = encode_key(parts)

    assert decode_raw_key(key) == decode_key(key) == parts
    assert not any(pa.compute.match_substring_regex(pa.array([key]), UNREADABLE_PART).to_pylist())


def test_a_position_at_such_a_key_is_kept_in_a_text_that_any_file_takes() -> None:
    position = Position(ReadMode.SCAN, values=("ü", "M\udcfcller"))

    cursor = encode_cursor(position)

    assert cursor.isascii()
    assert decode_cursor(cursor, mode=ReadMode.SCAN, width=2, where="") == position
