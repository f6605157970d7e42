"""Values are written exactly, or not at all."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.recipes.values import Unfit, decimal_text, float_text, moment_of, whole_number


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9),
    st.integers(1, 16),
    st.integers(0, 8),
)
def test_a_decimal_is_the_same_number_afterwards_or_is_refused(
    number: Decimal, precision: int, scale: int
) -> None:
    scale = min(scale, precision)
    room = Decimal(10) ** (precision - scale)
    fits = abs(number) < room and number == number.quantize(Decimal(1).scaleb(-scale))
    if not fits:
        with pytest.raises(Unfit, match="digits"):
            decimal_text(str(number), precision, scale)
        return

    text = decimal_text(str(number), precision, scale)

    assert Decimal(text) == number
    assert len(text.partition(".")[2]) <= scale


def test_a_decimal_without_declared_digits_keeps_its_zeros() -> None:
    assert decimal_text("1.500") == "1.500"
    assert decimal_text("1.500", 13, 2) == "1.5"
    assert decimal_text("1E+3") == "1000"


def test_floating_point_and_whole_numbers_take_what_they_keep() -> None:
    assert float_text("0.1") == "0.1"
    assert float_text("0.12345678901234567", None) == "0.12345678901234567"
    assert whole_number("42.0", 0, 255, "a byte holds") == 42
    for make in (
        lambda: float_text("0.12345678901234567"),
        lambda: whole_number("256", 0, 255, "a byte holds"),
        lambda: whole_number("1.5", 0, 255, "a byte holds"),
    ):
        with pytest.raises(Unfit):
            make()


def test_a_moment_that_would_lose_digits_is_refused() -> None:
    assert moment_of("2026-01-31T10:00:00.1234560", UTC).microsecond == 123456
    with pytest.raises(Unfit):
        moment_of("2026-01-31T10:00:00.1234567", UTC)
