"""Pure: a value of a record as what a source keeps: exactly, or not at all. Nothing is rounded or cut.

A value is a text, a whole number, a truth value, a `Decimal`, a `date` or `datetime`, or a `UUID`.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

MOST_DIGITS: Final = 65  # of any system's decimals; a longer number is nobody's amount
DOUBLE_DIGITS: Final = 15
_EXACT: Final = Context(prec=2 * MOST_DIGITS)
_FINER_THAN_MICROSECONDS: Final = re.compile(r"\.\d{6}\d*[1-9]")
_TRUTHS: Final = {"true": True, "false": False, "1": True, "0": False}


class Unfit(Exception):
    """A value that cannot be written as it is."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def check_single(value: Any) -> None:
    """Raises Unfit for floating point, for lists and objects, and for texts with NUL or half a character."""
    if isinstance(value, str) and not is_text(value):
        raise Unfit("not_a_text", "holds a character that cannot be stored")
    if isinstance(value, float) or not isinstance(value, str | int | Decimal | date | time | UUID | bytes):
        raise Unfit("not_a_value", "is not a single, exact value")


def is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def number_of(value: Any) -> Decimal:
    """Raises Unfit."""
    try:
        number = Decimal(value) if isinstance(value, str | int | Decimal) else None
    except InvalidOperation:
        number = None
    if number is None or isinstance(value, bool) or not number.is_finite() or "_" in str(value):
        raise Unfit("not_a_decimal", "is not a number")
    if abs(number.adjusted()) > MOST_DIGITS or len(number.as_tuple().digits) > MOST_DIGITS:
        raise Unfit("not_exact", f"has more than {MOST_DIGITS} digits")
    return number


def decimal_text(value: Any, precision: int | None = None, scale: int | None = None) -> str:
    """Without exponent, with the zeros that were given as far as `scale` has room for them. Raises Unfit."""
    text = format(number_of(value), "f")
    whole, _, fraction = text.lstrip("-").partition(".")
    needed, leading = fraction.rstrip("0"), len(whole.lstrip("0"))
    if scale is not None and len(needed) > scale:
        raise Unfit("not_exact", f"has more than {scale} digits behind the point")
    if precision is not None and leading + len(needed) > precision:
        raise Unfit("not_exact", f"has more than {precision} digits")
    if precision is not None and leading > precision - (scale or 0):
        raise Unfit("not_exact", f"is too large for {precision} digits with {scale or 0} behind the point")
    sign = "-" if text.startswith("-") else ""
    kept = needed if scale is not None and len(fraction) > scale else fraction
    return f"{sign}{whole}.{kept}" if kept else f"{sign}{whole}"


def float_text(value: Any, digits: int | None = DOUBLE_DIGITS) -> str:
    """A decimal that floating point of so many digits keeps as it is. Raises Unfit."""
    number = number_of(value)
    if digits is not None and len(number.normalize(_EXACT).as_tuple().digits) > digits:
        raise Unfit("not_exact", f"has more digits than the {digits} that floating point keeps")
    return format(number, "f")


def whole_number(value: Any, low: int, high: int, holder: str) -> int:
    """`holder`: what holds numbers from `low` to `high`, such as "64 bits hold". Raises Unfit."""
    number = number_of(value)
    if number != number.to_integral_value():
        raise Unfit("not_an_integer", "is not a whole number")
    if not low <= number <= high:
        raise Unfit("not_exact", f"is larger than {holder}")
    return int(number)


def truth_of(value: Any) -> bool:
    """Raises Unfit."""
    found = _TRUTHS.get(str(value).lower())
    if found is None:
        raise Unfit("not_a_boolean", "is neither true nor false")
    return found


def moment_of(value: Any, zone: tzinfo) -> datetime:
    """The moment in the source's own time; a date without time is its midnight there. Raises Unfit."""
    try:
        if _FINER_THAN_MICROSECONDS.search(str(value)):
            raise Unfit("not_exact", "is finer than a microsecond")
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return found.replace(tzinfo=zone) if found.tzinfo is None else found.astimezone(zone)
    except (ValueError, OverflowError):
        raise Unfit("not_a_moment", "is not a date or moment") from None


def in_utc(moment: datetime) -> datetime:
    """Raises Unfit."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise Unfit("not_a_moment", "lies outside the calendar in UTC") from None


def uuid_text(value: Any) -> str:
    """Raises Unfit."""
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise Unfit("not_a_uuid", "is not a UUID") from None
