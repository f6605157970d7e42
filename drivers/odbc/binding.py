"""Pure: a value of a record as the text that is bound, and the place in a statement that takes it.

Every value is bound as text; where its type is known, the place casts it: `CAST(? AS numeric)`. What would not arrive
as it was given is refused, never rounded or cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

from drivers.contract import BadConfiguration
from drivers.odbc.dialects import Dialect
from drivers.odbc.positions import INT64_MAX, INT64_MIN
from drivers.odbc.queries import bind
from drivers.odbc.shape import Kind, QueryColumn

_TYPE: Final = re.compile(r"(\w+)(?:\((\d{1,5})(?:, ?(\d{1,3}))?\))?")
_KINDS: Final = {
    "text": Kind.TEXT,
    "decimal": Kind.DECIMAL,
    "integer": Kind.INTEGER,
    "boolean": Kind.BOOLEAN,
    "date": Kind.DATE,
    "timestamp": Kind.TIMESTAMP,
    "timestamp_tz": Kind.TIMESTAMP_TZ,
    "uuid": Kind.UUID,
    "key": Kind.TEXT,
}
_MOST_DIGITS: Final = 65  # of any product's decimals; a longer exponent is nobody's amount
_EXACT: Final = Context(prec=2 * _MOST_DIGITS)
_UNDECLARED: Final = (28, 6)  # what psqlODBC says of a numeric without a declaration
_MONEY: Final = (19, 2)  # PostgreSQL's money, of which its ODBC driver says nothing of use
_SINGLE: Final = (9, 6)  # a column of at most so many digits is a single; it keeps so many to the digit
_DOUBLE_DIGITS: Final = 15
_FINER_THAN_MICROSECONDS: Final = re.compile(r"\.\d{6}\d*[1-9]")


@dataclass(frozen=True, slots=True)
class Type:
    """What a field is bound as. `size` and `scale` are 0 where nothing limits it."""

    kind: Kind
    size: int = 0
    scale: int = 0
    limited: bool = False
    is_key: bool = False  # the text is a key of another record, as `drivers.keys.encode_key` writes it
    native: str = ""


@dataclass(frozen=True, slots=True)
class Bound:
    place: str
    text: str | None


class Unfit(Exception):
    """A value that cannot be written as it is."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def parse_type(text: str, *, where: str) -> Type:
    found = _TYPE.fullmatch(text.strip())
    word = found.group(1) if found else ""
    size = int(found.group(2) or 0) if found else 0
    scale = int(found.group(3) or 0) if found else 0
    sized = {"text": size > 0 and scale == 0, "decimal": 0 <= scale <= size <= _MOST_DIGITS and size > 0}
    if found is None or word not in _KINDS or (found.group(2) is not None and not sized.get(word)):
        raise BadConfiguration(
            f"{text!r} is not a type",
            where=where,
            hint=f"Types are {', '.join(_KINDS)}; text(40) and decimal(12,4) also limit what is taken.",
        )
    return Type(_KINDS[word], size, scale, limited=size > 0, is_key=word == "key")


def type_of(column: QueryColumn) -> Type:
    """How a value for this column of a table is bound."""
    if column.native == "money" and column.kind is Kind.DECIMAL:
        return Type(Kind.DECIMAL, *_MONEY, limited=True, native=column.native)
    if column.kind is Kind.FLOAT:
        digits = _SINGLE[1] if 0 < column.size <= _SINGLE[0] else _DOUBLE_DIGITS
        return Type(Kind.FLOAT, digits, limited=True, native=column.native)
    declared = column.kind is Kind.DECIMAL and column.size > 0 and (column.size, column.scale) != _UNDECLARED
    if column.kind in {Kind.TIMESTAMP, Kind.TIMESTAMP_TZ}:
        # What is printed of a moment tells how fine it is kept: 19 characters, then a point and the digits.
        fine = column.size == (20 + column.scale if column.scale else 19)
        return Type(column.kind, column.size, column.scale, limited=fine, native=column.native)
    kind = Kind.TEXT if column.kind is Kind.OTHER else column.kind
    return Type(kind, column.size, column.scale, limited=declared, native=column.native)


def bound(dialect: Dialect, value: Any, kind: Type | None, zone: tzinfo, *, plain: bool = False) -> Bound:
    """Raises Unfit. `plain`: the place may hold no expression, so the database converts."""
    wanted = kind or _untyped(value)
    text = None if value is None else _text(value, wanted, zone)
    return Bound("?" if plain else place(dialect, wanted, text), text)


def key_text(value: Any) -> str:
    """A part of a key as the texts of `__key` have it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="microseconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return value.hex()
    return str(value)


def is_text(value: str) -> bool:
    """Whether a database can hold it: no NUL, no half of a character."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def _untyped(value: Any) -> Type:
    return Type(Kind.BOOLEAN) if isinstance(value, bool) else Type(Kind.OTHER)


def place(dialect: Dialect, kind: Type, text: str | None) -> str:
    """What stands in the statement for a value of this type."""
    if kind.kind in {Kind.OTHER, Kind.TEXT}:
        return (
            "?"  # the database knows better than a cast whether it is a varchar, an enumeration or a domain
        )
    size, scale = _room(text) if kind.kind in {Kind.DECIMAL, Kind.INTEGER} else (kind.size, kind.scale)
    template = dialect.write_binds.get(kind.kind)
    if template is None:
        return bind(dialect, QueryColumn("", kind.kind, kind.native, size, scale))
    return template.replace("{size}", str(size)).replace("{scale}", str(scale))


def _room(text: str | None) -> tuple[int, int]:
    """Digits, and digits behind the point, that a decimal needs, so that a cast rounds nothing."""
    whole, _, fraction = (text or "0").lstrip("-").partition(".")
    return max(len(whole) + len(fraction), 1), len(fraction)


def _text(value: Any, kind: Type, zone: tzinfo) -> str:
    if isinstance(value, str) and not is_text(value):
        raise Unfit("not_a_text", "holds a character that no database takes")
    if isinstance(value, float) or not isinstance(value, str | int | Decimal | date | time | UUID | bytes):
        raise Unfit("not_a_value", "is not a single, exact value")
    if kind.kind in _MOMENTS:
        return _MOMENTS[kind.kind](_as_fine(_moment(value, zone), kind))
    return _PRINTED.get(kind.kind, _plain)(value, kind)


def _plain(value: Any, kind: Type) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value.hex() if isinstance(value, bytes) else key_text(value)
    if kind.limited and len(text) > kind.size:
        raise Unfit("too_long", f"is longer than {kind.size} characters")
    if kind.kind is Kind.UUID:
        try:
            return str(UUID(text))
        except ValueError:
            raise Unfit("not_a_uuid", "is not a UUID") from None
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


def _float(value: Any, kind: Type) -> str:
    number = _number(value)
    if kind.limited and len(number.normalize(_EXACT).as_tuple().digits) > kind.size:
        raise Unfit("not_exact", f"has more digits than the {kind.size} that floating point keeps")
    return format(number, "f")


def _decimal(value: Any, kind: Type) -> str:
    text = format(_number(value), "f")
    whole, _, fraction = text.lstrip("-").partition(".")
    needed = fraction.rstrip("0")
    if kind.limited and (len(needed) > kind.scale or len(whole.lstrip("0")) > kind.size - kind.scale):
        raise Unfit("not_exact", f"does not fit {kind.size} digits with {kind.scale} behind the point")
    if len(needed) < len(fraction) and kind.limited:
        sign = "-" if text.startswith("-") else ""
        return f"{sign}{whole}.{needed}" if needed else f"{sign}{whole}"
    return text


def _integer(value: Any, _kind: Type) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    number = _number(value)
    if number != number.to_integral_value():
        raise Unfit("not_an_integer", "is not a whole number")
    if not INT64_MIN <= number <= INT64_MAX:
        raise Unfit("not_exact", "is larger than 64 bits hold")
    return format(number.to_integral_value(), "f")


def _boolean(value: Any, _kind: Type) -> str:
    words = {"true": "1", "false": "0", "1": "1", "0": "0"}
    if str(value).lower() not in words:
        raise Unfit("not_a_boolean", "is neither true nor false")
    return words[str(value).lower()]


def _moment(value: Any, zone: tzinfo) -> datetime:
    """The moment in the source's own time; a date without time is its midnight there."""
    try:
        if _FINER_THAN_MICROSECONDS.search(str(value)):
            raise Unfit("not_exact", "is finer than a microsecond")
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return found.replace(tzinfo=zone) if found.tzinfo is None else found.astimezone(zone)
    except (ValueError, OverflowError):
        raise Unfit("not_a_moment", "is not a date or moment") from None


def _as_fine(moment: datetime, kind: Type) -> datetime:
    if kind.limited and moment.microsecond % 10 ** max(6 - kind.scale, 0):
        raise Unfit("not_exact", f"is finer than the {kind.scale} digits of a second that the column keeps")
    return moment


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise Unfit("not_a_moment", "lies outside the calendar in UTC") from None


_PRINTED: Final[Mapping[Kind, Callable[[Any, Type], str]]] = {
    Kind.DECIMAL: _decimal,
    Kind.INTEGER: _integer,
    Kind.FLOAT: _float,
    Kind.BOOLEAN: _boolean,
}
_MOMENTS: Final[Mapping[Kind, Callable[[datetime], str]]] = {
    Kind.DATE: lambda moment: moment.date().isoformat(),
    Kind.TIMESTAMP: lambda moment: moment.replace(tzinfo=None).isoformat(sep=" "),
    Kind.TIMESTAMP_TZ: lambda moment: _utc(moment).isoformat(sep=" "),
}
