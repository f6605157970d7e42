"""Wide tables in groups of columns that each repeat the key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import BadConfiguration
from drivers.rfc.abap import Field
from drivers.rfc.groups import groups, refuse_long

KEY = [Field("EBELN", "CHAR", 10, is_key=True), Field("EBELP", "NUMC", 5, is_key=True)]


@given(st.lists(st.integers(1, 132), min_size=1, max_size=120), st.sampled_from([512, 2_000]))
def test_every_column_is_in_one_group_and_every_group_fits_and_has_the_key(
    widths: list[int], limit: int
) -> None:
    fields = [*KEY, *(Field(f"C{n}", "CHAR", width) for n, width in enumerate(widths))]

    found = groups(fields, KEY, limit)

    assert all(group[:2] == tuple(KEY) for group in found)
    assert all(sum(field.width for field in group) <= limit for group in found)
    assert [field for group in found for field in group[2:]] == fields[2:]


def test_keys_alone_are_one_group() -> None:
    assert groups(KEY, KEY, 512) == [tuple(KEY)]


def test_packed_numbers_count_with_sign_and_point() -> None:
    assert Field("NETPR", "CURR", 11, 2).width == 13
    assert Field("GUID", "RAW", 16).width == 32


def test_a_column_wider_than_any_row_is_named() -> None:
    with pytest.raises(BadConfiguration, match="LONG"):
        groups([*KEY, Field("LONG", "CHAR", 500)], KEY, 512)


def test_columns_of_unlimited_length_are_named() -> None:
    with pytest.raises(BadConfiguration, match="TXT, BIN"):
        refuse_long(
            "ZTAB", [*KEY, Field("TXT", "STRG", 0), Field("BIN", "RSTR", 0)], where="streams.x.read.columns"
        )
    refuse_long("EKPO", KEY, where="")
