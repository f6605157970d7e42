from __future__ import annotations

from datetime import UTC, date, datetime, time

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from drivers.odbc.packing import unpack
from drivers.odbc.shape import Kind, QueryColumn
from drivers.odbc.values import typed
from drivers.unreadable import column_of

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
cells = (
    st.none()
    | texts
    | st.sampled_from(["", '"', "\\", "a,b", "(x)", "\n", "\r\n", "NULL", "\\\\", '""', " "])
)


def record_out(cells: list[str | None]) -> str:
    """A row as PostgreSQL prints it, between the two noughts, with the line feed the query adds."""
    return f"(0,{','.join(_field(cell) for cell in cells)},0)\n"


def _field(cell: str | None) -> str:
    if cell is None:
        return ""
    if cell and not any(c in '"\\(),' or c.isspace() for c in cell):
        return cell
    return '"' + cell.replace("\\", "\\\\").replace('"', '""') + '"'


def columns(*kinds: Kind) -> list[QueryColumn]:
    return [QueryColumn(f"c{number}", kind) for number, kind in enumerate(kinds)]


def packed(rows: list[list[str | None]], chunks: int = 1) -> pa.ChunkedArray:
    lines = [record_out(row) for row in rows]
    step = max(1, -(-len(lines) // chunks))
    parts = [lines[at : at + step] for at in range(0, len(lines), step)]
    return pa.chunked_array([pa.array(part, pa.string()) for part in parts], pa.string())


@given(rows=st.lists(st.lists(cells, min_size=3, max_size=3), max_size=10), chunks=st.integers(1, 3))
def test_any_text_comes_back_as_it_was_and_null_is_not_empty(
    rows: list[list[str | None]], chunks: int
) -> None:
    found = unpack(packed(rows, chunks), columns(Kind.TEXT, Kind.TEXT, Kind.TEXT))

    assert [list(row.values()) for row in found.to_pylist()] == rows


def test_values_get_their_types() -> None:
    kinds = columns(
        Kind.INTEGER,
        Kind.BOOLEAN,
        Kind.DATE,
        Kind.TIME,
        Kind.TIMESTAMP,
        Kind.TIMESTAMP_TZ,
        Kind.FLOAT,
        Kind.DECIMAL,
    )
    row: list[str | None] = [
        "-5", "t", "2026-01-02", "10:11:12.123456", "2026-01-02 03:04:05.000006", "2026-01-02 03:04:05.5+00:00",
        "-Infinity", "1.10",
    ]  # fmt: skip

    (found,) = typed(unpack(packed([row]), kinds), kinds).to_pylist()

    assert list(found.values()) == [
        -5, True, date(2026, 1, 2), time(10, 11, 12, 123456), datetime(2026, 1, 2, 3, 4, 5, 6),
        datetime(2026, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC), float("-inf"), "1.10",
    ]  # fmt: skip


def test_a_value_outside_its_kind_spoils_neither_the_page_nor_the_other_columns() -> None:
    kinds = columns(Kind.DATE, Kind.INTEGER, Kind.BOOLEAN, Kind.TIME)

    rows: list[list[str | None]] = [
        ["infinity", "1", "t", "10:11:12.000001"],
        ["2026-01-02", None, "f", None],
    ]
    found = typed(unpack(packed(rows), kinds), kinds)

    assert found.column("c0").to_pylist() == ["infinity", "2026-01-02"]
    assert found.column("c1").to_pylist() == [1, None]
    assert found.column("c2").to_pylist() == [True, False]
    assert found.column("c3").to_pylist() == [time(10, 11, 12, 1), None]


def test_columns_of_keys_and_cursors_stay_the_texts_they_were_printed_as() -> None:
    found = unpack(packed([["2026-01-02 03:04:05"]]), columns(Kind.TIMESTAMP), exact=frozenset({"c0"}))

    assert found.column("c0").to_pylist() == ["2026-01-02 03:04:05"]


def test_a_page_without_rows_has_its_columns() -> None:
    for empty in (pa.chunked_array([], pa.string()), pa.chunked_array([pa.array([], pa.string())])):
        found = unpack(empty, columns(Kind.INTEGER, Kind.TEXT))
        assert found.schema == pa.schema([("c0", pa.int64()), ("c1", pa.string())])
        assert found.num_rows == 0


def test_a_slice_of_a_longer_array_is_read_alone() -> None:
    whole = packed([["a"], ["b"], ["c"]])

    assert unpack(whole.slice(1, 1), columns(Kind.TEXT)).to_pylist() == [{"c0": "b"}]


def test_a_row_with_bytes_that_are_no_text_gives_the_other_values_as_they_are() -> None:
    """Backslashes are halved and quotes undone in the bytes as in texts, and numbers are read."""
    lines = [
        record_out(["1", 'a\\b"c', "M?ller"]).encode().replace(b"?", b"\xfc"),
        record_out(["2", None, ""]).encode(),
    ]

    found = unpack(
        pa.chunked_array([column_of(lines)]),
        columns(Kind.INTEGER, Kind.TEXT, Kind.TEXT),
        exact=frozenset({"c1"}),
    )

    assert found["c0"].to_pylist() == [1, 2]
    assert found["c1"].to_pylist() == ['a\\b"c', None]
    assert found["c1"].type == pa.string()
    assert found["c2"].chunk(0).storage.to_pylist() == [b"M\xfcller", b""]
