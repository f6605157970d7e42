from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import BadConfiguration
from drivers.odbc.binding import Bound, bound, parse_type, type_of
from drivers.odbc.dialects import DIALECTS
from drivers.odbc.shape import Kind, QueryColumn
from drivers.recipes.values import Unfit

BERLIN = ZoneInfo("Europe/Berlin")


def bind(value: Any, kind: str | None, dialect: str = "postgresql", zone: Any = UTC) -> Bound:
    wanted = parse_type(kind, where="") if kind else None
    return bound(DIALECTS[dialect], value, wanted, zone)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("decimal", "12345678901234567890.12345678901234567890", "12345678901234567890.12345678901234567890"),
        ("decimal", "-0.00000000000000000001", "-0.00000000000000000001"),
        ("decimal", "1E+3", "1000"),
        ("decimal(12,2)", "1.500", "1.5"),
        ("decimal(12,2)", "7.000", "7"),
        ("integer", "42", "42"),
        ("integer", "42.0", "42"),
        ("boolean", True, "1"),
        ("boolean", "false", "0"),
        ("date", "1492-10-12", "1492-10-12"),
        ("timestamp", "2026-01-31T10:00:00Z", "2026-01-31 10:00:00"),
        ("timestamp_tz", "2026-01-31T10:00:00.5+02:00", "2026-01-31 08:00:00.500000+00:00"),
        ("uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("text", "", ""),
        ("decimal", None, None),
    ],
)
def test_a_value_becomes_the_text_of_its_type(kind: str, value: Any, text: str | None) -> None:
    assert bind(value, kind).text == text


def test_a_moment_is_told_in_the_sources_own_time_also_where_the_day_changes() -> None:
    assert bind("2026-07-01T22:30:00Z", "timestamp", zone=BERLIN).text == "2026-07-02 00:30:00"
    assert bind("2026-07-01T22:30:00Z", "date", zone=BERLIN).text == "2026-07-02"


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        ("decimal", "NaN", "not_a_decimal"),
        ("decimal", "1_000", "not_a_decimal"),
        ("decimal", "12,50", "not_a_decimal"),
        ("decimal", True, "not_a_decimal"),
        ("decimal", 0.1, "not_a_value"),
        ("decimal", "1e999999", "not_exact"),
        ("decimal(5,2)", "1.005", "not_exact"),
        ("decimal(5,2)", "1000", "not_exact"),
        ("integer", "1.5", "not_an_integer"),
        ("integer", str(2**63), "not_exact"),
        ("boolean", "yes", "not_a_boolean"),
        ("date", "31.01.2026", "not_a_moment"),
        ("timestamp", "2026-01-31T10:00:00.1234567Z", "not_exact"),
        ("text(3)", "abcd", "too_long"),
        ("text", "a\0b", "not_a_text"),
        ("text", "\ud800", "not_a_text"),
        ("text", ["a"], "not_a_value"),
        ("uuid", "x", "not_a_uuid"),
    ],
)
def test_what_would_not_arrive_as_it_is_is_refused_and_never_rounded_or_cut(
    kind: str, value: Any, code: str
) -> None:
    with pytest.raises(Unfit) as caught:
        bind(value, kind)

    assert caught.value.code == code
    assert str(value) not in caught.value.message


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=10, min_value=-(10**20), max_value=10**20),
    st.sampled_from(sorted(DIALECTS)),
)
def test_an_amount_keeps_its_digits_and_never_enters_the_text(amount: Decimal, dialect: str) -> None:
    made = bind(str(amount), "decimal", dialect)

    assert made.text is not None
    assert Decimal(made.text) == amount
    assert made.place.count("?") == 1
    assert made.text not in made.place or len(made.text) < 3


def test_untyped_values_leave_the_type_to_the_database_but_for_booleans() -> None:
    assert bind("12.50", None) == Bound("?", "12.50")
    assert bind(True, None) == Bound("CAST(? AS boolean)", "1")
    assert bind(3, None) == Bound("?", "3")


@pytest.mark.parametrize("word", ["money", "text(0)", "decimal(2,3)", "date(3)", "decimal()", ""])
def test_a_word_that_is_no_type_is_refused(word: str) -> None:
    with pytest.raises(BadConfiguration):
        parse_type(word, where="streams.s.write.types.x")


@pytest.mark.parametrize(
    ("column", "kept", "refused"),
    [
        (QueryColumn("a", Kind.DECIMAL, "numeric", 12, 2), "1234567890.12", "1.005"),
        (QueryColumn("a", Kind.DECIMAL, "money", 10, 0), "12345678901.50", "1.005"),
        (QueryColumn("a", Kind.FLOAT, "real", 9), "0.123456", "0.1234567"),
        (QueryColumn("a", Kind.FLOAT, "", 17), "123456789012345", "0.1234567890123456"),
        (QueryColumn("a", Kind.FLOAT, "", 0), "100000000000000000000.00", "12345678901234567"),
        (QueryColumn("a", Kind.TIMESTAMP, "", 19, 0), "2026-01-31T23:59:59Z", "2026-01-31T23:59:59.6Z"),
        (QueryColumn("a", Kind.TIMESTAMP, "", 23, 3), "2026-01-31T23:59:59.123Z", "2026-01-31T23:59:59.1234Z"),
        (QueryColumn("a", Kind.TIMESTAMP_TZ, "", 26, 6), "2026-01-31T23:59:59.123456Z", None),
        (QueryColumn("a", Kind.TIMESTAMP, "", 32, 0), "2026-01-31T23:59:59.123456Z", None),
    ],
)  # fmt: skip
def test_a_column_takes_what_it_keeps_to_the_digit_and_nothing_else(
    column: QueryColumn, kept: str, refused: str | None
) -> None:
    bound(DIALECTS["postgresql"], kept, type_of(column), UTC)
    if refused is not None:
        with pytest.raises(Unfit) as caught:
            bound(DIALECTS["postgresql"], refused, type_of(column), UTC)
        assert caught.value.code == "not_exact"
