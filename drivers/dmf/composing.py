"""Pure: a recipe and what is known of the command -> the records of a package, as texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from drivers.contract import Message, OperationKind
from drivers.dmf.recipes import Assignment, Recipe, Writes
from drivers.dmf.shape import COMPANY, StreamShape
from drivers.keys import decode_key, encode_key
from drivers.recipes import scope as recipe_scope
from drivers.recipes.outcomes import NOT_FOUND, Refusal
from drivers.recipes.scope import ABSENT, Misfit, runs_of
from drivers.recipes.types import Type
from drivers.recipes.values import (
    Unfit,
    check_single,
    decimal_text,
    in_utc,
    moment_of,
    truth_of,
    whole_number,
)
from drivers.recipes.words import KEY

Scope = recipe_scope.Scope[Writes, Recipe]

_INT64: Final = (-(2**63), 2**63 - 1, "64 bits hold")


@dataclass(frozen=True, slots=True)
class Part:
    """Records of one entity: each has all the fields."""

    entity: str
    fields: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def compose(scope: Scope) -> list[Part]:
    """What goes into the package, without entities of which there is no record. Raises Misfit."""
    parts = []
    for step in scope.recipe.steps:
        rows = [
            (_row(step.identity, each), _row(step.values, each, optional=True))
            for each in runs_of(step, scope)
        ]
        if scope.recipe.kind is OperationKind.UPDATE and not any(given for _, given in rows):
            continue  # nothing of what it sets is given
        parts += _parts(step.entity, [{**identity, **given} for identity, given in rows])
    return parts


def company_of(scope: Scope, shape: StreamShape) -> str:
    """The legal entity that is written in. Raises Misfit for one that the stream does not have."""
    word = scope.recipe.legal_entity
    if word is None:
        if len(shape.companies) == 1:
            return shape.companies[0]
        word = f"{KEY}.{COMPANY}" if COMPANY in scope.key else ""
    found = scope.value(word) if word else ABSENT
    name = str(found)
    if name not in shape.companies:
        raise Misfit(
            scope.place(word) if word.partition(".")[0] != KEY else KEY,
            "not_a_key",
            "names no legal entity of this stream",
        )
    return name


def target_key(scope: Scope) -> str:
    """The key of the record that is written. Raises Misfit for one that cannot be told."""
    if scope.recipe.kind is not OperationKind.CREATE:
        return str(scope.record[KEY])
    parts = []
    for word in scope.recipe.key:
        value = scope.value(word)
        if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
            raise Misfit(scope.place(word), "required", f"{word} is needed: it is a part of the key")
        parts.append(str(value))
    return encode_key(parts)


def key_of(record: Mapping[str, Any], fields: Sequence[str]) -> Mapping[str, str]:
    """Raises Refusal for a key that no record of the stream can have."""
    parts = decode_key(str(record.get(KEY, "")))
    if len(parts) != len(fields):
        raise Refusal(NOT_FOUND)
    return dict(zip(fields, parts, strict=True))


def field_at(scope: Scope, name: str) -> str:
    """The record's field that a field of the entity is made of; empty where none is."""
    wanted = name.replace(" ", "").replace("_", "").upper()
    for step in scope.recipe.steps:
        for each in step.values:
            if each.word and each.name.replace("_", "") == wanted:
                return each.word
    return ""


def messages_by_field(scope: Scope, found: Sequence[Message]) -> list[Message]:
    return [Message(each.text, each.code, field_at(scope, each.field)) for each in found]


def _parts(entity: str, rows: Sequence[Mapping[str, str]]) -> list[Part]:
    """A file has the same fields in all its records, and what is empty would be emptied: one part for each set of them."""
    found: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for row in rows:
        if row:
            found.setdefault(tuple(row), []).append(tuple(row.values()))
    if len(found) > 1:
        raise Misfit("", "mixed_lines", f"the lines of {entity} do not all have the same fields")
    return [Part(entity, fields, tuple(values)) for fields, values in found.items()]


def _row(assignments: Sequence[Assignment], scope: Scope, *, optional: bool = False) -> dict[str, str]:
    found = {}
    for each in assignments:
        value = each.constant if not each.word else scope.value(each.word)
        if value is ABSENT and optional:
            continue
        if value is None or value is ABSENT or value == "":
            if scope.recipe.kind is OperationKind.CREATE:
                continue
            raise Misfit(
                scope.place(each.word), "not_emptied", "cannot be emptied by a data package: give a value"
            )
        found[each.name] = _text(each, value, scope)
    return found


def _text(assignment: Assignment, value: Any, scope: Scope) -> str:
    word = assignment.word
    type_ = scope.writes.types.get(word, Type())
    try:
        if isinstance(value, bool):
            return "Yes" if value else "No"
        check_single(value)
        return _one_line(_made(type_, value, scope))
    except Unfit as fault:
        raise Misfit(scope.place(word) if word else assignment.name, fault.code, fault.message) from None


def _one_line(text: str) -> str:
    if "\r" in text or "\n" in text:
        raise Unfit("several_lines", "has a line break, which a file of records does not keep")
    return text


def _made(type_: Type, value: Any, scope: Scope) -> str:
    zone = scope.writes.zone
    scale = type_.scale if type_.size else None
    makers: Mapping[str, Callable[[], str]] = {
        "decimal": lambda: decimal_text(value, type_.size or None, scale),
        "integer": lambda: str(whole_number(value, *_INT64)),
        "boolean": lambda: "Yes" if truth_of(value) else "No",
        "date": lambda: moment_of(value, zone).date().isoformat(),
        "timestamp": lambda: in_utc(moment_of(value, UTC)).strftime("%Y-%m-%d %H:%M:%S"),
    }
    return makers.get(type_.word, lambda: _plain(value, type_.size))()


def _plain(value: Any, size: int) -> str:
    text = str(value)
    if size and len(text) > size:
        raise Unfit("too_long", f"is longer than {size} characters")
    return text
