from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.mapping.toml import inline, map_table

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.one_of(TEXTS, st.booleans(), st.integers(-(2**63), 2**63 - 1)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)


@given(VALUES)
def test_a_value_is_read_as_it_was_written(value: Any) -> None:
    assert tomllib.loads(f"v = {inline(value)}")["v"] == value


@given(
    st.dictionaries(st.one_of(TEXTS, st.sampled_from(["custom", "lookups", "lineItems"])), VALUES, max_size=4)
)
def test_a_whole_map_table_is_read_as_it_was_written(table: dict[str, Any]) -> None:
    read = tomllib.loads(map_table("orders", table))

    assert read["streams"]["orders"]["map"] == table


def test_a_map_table_reads_as_people_write_it() -> None:
    table = {
        "orderNo": "no",
        "lineItems": {"lines": "lines", "map": {"lineNo": {"from": "pos", "trim": True}}},
        "custom": {"Cost centre": "cc"},
    }

    assert map_table("orders", table) == (
        "[streams.orders.map]\n"
        'orderNo = "no"\n'
        "\n"
        "[streams.orders.map.lineItems]\n"
        'lines = "lines"\n'
        "\n"
        "[streams.orders.map.lineItems.map]\n"
        'lineNo = { from = "pos", trim = true }\n'
        "\n"
        "[streams.orders.map.custom]\n"
        '"Cost centre" = "cc"\n'
    )
