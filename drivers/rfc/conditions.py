"""Pure: the WHERE of a table read, from typed literals, as the lines of OPTIONS.

A line has 72 characters and SAP joins the lines with a blank, so a line may end only between two words, never inside a
literal. No text from outside becomes part of the condition other than as a quoted literal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from drivers.contract import BadConfiguration
from drivers.rfc.abap import Field, Kind
from drivers.rfc.conversions import NotConvertible, raw_text, to_abap, units

LINE: Final = 72  # of OPTIONS-TEXT, in UTF-16 units as ABAP counts
OPERATORS: Final = ("=", "<>", "<", "<=", ">", ">=")
_NAME: Final = re.compile(r"[A-Z0-9_/]{1,30}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


class Unwritable(ValueError):
    """A value that no condition can hold: no row has it, or no line is long enough for it."""


@dataclass(frozen=True, slots=True)
class Compare:
    column: str
    operator: str
    literal: str  # the value as ABAP prints it, not yet quoted


@dataclass(frozen=True, slots=True)
class OneOf:
    column: str
    literals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple[Condition, ...]


Condition = Compare | OneOf | AllOf | AnyOf
EVERYTHING: Final = AllOf(())


def all_of(*parts: Condition | None) -> Condition:
    """Both and all, without those that say nothing."""
    flat: list[Condition] = []
    for part in parts:
        if isinstance(part, AllOf):
            flat += part.parts
        elif part is not None:
            flat.append(part)
    return flat[0] if len(flat) == 1 else AllOf(tuple(flat))


def any_of(parts: Sequence[Condition]) -> Condition:
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))


def behind(columns: Sequence[str], values: Sequence[str], operator: str = ">") -> Condition:
    """`(A, B) operator (a, b)` in the order of the columns; `operator` is one of > >= < <=."""
    strict = operator[0]
    condition: Condition = Compare(columns[-1], operator, values[-1])
    for name, value in zip(columns[-2::-1], values[-2::-1], strict=True):
        same = all_of(Compare(name, "=", value), condition)
        condition = AnyOf((Compare(name, strict, value), same))
    if len(columns) > 1:
        # Says again what already holds for the first column: without it no planner uses an index here.
        return AllOf((Compare(columns[0], f"{strict}=", values[0]), condition))
    return condition


def among(columns: Sequence[str], keys: Sequence[Sequence[str]]) -> Condition:
    """Rows whose columns are one of the keys."""
    if len(columns) == 1:
        return OneOf(columns[0], tuple(key[0] for key in keys))
    return any_of(
        [
            AllOf(tuple(Compare(name, "=", value) for name, value in zip(columns, key, strict=True)))
            for key in keys
        ]
    )


def literal(field: Field, value: Any) -> str:
    """A value as the column keeps it: dates without dashes, numbers padded as ALPHA does. Raises Unwritable."""
    if field.kind is Kind.RAW:
        text = raw_text(value)
        if re.fullmatch(r"(?:[0-9A-F]{2})*", text) is None:
            raise Unwritable(f"{text[:40]!r} is not hexadecimal")
        return text
    if field.kind in {Kind.LONG, Kind.FLOAT, Kind.UNKNOWN}:
        raise Unwritable(f"{field.name} is a {field.datatype}, which no condition can hold")
    try:
        converted = to_abap(field, value)
    except NotConvertible as error:
        raise Unwritable(str(error)) from error
    if field.kind is Kind.DATE:
        return str(converted).replace("-", "")
    if field.kind is Kind.TIME:
        return str(converted).replace(":", "")
    return format(converted, "f") if isinstance(converted, Decimal) else str(converted)


def quoted(text: str) -> str:
    found = _CONTROL.search(text)
    if found:
        raise Unwritable(f"a condition cannot hold the character {found.group()!r}")
    literal_text = "'" + text.replace("'", "''") + "'"
    if units(literal_text) > LINE:
        raise Unwritable(
            f"the value {text[:20]!r}... is longer than the {LINE - 2} characters that a condition can hold"
        )
    return literal_text


def lines(condition: Condition) -> list[str]:
    """The lines of OPTIONS; none where everything is asked for. Raises Unwritable."""
    found: list[str] = []
    line = ""
    for word in _words(condition):
        if line and units(line) + 1 + units(word) > LINE:
            found.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*found, line] if line else found


def _words(condition: Condition) -> Iterator[str]:
    match condition:
        case Compare(column, operator, text):
            if operator not in OPERATORS:
                raise BadConfiguration(f"{operator!r} is no operator", hint=f"Known: {', '.join(OPERATORS)}.")
            yield from (checked_name(column), operator, quoted(text))
        case OneOf(column, (single,)):
            yield from (checked_name(column), "=", quoted(single))
        case OneOf(column, texts):
            yield from (checked_name(column), "IN", "(")
            for number, text in enumerate(texts):
                if number:
                    yield ","
                yield quoted(text)
            yield ")"
        case AllOf(parts):
            yield from _joined(parts, "AND")
        case AnyOf(parts):
            yield from _joined(parts, "OR")


def _joined(parts: Sequence[Condition], word: str) -> Iterator[str]:
    for number, part in enumerate(parts):
        if number:
            yield word
        compound = isinstance(part, AllOf | AnyOf) and len(part.parts) > 1
        if compound:
            yield "("
        yield from _words(part)
        if compound:
            yield ")"


def checked_name(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise BadConfiguration(
            f"{name[:40]!r} is no name of SAP's dictionary",
            hint="Names have capitals, digits, underscores and slashes, at most 30 of them.",
        )
    return name
