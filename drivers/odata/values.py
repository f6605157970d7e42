"""Pure: a value of a record as the JSON of a property, or as the text of a literal.

What would not arrive as it was given is refused, never rounded or cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

import msgspec

from drivers.odata.edm import Kind, Parameter, Property
from drivers.odata.literals import V4, NoLiteral, iso, time_of
from drivers.recipes.values import (
    DOUBLE_DIGITS,
    Unfit,
    check_single,
    decimal_text,
    float_text,
    in_utc,
    moment_of,
    truth_of,
    uuid_text,
    whole_number,
)

Target = Property | Parameter

_FLOAT_DIGITS: Final = {"Edm.Single": 6}
_RANGES: Final = {"Edm.Byte": (0, 255), "Edm.SByte": (-128, 127), "Edm.Int16": (-(2**15), 2**15 - 1), "Edm.Int32": (-(2**31), 2**31 - 1)}  # fmt: skip
_INT64: Final = (-(2**63), 2**63 - 1)
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - V2's own local time


def json_value(target: Target, value: Any, version: int, zone: tzinfo) -> Any:
    """Raises Unfit. V2 takes decimals and 64-bit integers as texts, V4 as numbers: both digit for digit."""
    if value is None:
        return None
    if target.kind in {Kind.TIMESTAMP, Kind.TIMESTAMP_TZ} and version != V4:
        return _json_date(moment_of(value, zone), zoned=target.kind is Kind.TIMESTAMP_TZ)
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
    check_single(value)
    make: _Maker = _TEXTS.get(target.kind, _plain)
    return make(target, value, zone)


def _number_of(text: str) -> Any:
    return msgspec.Raw(text.encode())


def _plain(target: Target, value: Any, _zone: tzinfo) -> str:
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    limit = getattr(target, "max_length", None)
    # OData counts characters as UTF-16 does.
    if limit is not None and target.kind is Kind.TEXT and len(text.encode("utf-16-le")) // 2 > limit:
        raise Unfit("too_long", f"is longer than {limit} characters")
    return text


def _decimal(target: Target, value: Any, _zone: tzinfo) -> str:
    return decimal_text(value, getattr(target, "precision", None), getattr(target, "scale", None))


def _float(target: Target, value: Any, _zone: tzinfo) -> str:
    return float_text(value, _FLOAT_DIGITS.get(target.type, DOUBLE_DIGITS))


def _integer(target: Target, value: Any, _zone: tzinfo) -> str:
    return str(whole_number(value, *_RANGES.get(target.type, _INT64), f"{target.type} holds"))


def _boolean(_target: Target, value: Any, _zone: tzinfo) -> str:
    return "true" if truth_of(value) else "false"


def _date(_target: Target, value: Any, zone: tzinfo) -> str:
    return moment_of(value, zone).date().isoformat()


def _naive(target: Target, value: Any, zone: tzinfo) -> str:
    moment = moment_of(value, zone).replace(tzinfo=None)
    return moment.date().isoformat() if getattr(target, "date_only", False) else iso(moment)


def _zoned(_target: Target, value: Any, zone: tzinfo) -> str:
    return iso(in_utc(moment_of(value, zone))) + "Z"


def _json_date(moment: datetime, *, zoned: bool) -> str:
    clock = (in_utc(moment) if zoned else moment).replace(tzinfo=None)
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
    return uuid_text(value)


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
