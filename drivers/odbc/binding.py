"""Pure: a value of a record as the text that is bound, and the place in a statement that takes it.

Every value is bound as text; where its type is known, the place casts it: `CAST(? AS numeric)`. What would not arrive
as it was given is refused, never rounded or cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from decimal import Decimal
from typing import Any, Final

from drivers.odbc.dialects import Dialect
from drivers.odbc.positions import INT64_MIN
from drivers.odbc.queries import bind
from drivers.odbc.shape import Kind, QueryColumn
from drivers.recipes import types
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
_UNDECLARED: Final = (28, 6)  # what psqlODBC says of a numeric without a declaration
_MONEY: Final = (19, 2)  # PostgreSQL's money, of which its ODBC driver says nothing of use
_SINGLE: Final = (9, 6)  # a column of at most so many digits is a single; it keeps so many to the digit


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


def parse_type(text: str, *, where: str) -> Type:
    word, size, scale = types.parse_type(text, _KINDS, where=where)
    return Type(_KINDS[word], size, scale, limited=size > 0, is_key=word == "key")


def type_of(column: QueryColumn) -> Type:
    """How a value for this column of a table is bound."""
    if column.native == "money" and column.kind is Kind.DECIMAL and not column.scale:
        return Type(Kind.DECIMAL, *_MONEY, limited=True, native=column.native)
    if column.kind is Kind.FLOAT:
        digits = _SINGLE[1] if 0 < column.size <= _SINGLE[0] else DOUBLE_DIGITS
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
    text = None if value is None else _text(value, wanted, zone, dialect.largest_integer)
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


def _text(value: Any, kind: Type, zone: tzinfo, largest: int) -> str:
    check_single(value)
    if kind.kind is Kind.INTEGER:
        return _integer(value, largest)
    if kind.kind in _MOMENTS:
        return _MOMENTS[kind.kind](_as_fine(moment_of(value, zone), kind))
    return _PRINTED.get(kind.kind, _plain)(value, kind)


def _plain(value: Any, kind: Type) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value.hex() if isinstance(value, bytes) else key_text(value)
    if kind.limited and len(text) > kind.size:
        raise Unfit("too_long", f"is longer than {kind.size} characters")
    return uuid_text(text) if kind.kind is Kind.UUID else text


def _decimal(value: Any, kind: Type) -> str:
    if not kind.limited:
        return decimal_text(value)
    text = decimal_text(value, kind.size, kind.scale)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _integer(value: Any, largest: int) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(whole_number(value, INT64_MIN, largest, "64 bits hold"))


def _as_fine(moment: datetime, kind: Type) -> datetime:
    if kind.limited and moment.microsecond % 10 ** max(6 - kind.scale, 0):
        raise Unfit("not_exact", f"is finer than the {kind.scale} digits of a second that the column keeps")
    return moment


_PRINTED: Final[Mapping[Kind, Callable[[Any, Type], str]]] = {
    Kind.DECIMAL: _decimal,
    Kind.FLOAT: lambda value, kind: float_text(value, kind.size if kind.limited else None),
    Kind.BOOLEAN: lambda value, _: "1" if truth_of(value) else "0",
}
_MOMENTS: Final[Mapping[Kind, Callable[[datetime], str]]] = {
    Kind.DATE: lambda moment: moment.date().isoformat(),
    Kind.TIMESTAMP: lambda moment: moment.replace(tzinfo=None).isoformat(sep=" "),
    Kind.TIMESTAMP_TZ: lambda moment: in_utc(moment).isoformat(sep=" "),
}
