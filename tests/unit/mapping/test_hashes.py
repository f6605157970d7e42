from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.mapping.hashes import content_hashes, key_hashes

PART = pa.struct({"p": pa.string()})
LINE = pa.struct({"t": pa.string(), "n": pa.int32(), "parts": pa.list_(PART)})
SCHEMA = pa.schema(
    {
        "__key": pa.string(),
        "a": pa.string(),
        "b": pa.string(),
        "i": pa.int64(),
        "d": pa.decimal128(38, 2),
        "f": pa.float64(),
        "o": pa.bool_(),
        "bin": pa.binary(),
        "lines": pa.list_(LINE),
        "tags": pa.list_(pa.string()),
    }
)

texts = st.one_of(st.none(), st.text(alphabet="ab\0\x1f", max_size=3))
parts = st.lists(st.fixed_dictionaries({"p": texts}), max_size=2)
lines = st.lists(
    st.fixed_dictionaries({"t": texts, "n": st.one_of(st.none(), st.integers(-1, 1)), "parts": parts}),
    max_size=2,
)
rows = st.fixed_dictionaries(
    {
        "a": texts,
        "b": texts,
        "i": st.one_of(st.none(), st.integers(-1, 1)),
        "d": st.one_of(
            st.none(), st.sampled_from([Decimal("0.00"), Decimal("-0.01"), Decimal("9" * 36 + ".99")])
        ),
        "f": st.one_of(st.none(), st.sampled_from([0.0, 1.5])),
        "o": st.one_of(st.none(), st.booleans()),
        "bin": st.one_of(st.none(), st.binary(max_size=2)),
        "lines": lines,
        "tags": st.lists(texts, max_size=2),
    }
)


def table_of(records: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([{"__key": "same", **record} for record in records], SCHEMA)


@given(st.lists(rows, min_size=1, max_size=6))
def test_two_hashes_are_equal_exactly_if_the_raw_records_are(records: list[dict[str, Any]]) -> None:
    hashes = content_hashes(table_of(records)).tolist()

    for record, stamp in zip(records, hashes, strict=True):
        for other, other_stamp in zip(records, hashes, strict=True):
            assert (stamp == other_stamp) == (record == other)


@given(
    records=st.lists(rows, min_size=1, max_size=8),
    cuts=st.lists(st.integers(0, 8), max_size=3),
    data=st.data(),
)
def test_a_hash_does_not_depend_on_how_the_page_is_cut_or_stored(
    records: list[dict[str, Any]], cuts: list[int], data: st.DataObject
) -> None:
    table = table_of(records)
    whole = content_hashes(table).tolist()

    bounds = [0, *sorted(min(cut, len(records)) for cut in cuts), len(records)]
    pieces = [table.slice(a, b - a) for a, b in pairwise(bounds)]
    assert content_hashes(pa.concat_tables(pieces)).tolist() == whole
    assert [stamp for piece in pieces for stamp in content_hashes(piece).tolist()] == whole

    order = data.draw(st.permutations(table.column_names))
    assert content_hashes(table.select(order)).tolist() == whole

    encoded = table.set_column(1, "a", table["a"].dictionary_encode())
    assert content_hashes(encoded).tolist() == whole
    large = table.set_column(2, "b", table["b"].cast(pa.large_string()))
    assert content_hashes(large).tolist() == whole


def test_a_renamed_column_is_a_change() -> None:
    assert content_hashes(pa.table({"a": ["1"]})) != content_hashes(pa.table({"b": ["1"]}))


def test_the_key_column_is_left_out_so_that_a_new_key_form_changes_nothing() -> None:
    assert content_hashes(pa.table({"__key": ["1"], "a": ["x"]})) == content_hashes(
        pa.table({"__key": ["2"], "a": ["x"]})
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array([1], pa.int32()), pa.array([1], pa.int64())),
        (pa.array([Decimal("1.50")], pa.decimal128(5, 2)), pa.array([Decimal("1.50")], pa.decimal128(38, 2))),
        (pa.array(["a"]), pa.array(["a"], pa.large_string())),
        (pa.array([1.5], pa.float32()), pa.array([1.5], pa.float64())),
    ],
)
def test_a_wider_type_of_the_same_value_is_no_change(one: pa.Array, other: pa.Array) -> None:
    assert content_hashes(pa.table({"c": one})) == content_hashes(pa.table({"c": other}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array([date(2026, 1, 5)]), pa.array([date(2026, 1, 6)])),
        (pa.array([datetime(2026, 1, 5)]), pa.array([datetime(2026, 1, 5, 0, 0, 0, 1)])),
        (pa.array([time(1)]), pa.array([time(2)])),
        (pa.array([1], pa.time32("s")), pa.array([2], pa.time32("s"))),
        (pa.array([1], pa.duration("s")), pa.array([2], pa.duration("s"))),
        (pa.array([2**64 - 1], pa.uint64()), pa.array([2**64 - 2], pa.uint64())),
        (pa.array([{"x": 1}]), pa.array([{"x": 2}])),
        (pa.array([b"ab"], pa.binary(2)), pa.array([b"ac"], pa.binary(2))),
    ],
)
def test_every_type_of_column_counts(one: pa.Array, other: pa.Array) -> None:
    assert content_hashes(pa.table({"c": one})) != content_hashes(pa.table({"c": other}))
    assert content_hashes(pa.table({"c": one})) == content_hashes(pa.table({"c": one}))


def test_a_hash_never_changes_between_versions() -> None:
    """Stored fingerprints outlive an upgrade; if this number changes, every record of every stream is sent again."""
    table = table_of(
        [{"a": "x", "d": Decimal("1.50"), "lines": [{"t": "y", "n": 1, "parts": []}], "tags": []}]
    )

    assert content_hashes(table).tolist() == [PINNED]


PINNED = 13_617_586_338_408_377_874


def test_an_empty_page_and_a_page_of_keys_alone_have_hashes_too() -> None:
    assert len(content_hashes(table_of([]))) == 0
    assert len(set(content_hashes(pa.table({"__key": ["1", "2"]})).tolist())) == 1


def test_key_hashes_tell_keys_apart_however_they_are_stored() -> None:
    keys = pa.array(["a", "b", "a", "ü"])

    hashes = key_hashes(keys)

    assert hashes.dtype == np.uint64
    assert hashes[0] == hashes[2] != hashes[1]
    assert key_hashes(pa.chunked_array([keys.slice(0, 2), keys.slice(2)])).tolist() == hashes.tolist()
    assert key_hashes(keys.dictionary_encode()).tolist() == hashes.tolist()
