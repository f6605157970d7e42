"""Each changed record once, by its latest mark."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from drivers.rfc.changes import MARK, in_order, latest

ROWS = st.lists(
    st.tuples(st.sampled_from("ABC"), st.text("01", max_size=2), st.text("0123", min_size=1, max_size=3))
)


@given(ROWS, st.integers(1, 5))
def test_the_latest_mark_of_each_key_is_kept(rows: list[tuple[str, str, str]], chunk: int) -> None:
    parts = [rows[start : start + chunk] for start in range(0, len(rows), chunk)] or [[]]
    table = pa.concat_tables(
        pa.table(
            {name: pa.array([row[n] for row in part], pa.string()) for n, name in enumerate(("0", "1", MARK))}
        )
        for part in parts
    )
    expected: dict[tuple[str, str], str] = {}
    for a, b, mark in rows:
        expected[a, b] = max(mark, expected.get((a, b), ""))

    found = latest(table, ["0", "1"])

    assert found.column_names == [MARK, "0", "1"]
    assert [(row["0"], row["1"], row[MARK]) for row in found.to_pylist()] == [
        (*key, mark) for key, mark in sorted(expected.items())
    ]
    by_mark = in_order(found, [MARK, "0", "1"]).to_pylist()
    assert [tuple(row.values()) for row in by_mark] == sorted((mark, *key) for key, mark in expected.items())
