"""Pure: a value of a record as the JSON of a property, or as the text of a literal.

What would not arrive as it was given is refused, never rounded or cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

import msgspec

from drivers.odata.edm import Kind, Parameter, Property
from drivers.odata.literals import V4, NoLiteral, iso, time_of

Target = Property | Parameter

_MOST_DIGITS: Final = 65  # a longer number is nobody's amount
_EXACT: Final = Context(prec=2 * _MOST_DIGITS)
_FLOAT_DIGITS: Final = {"Edm.Single": 6, "Edm.Double": 15}
_RANGES: Final = {"Edm.Byte": (0, 255), "Edm.SByte": (-128, 127), "Edm.Int16": (-(2**15), 2**15 - 1), "Edm.Int32": (-(2**31), 2**31 - 1)}  # fmt: skip
_FINER_THAN_MICROSECONDS: Final = re.compile(r"\.\d{6}\d*[1-9]")
_INT64: Final = (-(2**63), 2**63 - 1)
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - V2's own local time


class Unfit(Exception):
    """A value that cannot be written as it is."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def json_value(target: Target, value: Any, version: int, zone: tzinfo) -> Any:
    """Raises Unfit. V2 takes decimals and 64-bit integers as texts, V4 as numbers: both digit for digit."""
    if value is None:
        return None
    if target.kind in {Kind.TIMESTAMP, Kind.TIMESTAMP_TZ} and version != V4:
        return _json_date(_moment(value, zone), zoned=target.kind is Kind.TIMESTAMP_TZ)
    text = text_value(target, value, zone)
    if target.kind in {Kind.DECIMAL, Kind.FLOAT} or target.type == "Edm.Int64":
        return text if version != V4 else _number_of(text)
    if target.kind is Kind.TIME and version != V4:
        hours, minutes, seconds = [*text.split(":"), "00"][:3]
        return f"PT{hours}H{minutes}M{seconds}S"
    plain: Mapping[Kind, Callable[[str], Any]] = {Kind.BOOLEAN: "true".__eq__, Kind.INTEGER: int}
    return plain.get(target.kind, str)(text)


def text_value(target: Target, value: Any, zone: tzinfo) -> str:
    """The value as `literals.literal` takes it. Raises Unfit."""
    if isinstance(value, str) and not _is_text(value):
        raise Unfit("not_a_text", "holds a character that cannot be sent")
    if isinstance(value, float) or not isinstance(value, str | int | Decimal | date | UUID):
        raise Unfit("not_a_value", "is not a single, exact value")
    make: _Maker = _TEXTS.get(target.kind, _plain)
    return make(target, value, zone)


def _number_of(text: str) -> Any:
    return msgspec.Raw(text.encode())


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def _plain(target: Target, value: Any, _zone: tzinfo) -> str:
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    limit = getattr(target, "max_length", None)
    # OData counts characters as UTF-16 does.
    if limit is not None and target.kind is Kind.TEXT and len(text.encode("utf-16-le")) // 2 > limit:
        raise Unfit("too_long", f"is longer than {limit} characters")
    return text


def _number(value: Any) -> Decimal:
    try:
        number = Decimal(value) if isinstance(value, str | int | Decimal) else None
    except InvalidOperation:
        number = None
    if number is None or isinstance(value, bool) or not number.is_finite() or "_" in str(value):
        raise Unfit("not_a_decimal", "is not a number")
    if abs(number.adjusted()) > _MOST_DIGITS or len(number.as_tuple().digits) > _MOST_DIGITS:
        raise Unfit("not_exact", f"has more than {_MOST_DIGITS} digits")
    return number


def _decimal(target: Target, value: Any, _zone: tzinfo) -> str:
    text = format(_number(value), "f")
    precision, scale = getattr(target, "precision", None), getattr(target, "scale", None)
    whole, _, fraction = text.lstrip("-").partition(".")
    needed = fraction.rstrip("0")
    if scale is not None and len(needed) > scale:
        raise Unfit("not_exact", f"has more than {scale} digits behind the point")
    if precision is not None and len(whole.lstrip("0")) + len(needed) > precision:
        raise Unfit("not_exact", f"has more than {precision} digits")
    if precision is not None and len(whole.lstrip("0")) > precision - (scale or 0):
        raise Unfit("not_exact", f"is too large for {precision} digits with {scale or 0} behind the point")
    sign = "-" if text.startswith("-") else ""
    if scale is not None and len(fraction) > scale:
        fraction = needed
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def _float(target: Target, value: Any, _zone: tzinfo) -> str:
    number = _number(value)
    digits = _FLOAT_DIGITS.get(target.type, _FLOAT_DIGITS["Edm.Double"])
    if len(number.normalize(_EXACT).as_tuple().digits) > digits:
        raise Unfit("not_exact", f"has more digits than the {digits} that floating point keeps")
    return format(number, "f")


def _integer(target: Target, value: Any, _zone: tzinfo) -> str:
    number = _number(value)
    if number != number.to_integral_value():
        raise Unfit("not_an_integer", "is not a whole number")
    low, high = _RANGES.get(target.type, _INT64)
    if not low <= number <= high:
        raise Unfit("not_exact", f"is larger than {target.type} holds")
    return str(int(number))


def _boolean(_target: Target, value: Any, _zone: tzinfo) -> str:
    words = {"true": "true", "false": "false", "1": "true", "0": "false"}
    if str(value).lower() not in words:
        raise Unfit("not_a_boolean", "is neither true nor false")
    return words[str(value).lower()]


def _date(_target: Target, value: Any, zone: tzinfo) -> str:
    return _moment(value, zone).date().isoformat()


def _naive(target: Target, value: Any, zone: tzinfo) -> str:
    moment = _moment(value, zone).replace(tzinfo=None)
    return moment.date().isoformat() if getattr(target, "date_only", False) else iso(moment)


def _zoned(_target: Target, value: Any, zone: tzinfo) -> str:
    return iso(_utc(_moment(value, zone))) + "Z"


def _moment(value: Any, zone: tzinfo) -> datetime:
    """The moment on the system's own clock; a date without time is its midnight there."""
    try:
        if isinstance(value, date) and not isinstance(value, datetime):
            value = value.isoformat()
        text = value.isoformat() if isinstance(value, datetime) else str(value)
        if _FINER_THAN_MICROSECONDS.search(text):
            raise Unfit("not_exact", "is finer than a microsecond")
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=zone) if found.tzinfo is None else found.astimezone(zone)
    except (ValueError, OverflowError):
        raise Unfit("not_a_moment", "is not a date or moment") from None


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise Unfit("not_a_moment", "lies outside the calendar in UTC") from None


def _json_date(moment: datetime, *, zoned: bool) -> str:
    clock = (_utc(moment) if zoned else moment).replace(tzinfo=None)
    if clock.microsecond % 1000:
        raise Unfit("not_exact", "is finer than the millisecond that OData V2 can say")
    ms = (clock - _EPOCH) // timedelta(milliseconds=1)
    return f"/Date({ms}{'+0000' if zoned else ''})/"


def _time(_target: Target, value: Any, _zone: tzinfo) -> str:
    try:
        return time_of(str(value))
    except NoLiteral:
        raise Unfit("not_a_time", "is not a time of day") from None


def _guid(_target: Target, value: Any, _zone: tzinfo) -> str:
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise Unfit("not_a_uuid", "is not a UUID") from None


_Maker = Callable[[Target, Any, tzinfo], str]
_TEXTS: Final[Mapping[Kind, _Maker]] = {
    Kind.DECIMAL: _decimal,
    Kind.FLOAT: _float,
    Kind.INTEGER: _integer,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.TIMESTAMP: _naive,
    Kind.TIMESTAMP_TZ: _zoned,
    Kind.TIME: _time,
    Kind.GUID: _guid,
}
