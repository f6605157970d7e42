"""Pure: a step and what is known of the command -> the request that writes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from drivers.contract import OperationKind
from drivers.netsuite import queries
from drivers.netsuite.positions import is_id
from drivers.netsuite.recipes import ID, PARAMETER, Assignment, Form, Recipe, Step, Writes
from drivers.netsuite.service import path
from drivers.recipes import scope as recipe_scope
from drivers.recipes.scope import ABSENT, Misfit, lines_of
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
from drivers.recipes.words import IDEMPOTENCY_KEY, KEY

Scope = recipe_scope.Scope[Writes, Recipe]

_EXTERNAL_ID: Final = re.compile(r"[a-z0-9_-]+")
_HASH_LENGTH: Final = 52  # all of it
_INT64: Final = (-(2**63), 2**63 - 1, "64 bits hold")
_PLACE: Final = re.compile(r"(\w+)\.items\[(\d+)\]\.(\w+)")


@dataclass(frozen=True, slots=True)
class Change:
    method: str
    place: str
    body: bytes = b""


def compose(step: Step, scope: Scope) -> Change | None:
    """None where there is nothing to change. Raises Misfit."""
    if step.form is Form.DELETE:
        return Change("DELETE", path(step.record, scope.key[ID]))
    content = _content(step.values, scope)
    replaced = []
    for lines in step.lines:
        if scope.field(lines.for_each) is ABSENT:
            continue
        content[lines.sublist] = {
            "items": [_content(lines.values, each) for each in lines_of(scope, lines.for_each)]
        }
        if lines.replace:
            replaced.append(lines.sublist)
    if not content:
        if step.form is Form.UPDATE:
            return None
        raise Misfit("", "nothing_to_write", f"none of the fields of {step.record} is given")
    query = f"?replace={','.join(replaced)}" if replaced else ""
    body = msgspec.json.encode(content)
    if step.form is Form.CREATE:
        # By the external id the same request makes one record, however often it comes; replaced lines are not doubled.
        return Change("PUT", external(step, scope) + query, body)
    return Change("PATCH", path(step.record, scope.key[ID]) + query, body)


def external(step: Step, scope: Scope) -> str:
    """The place of the record that a create makes."""
    return path(step.record, f"eid:{external_id(scope.idempotency_key)}")


def external_id(idempotency_key: str) -> str:
    """The command's id, or a hash of it where NetSuite would refuse it or take it for another one.

    An external id holds letters, digits, `_` and `-` (docs.oracle.com, section_156334828635), and `A-1` is `a-1`.
    """
    if _EXTERNAL_ID.fullmatch(idempotency_key):
        return idempotency_key
    return recipe_scope.shortened(idempotency_key, _HASH_LENGTH, capitals=False)


def find_query(text: str, scope: Scope) -> str:
    """A find with its words as literals."""

    def place(found: re.Match[str]) -> str:
        name = found.group(1)
        if name is None:
            return found.group()
        return queries.literal(scope.idempotency_key) if name == IDEMPOTENCY_KEY else scope.key[ID]

    return PARAMETER.sub(place, text)


def field_at(step: Step, place: str) -> str:
    """The record's field that a property of NetSuite's refusal is made of; empty where none is."""
    found = _PLACE.search(place)
    if found is None:
        return _word_of(step.values, place.partition(".")[0])
    for lines in step.lines:
        if lines.sublist == found.group(1):
            head, _, member = _word_of(lines.values, found.group(3)).partition(".")
            return f"{head}[{found.group(2)}].{member}" if member else f"{lines.for_each}[{found.group(2)}]"
    return ""


def key_of(record: Mapping[str, Any]) -> Mapping[str, str] | None:
    """None: no record of NetSuite can have this key."""
    key = str(record.get(KEY, ""))
    return {ID: key} if is_id(key) else None


def _word_of(values: tuple[Assignment, ...], name: str) -> str:
    return next((each.word for each in values if each.name == name), "")


def _content(values: tuple[Assignment, ...], scope: Scope) -> dict[str, Any]:
    """What is given. A create leaves out what is null: NetSuite has defaults of its own."""
    keep_null = scope.recipe.kind is not OperationKind.CREATE
    return {
        name: value
        for name, value in _properties(values, scope)
        if value is not ABSENT and (keep_null or value is not None)
    }


def _properties(values: tuple[Assignment, ...], scope: Scope) -> Iterator[tuple[str, Any]]:
    for each in values:
        if not each.word:
            yield each.name, each.constant
            continue
        value = scope.value(each.word)
        if value is not ABSENT and value is not None:
            value = _json(each.word, value, scope)
        yield each.name, value


def _json(word: str, value: Any, scope: Scope) -> Any:
    type_ = scope.writes.types.get(word, Type())
    if word.partition(".")[0] in {KEY, IDEMPOTENCY_KEY} or word == "line.number":
        return value
    try:
        check_single(value)
        return _made(type_, value, scope)
    except Unfit as fault:
        raise Misfit(scope.place(word), fault.code, fault.message) from None


def _made(type_: Type, value: Any, scope: Scope) -> Any:
    zone = scope.writes.zone
    makers: Mapping[str, Callable[[], Any]] = {
        "key": lambda: {"id": _id(value)},
        "reference": lambda: {"id": _id(value)},
        # A JSON number, digit for digit.
        "decimal": lambda: msgspec.Raw(decimal_text(value, type_.size or None, _scale(type_)).encode()),
        "integer": lambda: whole_number(value, *_INT64),
        "boolean": lambda: truth_of(value),
        "date": lambda: moment_of(value, zone).date().isoformat(),
        "timestamp_tz": lambda: in_utc(moment_of(value, zone)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return makers.get(type_.word, lambda: _text(value, type_.size))()


def _scale(type_: Type) -> int | None:
    return type_.scale if type_.size else None


def _id(value: Any) -> str:
    text = str(value)
    if not text or not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", text):
        raise Unfit("not_a_key", "is not the id of a record")
    return text


def _text(value: Any, size: int) -> str:
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    if size and len(text) > size:
        raise Unfit("too_long", f"is longer than {size} characters")
    return text
