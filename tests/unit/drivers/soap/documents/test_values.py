"""Values of records as AX takes them: exactly, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Context, Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.recipes.values import Unfit
from drivers.soap.documents.composing import text_of
from drivers.soap.documents.recipes import Assignment
from drivers.soap.documents.shape import plain_decimal
from drivers.soap.model import Kind, Member, Type
from drivers.soap.xml import unwritable

BERLIN = ZoneInfo("Europe/Berlin")


def field(kind: Kind, *, values: tuple[str, ...] = (), length: int | None = None) -> Assignment:
    return Assignment(Member("F", "urn:x", "t"), Type("t", kind, values=values, max_length=length))


def written(value: object, kind: Kind, **more: object) -> str | None:
    return text_of(value, field(kind, **more), kind, BERLIN)  # type: ignore[arg-type]


@given(st.integers(-(10**16) + 1, 10**16 - 1), st.integers(0, 16))
def test_an_amount_that_ax_can_hold_is_written_digit_for_digit(digits: int, places: int) -> None:
    amount = Decimal(digits).scaleb(-places)
    text = written(str(amount), Kind.DECIMAL)

    assert text is not None
    assert Decimal(text) == amount
    assert "E" not in text


@given(st.integers(1, 9), st.integers(17, 30))
def test_an_amount_that_ax_would_round_is_refused(digit: int, place: int) -> None:
    with pytest.raises(Unfit) as raised:
        written(f"0.{'0' * (place - 1)}{digit}", Kind.DECIMAL)
    assert raised.value.code == "not_exact"


@given(st.integers(10**16 + 1, 10**30).filter(lambda each: each % 10), st.integers(1, 16))
def test_an_amount_of_more_digits_than_a_real_has_is_refused(digits: int, places: int) -> None:
    with pytest.raises(Unfit, match="digits"):
        written(format(Decimal(digits).scaleb(-places, Context(prec=60)), "f"), Kind.DECIMAL)


@pytest.mark.parametrize("text", ["1900-01-01", "1899-12-31", "2155-01-01", "9999-12-31"])
@pytest.mark.parametrize("kind", [Kind.DATE, Kind.TIMESTAMP])
def test_a_day_that_ax_would_take_for_none_is_refused(text: str, kind: Kind) -> None:
    with pytest.raises(Unfit, match="which AX keeps"):
        written(f"{text}T12:00:00Z", kind)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=16))
def test_taking_the_zeros_off_a_printed_decimal_never_changes_it(amount: Decimal) -> None:
    printed = format(amount, "f")

    assert Decimal(plain_decimal(printed)) == amount


@pytest.mark.parametrize("text", ["", "100", "1e5", "none", "1.2.x", "."])
def test_what_is_no_printed_decimal_stays_as_it_is(text: str) -> None:
    assert plain_decimal(text) == text


@given(
    st.datetimes(min_value=datetime(1901, 1, 1), max_value=datetime(2150, 1, 1)).map(
        lambda each: each.replace(microsecond=0)
    ),
    st.integers(-12, 14),
)
def test_a_moment_is_the_same_moment_in_utc(local: datetime, hours: int) -> None:
    moment = local.replace(tzinfo=timezone(timedelta(hours=hours)))

    text = written(moment.isoformat(), Kind.TIMESTAMP)

    assert text is not None
    assert datetime.fromisoformat(text) == moment
    assert text.endswith("Z")


def test_a_moment_becomes_the_day_there_is_where_the_system_stands() -> None:
    assert written("2026-05-03T23:30:00+00:00", Kind.DATE) == "2026-05-04"
    assert written("2026-05-03", Kind.DATE) == "2026-05-03"


def test_a_part_of_a_second_is_refused() -> None:
    moment = datetime(2026, 1, 1, 12, 0, 0, 500_000, tzinfo=UTC)

    for kind in (Kind.TIMESTAMP, Kind.TIME):
        with pytest.raises(Unfit, match="finer than the second"):
            written(moment.isoformat(), kind)


@pytest.mark.parametrize(
    ("kind", "empty"),
    [
        (Kind.TEXT, ""),
        (Kind.DECIMAL, "0"),
        (Kind.INTEGER, "0"),
        (Kind.DATE, "1900-01-01"),
        (Kind.TIMESTAMP, "1900-01-01T00:00:00Z"),
        (Kind.TIME, "00:00:00"),
    ],
)
def test_null_empties_a_field_with_the_value_that_ax_takes_for_none(kind: Kind, empty: str) -> None:
    assert written(None, kind) == empty


def test_null_in_a_new_record_is_left_out() -> None:
    assert text_of(None, field(Kind.DATE), Kind.DATE, BERLIN, creates=True) is None


def test_an_enumeration_takes_its_own_values_in_any_case_and_cannot_be_emptied() -> None:
    values = ("No", "Yes")

    assert written("yes", Kind.TEXT, values=values) == "Yes"
    assert written(False, Kind.TEXT, values=values) == "No"
    with pytest.raises(Unfit, match="none of No, Yes"):
        written("Maybe", Kind.TEXT, values=values)
    with pytest.raises(Unfit, match="cannot be empty"):
        written(None, Kind.TEXT, values=values)


@example("\U0001f529" * 6)
@given(st.text(max_size=12))
def test_a_text_arrives_as_it_is_or_is_refused(text: str) -> None:
    refused = unwritable(text) is not None or len(text.encode("utf-16-le", "replace")) > 20 or "\0" in text
    if refused:
        with pytest.raises(Unfit):
            written(text, Kind.TEXT, length=10)
    else:
        assert written(text, Kind.TEXT, length=10) == text
