"""Pure: a step and what is known of the command -> the content of one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

from drivers.contract import OperationKind
from drivers.keys import decode_key
from drivers.recipes.scope import ABSENT, Misfit, holds, lines_of
from drivers.recipes.scope import Scope as CommandScope
from drivers.recipes.values import (
    Unfit,
    check_single,
    decimal_text,
    float_text,
    in_utc,
    moment_of,
    number_of,
    truth_of,
    whole_number,
)
from drivers.recipes.words import KEY as RECORD_KEY
from drivers.soap.columns import Column
from drivers.soap.model import Kind, Type
from drivers.soap.pages.criteria import NoCriterion, literal
from drivers.soap.pages.names import option_text, option_value
from drivers.soap.pages.recipes import Assignment, PartLines, Recipe, Step, Writes
from drivers.soap.pages.service import KEY, text_in
from drivers.soap.xml import unwritable

_INT64: Final = (-(2**63), 2**63 - 1)
_NO_DAY: Final = "0001-01-01"  # what NAV takes for an empty date
# NAV knows no null: these are its empty values. A number or a truth value has none.
_EMPTY: Final = {Kind.TEXT: "", Kind.DATE: _NO_DAY, Kind.TIMESTAMP: f"{_NO_DAY}T00:00:00Z"}


class Scope(CommandScope[Writes, Recipe]):
    """What the words of a step stand for."""

    def text(self, assignment: Assignment) -> Any:
        """As it is sent; ABSENT where its field is not given. Raises Misfit."""
        value = self.value(assignment.name) if assignment.name else assignment.constant
        if value is ABSENT:
            return ABSENT
        try:
            return sent_text(assignment.kind, value, self.writes.zone)
        except Unfit as fault:
            raise Misfit(self.place(assignment.name), fault.code, fault.message) from None


@dataclass(frozen=True, slots=True)
class Update:
    content: Mapping[str, Any]
    deletes: tuple[tuple[str, str], ...]  # (sub-page, Key) of lines that are to go


def sent_text(kind: Type, value: Any, zone: tzinfo) -> str:
    """Raises Unfit."""
    plain = kind.kind or Kind.TEXT
    if value is None:
        if kind.values:
            return _option(kind, "")
        if plain not in _EMPTY:
            raise Unfit("not_empty", "cannot be empty in the system; give 0 or false")
        return _EMPTY[plain]
    check_single(value)
    return _option(kind, str(value)) if kind.values else _TEXTS.get(plain, _plain)(value, zone)


def _option(kind: Type, text: str) -> str:
    found = option_value(text, kind)
    if found is None:
        known = ", ".join(option_text(each) or '""' for each in kind.values)
        raise Unfit("not_an_option", f"is none of {known}")
    return found


def _plain(value: Any, _zone: tzinfo) -> str:
    text = str(value)
    if unwritable(text) is not None:
        raise Unfit("not_a_text", "holds a character that XML cannot hold")
    return text


_TEXTS: Final[Mapping[Kind, Callable[[Any, tzinfo], str]]] = {
    Kind.DECIMAL: lambda value, _: decimal_text(value),
    Kind.FLOAT: lambda value, _: float_text(value),
    Kind.INTEGER: lambda value, _: str(whole_number(value, *_INT64, "64 bits hold")),
    Kind.BOOLEAN: lambda value, _: "true" if truth_of(value) else "false",
    Kind.DATE: lambda value, zone: moment_of(value, zone).date().isoformat(),
    Kind.TIMESTAMP: lambda value, zone: in_utc(moment_of(value, zone)).isoformat().replace("+00:00", "Z"),
}


def key_parts(key: str, columns: tuple[Column, ...]) -> Mapping[str, str] | None:
    """The parts of a record's key by field; None: no record can have it."""
    parts = decode_key(key)
    if len(parts) != len(columns) or not any(parts) or any(unwritable(part) for part in parts):
        return None
    try:
        for column, part in zip(columns, parts, strict=True):
            literal(column.kind, part)
    except NoCriterion:
        return None
    return {column.name: part for column, part in zip(columns, parts, strict=True)}


def created(step: Step, scope: Scope) -> dict[str, Any]:
    """What is given; what is null is left out, for the system has defaults of its own. Raises Misfit."""
    content: dict[str, Any] = _fields(step.values, scope)
    if not content:
        raise Misfit("", "nothing_to_write", f"none of the fields of {step.target} is given")
    for lines in step.lines:
        made = [_fields(lines.values, each) for each in lines_of(scope, lines.for_each) if holds(lines, each)]
        if made:
            content[lines.holder.name] = {lines.line.name: made}
    return content


def updated(step: Step, scope: Scope, record: Any) -> Update | None:
    """Only what is to change, with the Keys of the record and of its lines as they are now; None: nothing is.

    Raises Misfit.
    """
    content: dict[str, Any] = _fields(step.values, scope)
    deletes: list[tuple[str, str]] = []
    for lines in step.lines:
        if scope.field(lines.for_each) is ABSENT:
            continue
        changed, gone = _lines(lines, scope, record)
        if changed:
            content[lines.holder.name] = {lines.line.name: changed}
        deletes += [(lines.holder.name, key) for key in gone]
    if not content and not deletes:
        return None
    return Update({KEY: text_in(record, KEY), **content} if content else {}, tuple(deletes))


def called(step: Step, scope: Scope) -> dict[str, Any]:
    """Raises Misfit: a function needs all its parameters."""
    content = {}
    for each in step.values:
        text = scope.text(each)
        if text is ABSENT:
            if each.target.required:
                raise Misfit(scope.place(each.name), "required", "is needed by the system's function")
            continue
        content[each.target.name] = text
    return content


def results_of(record: Any, columns: Sequence[Column]) -> dict[str, str]:
    """The fields of a record, as texts of keys and references."""
    found = {}
    for each in columns:
        text = text_in(record, each.name)
        if text is not None:
            found[each.name] = each.decode(text) if each.decode else text
    return found


def _fields(values: tuple[Assignment, ...], scope: Scope) -> dict[str, Any]:
    keep_null = scope.recipe.kind is not OperationKind.CREATE
    content = {}
    for each in values:
        if not keep_null and each.name and scope.value(each.name) is None:
            continue
        text = scope.text(each)
        if text is not ABSENT:
            content[each.target.name] = text
    return content


def _lines(lines: PartLines, scope: Scope, record: Any) -> tuple[list[dict[str, Any]], list[str]]:
    """The lines to send, changed ones with their Key, and the Keys of those that were not given."""
    there = [
        line
        for holder in record
        if holder.tag == lines.holder.tag
        for line in holder
        if line.tag == lines.line.tag
    ]
    taken: set[int] = set()
    sent = []
    for each in lines_of(scope, lines.for_each):
        asked = {one.target.name: each.text(one) for one in lines.match}
        place = _matching(there, taken, asked, {one.target.name: one.kind for one in lines.match})
        if place is not None:
            taken.add(place)
        if not holds(lines, each):
            continue
        content = _fields(lines.values, each)
        if place is not None:
            content = {KEY: text_in(there[place], KEY), **content}
        else:
            _check_new(lines, each, asked, content)
        sent.append(content)
    gone = [text_in(line, KEY) or "" for place, line in enumerate(there) if place not in taken]
    return sent, gone if lines.delete_others else []


def _check_new(lines: PartLines, line: Scope, asked: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    """A line that none matches is added. Raises Misfit where it would not be the one that was asked for."""
    name = next(one.name for one in lines.match)
    set_by = {one.target.name for one in lines.values}
    named = all(text is not ABSENT for text in asked.values())
    by_key = line.given(f"{lines.for_each}.{RECORD_KEY}")
    if (named and not set_by.issuperset(asked)) or (
        by_key and any(text is not ABSENT for text in asked.values())
    ):
        raise Misfit(line.place(name), "not_found", "there is no such line, or it was given before")
    if not content:
        raise Misfit(line.place(name), "nothing_to_write", "is needed: a line without any field says nothing")


def _matching(
    there: list[Any], taken: set[int], asked: Mapping[str, Any], kinds: Mapping[str, Type]
) -> int | None:
    if any(text is ABSENT for text in asked.values()):
        return None
    for place, line in enumerate(there):
        if place not in taken and all(
            _alike(text_in(line, name), text, kinds[name]) for name, text in asked.items()
        ):
            return place
    return None


def _alike(held: str | None, asked: str, kind: Type) -> bool:
    if held is not None and kind.kind in {Kind.DECIMAL, Kind.INTEGER}:
        try:
            return number_of(held) == number_of(asked)
        except Unfit:
            return False
    return held == asked
