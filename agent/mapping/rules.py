"""What a mapping says, as values: made by `grammar`, carried out by `evaluate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from agent.model.entities import Kind

EMPTY_DATES: Final = frozenset(
    {"0000-00-00", "0001-01-01", "1753-01-01", "1900-01-01"}
)  # `empty_dates = true`


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the row at hand: of the record, or inside `lines` of the line."""

    name: str


@dataclass(frozen=True, slots=True)
class HeaderColumn:
    """A column of the record, used inside `lines`."""

    name: str


@dataclass(frozen=True, slots=True)
class Const:
    value: Any


@dataclass(frozen=True, slots=True)
class Coalesce:
    parts: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Concat:
    parts: tuple[Value, ...]
    separator: str


@dataclass(frozen=True, slots=True)
class SourceKey:
    """The text that another stream's records have as their key."""

    columns: tuple[Column | HeaderColumn, ...]


@dataclass(frozen=True, slots=True)
class LineLookup:
    """The first line of a set whose `match` equals `key` (or the text `equals`); with neither, the first line."""

    lines: str
    take: str
    match: str | None = None
    key: Column | HeaderColumn | None = None
    equals: str | None = None


# Of a member that mappings of older versions did not have: at its default it is left out of a mapping's form, so that
# an upgrade offers nobody to map records again that would come out the same.
LATER: Final[Mapping[str, bool]] = MappingProxyType({"later": True})
Conditions = tuple[
    tuple[str, frozenset[str]], ...
]  # columns of a line with their codes; a blank one is null as well


@dataclass(frozen=True, slots=True)
class Total:
    lines: str
    of: Value
    where: Conditions = field(default=(), metadata=LATER)


@dataclass(frozen=True, slots=True)
class Count:
    lines: str
    where: Conditions = field(default=(), metadata=LATER)


Source = Column | HeaderColumn | Const | Coalesce | Concat | SourceKey | LineLookup | Total | Count


@dataclass(frozen=True, slots=True)
class DecimalForm:
    separator: str = "."
    thousands: str = ""
    scale: int | None = None


@dataclass(frozen=True, slots=True)
class DateForm:
    form: str = "iso"
    time: Column | HeaderColumn | None = None
    zone: str = ""
    empty: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ValueMap:
    values: Mapping[str, Any]
    strict: bool  # a code that is not named is a fault, and not kept as it is


@dataclass(frozen=True, slots=True)
class Value:
    source: Source
    kind: Kind | None = None  # None: whatever the source's own type is
    trim: bool = False
    strip_zeros: bool = False
    case: str = ""  # upper, lower
    values: ValueMap | None = None
    default: Any = None
    required: bool = False
    decimal: DecimalForm = field(default_factory=DecimalForm)
    date: DateForm = field(default_factory=DateForm)


@dataclass(frozen=True, slots=True)
class ScalarRule:
    name: str
    path: str
    value: Value


@dataclass(frozen=True, slots=True)
class StatusRule:
    name: str
    path: str
    value: Value
    known: frozenset[str] | None
    keep_code: bool  # fill status_key too


@dataclass(frozen=True, slots=True)
class StringsRule:
    """A list of texts, one of each value; empty ones are left out."""

    name: str
    path: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class ObjectRule:
    name: str
    path: str
    members: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class LinesRule:
    name: str
    path: str
    lines: str
    members: tuple[Rule, ...]
    where: Conditions = ()


@dataclass(frozen=True, slots=True)
class RowsRule:
    """A list made of the record's own columns, one entry of each group of rules; empty ones are left out."""

    name: str
    path: str
    rows: tuple[tuple[Rule, ...], ...]


@dataclass(frozen=True, slots=True)
class CustomRule:
    name: str
    path: str
    members: tuple[ScalarRule, ...]


Rule = ScalarRule | StatusRule | StringsRule | ObjectRule | LinesRule | RowsRule | CustomRule
