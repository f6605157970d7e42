from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Mark, MarkKind, ReadMode, SourceChanged
from drivers.cursors import Position, decode_cursor, encode_cursor
from drivers.odbc.positions import UINT64_MAX, earliest_text, exists_as, mark_of, mark_text
from drivers.odbc.shape import Kind, QueryColumn

STAMP = QueryColumn("t", Kind.TIMESTAMP)
ZONED = QueryColumn("t", Kind.TIMESTAMP_TZ)
NUMBER = QueryColumn("n", Kind.INTEGER)


@given(values=st.lists(st.text(), min_size=1, max_size=4))
def test_a_cursor_comes_back_as_it_went(values: list[str]) -> None:
    position = Position(ReadMode.SCAN, values=tuple(values))

    assert (
        decode_cursor(encode_cursor(position), mode=ReadMode.SCAN, width=len(values), where="w") == position
    )


@given(text=st.text())
def test_any_other_text_is_refused_by_one_error(text: str) -> None:
    with pytest.raises(SourceChanged, match="position"):
        decode_cursor(text, mode=ReadMode.CHANGES, width=2, where="w")


def test_a_cursor_of_another_mode_or_width_is_refused() -> None:
    cursor = encode_cursor(Position(ReadMode.SCAN, values=("a",)))

    for mode, width in ((ReadMode.WINDOW, 1), (ReadMode.SCAN, 2)):
        with pytest.raises(SourceChanged):
            decode_cursor(cursor, mode=mode, width=width, where="w")


@given(moment=st.datetimes())
def test_microseconds_survive_the_way_from_source_to_parameter(moment: object) -> None:
    mark = mark_of(moment, MarkKind.TIMESTAMP)

    assert mark_text(mark, STAMP, expected=MarkKind.TIMESTAMP, where="w") == str(moment) + (
        ".000000" if "." not in str(moment) else ""
    )


def test_a_zoned_mark_is_bound_in_utc_and_a_local_one_keeps_no_zone() -> None:
    mark = Mark(MarkKind.TIMESTAMP, "2026-01-01T10:00:00.000001+02:00")

    assert (
        mark_text(mark, ZONED, expected=MarkKind.TIMESTAMP, where="w") == "2026-01-01 08:00:00.000001+00:00"
    )
    with pytest.raises(SourceChanged):
        mark_text(mark, STAMP, expected=MarkKind.TIMESTAMP, where="w")


def test_an_integer_mark_moved_below_what_the_source_can_hold_is_held_there() -> None:
    mark = Mark(MarkKind.INTEGER, str(-(2**63) - 500))

    assert mark_text(mark, NUMBER, expected=MarkKind.INTEGER, where="w") == str(-(2**63))


def test_a_mark_of_another_kind_is_refused() -> None:
    with pytest.raises(SourceChanged, match="does not fit"):
        mark_text(Mark(MarkKind.DATE, "2026-01-01"), NUMBER, expected=MarkKind.INTEGER, where="w")


def test_the_upper_half_of_unsigned_integers_exists_where_the_product_has_it() -> None:
    for text, signed, unsigned in (
        (str(2**63), False, True),
        (str(2**64 - 1), False, True),
        (str(2**64), False, False),
        (str(-(2**63)), True, True),
    ):
        assert exists_as(NUMBER, text, nul_in_text=True) is signed
        assert exists_as(NUMBER, text, nul_in_text=True, largest=UINT64_MAX) is unsigned
    mark = Mark(MarkKind.INTEGER, str(2**64 + 5))
    assert mark_text(mark, NUMBER, expected=MarkKind.INTEGER, where="w", largest=UINT64_MAX) == str(2**64 - 1)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Kind.INTEGER, "-5", ["", "05", "1e3", "99999999999999999999", "\u0661"]),
        (Kind.DECIMAL, "1.50", ["NaN", "x", "1_0"]),
        (Kind.UUID, "60075b50-8ee5-4f18-a961-e6db658ed87c", ["60075b50"]),
        (Kind.DATE, "2026-01-02", ["2026-13-01", "infinity"]),
        (Kind.TIMESTAMP, "2026-01-02 03:04:05.000006", ["soon"]),
        (Kind.TIME, "00:00:00", ["25:00"]),
        (Kind.BINARY, "00ff", ["0", "xx"]),
        (Kind.BOOLEAN, "true", ["yes"]),
        (Kind.BOOLEAN, "t", ["tr"]),  # PostgreSQL's
        (Kind.BOOLEAN, "1", ["2"]),  # MariaDB's
        (Kind.TEXT, "O'Brien", ["a\0b"]),
    ],
)
def test_a_key_that_cannot_be_a_value_of_its_column_is_not_asked_for(
    kind: Kind, good: str, bad: list[str]
) -> None:
    column = QueryColumn("k", kind)

    assert exists_as(column, good, nul_in_text=False)
    assert not any(exists_as(column, text, nul_in_text=False) for text in bad)


def test_the_shortest_text_of_a_moment_has_no_idle_noughts() -> None:
    assert earliest_text("2026-01-01 00:00:00.000000") == "2026-01-01 00:00:00"
    assert earliest_text("2026-01-01 00:00:00.120000") == "2026-01-01 00:00:00.12"
    assert earliest_text("2026-01-01 00:00:10") == "2026-01-01 00:00:10"
