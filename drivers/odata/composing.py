"""Pure: a step and what is known of the command -> requests that change something."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote

import msgspec

from drivers.contract import OperationKind
from drivers.keys import decode_key
from drivers.odata.batches import Change
from drivers.odata.columns import key_text
from drivers.odata.edm import Kind, Property
from drivers.odata.literals import V4, NoLiteral, literal
from drivers.odata.recipe_reader import PARAMETER
from drivers.odata.recipes import (
    IDEMPOTENCY_KEY,
    KEY,
    LINE_NUMBER,
    RESULT,
    Assignment,
    Form,
    Lines,
    Recipe,
    Step,
    Writes,
    field_of,
)
from drivers.odata.requests import key_predicate
from drivers.odata.values import Unfit, json_value, text_value

ABSENT: Final = object()


class Misfit(Exception):
    """The record cannot be written as it is: one of its fields, by its place."""

    def __init__(self, place: str, code: str, message: str) -> None:
        super().__init__(message)
        self.place = place
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Scope:
    """What the words of a step stand for."""

    version: int
    writes: Writes
    recipe: Recipe
    record: Mapping[str, Any]
    idempotency_key: str
    key: Mapping[str, str] = field(default_factory=dict)  # by property of the stream's key
    results: Mapping[str, Any] = field(default_factory=dict)  # by property, as texts
    list_name: str | None = None
    line: Mapping[str, Any] = field(default_factory=dict)
    line_index: int = 0

    def given(self, name: str) -> bool:
        return self._field(name) is not ABSENT

    def value(self, name: str) -> Any:
        """The value of a word; ABSENT for a field that is not in the record. Raises Misfit."""
        head, _, rest = name.partition(".")
        own = {IDEMPOTENCY_KEY: self.idempotency_key, LINE_NUMBER: self.line_index + 1}
        if name in own:
            return own[name]
        if head == KEY:
            return self.key[rest] if rest else next(iter(self.key.values()))
        if head == RESULT:
            return self.results.get(rest)
        return self._field_value(name)

    def _field_value(self, name: str) -> Any:
        unified = field_of(name, self.writes.keys) or name
        found = self._field(unified)
        if unified in self.writes.keys and isinstance(found, str):
            return self._part_of_key(found, name, unified)
        if self.recipe.kind is OperationKind.SET_STATUS and unified == "status":
            return self.recipe.statuses.get(str(found))
        return found

    def place(self, name: str) -> str:
        """Where the field stands in the record."""
        head, _, rest = name.partition(".")
        return f"{head}[{self.line_index}].{rest}" if head == self.list_name else name

    def lines(self, list_name: str) -> Iterator[Scope]:
        held = self.record.get(list_name)
        for index, line in enumerate(held if isinstance(held, list) else ()):
            yield replace(self, list_name=list_name, line=line, line_index=index)

    def json(self, assignment: Assignment) -> Any:
        """The JSON of an assignment's value; ABSENT where its field is not given. Raises Misfit."""
        return self._made(assignment, json_value, self.version)

    def literal(self, assignment: Assignment) -> str:
        """Raises Misfit; the record that a literal names has to be named by something."""
        target = assignment.target
        try:
            text = self._made(assignment, text_value)
            if text is ABSENT or text is None:
                raise Misfit(
                    self.place(assignment.name), "required", "is needed to find what is to be changed"
                )
            return literal(target.kind, str(text), self.version, type_=target.type)
        except NoLiteral:
            raise Misfit(self.place(assignment.name), "not_found", "can be no value of a record") from None

    def _made(self, assignment: Assignment, make: Any, *more: Any) -> Any:
        value = self.value(assignment.name) if assignment.name else assignment.constant
        if value is ABSENT or (value is None and make is text_value):
            return value
        if assignment.name.partition(".")[0] in {KEY, RESULT} and make is text_value:
            return value  # a text that came from the source as it is
        try:
            return make(assignment.target, value, *more, self.writes.zone)
        except Unfit as fault:
            raise Misfit(self.place(assignment.name), fault.code, fault.message) from None

    def _field(self, name: str) -> Any:
        head, _, rest = name.partition(".")
        holder = self.line if head == self.list_name and rest else self.record.get(head, ABSENT)
        if not rest:
            return holder
        return holder.get(rest, ABSENT) if isinstance(holder, Mapping) else ABSENT

    def _part_of_key(self, key: str, name: str, unified: str) -> str:
        parts = decode_key(key)
        number = int(name.rpartition(".")[2]) if name != unified else 1
        if not 1 <= number <= len(parts) or (name == unified and len(parts) != 1):
            raise Misfit(self.place(unified), "not_a_key", "is not a key of the records it refers to")
        return parts[number - 1]


def key_parts(key: str, properties: tuple[Property, ...], version: int) -> Mapping[str, str] | None:
    """The parts of a record's key by property; None: no record of the source can have it."""
    parts = decode_key(key)
    if len(parts) != len(properties):
        return None
    try:
        for each, part in zip(properties, parts, strict=True):
            literal(each.kind, part, version, type_=each.type)
    except NoLiteral:
        return None
    return {each.name: part for each, part in zip(properties, parts, strict=True)}


def shortened(idempotency_key: str, length: int | None) -> str:
    """The external reference: the key itself, or a hash of it that fits a narrow property."""
    if length is None:
        return idempotency_key
    digest = hashlib.sha256(idempotency_key.encode()).digest()
    return base64.b32encode(digest).decode().rstrip("=")[:length]  # in capitals: SAP keeps many texts so


def scopes(step: Step, scope: Scope) -> Iterator[Scope]:
    """One per run of the step: for each line, or once; none where its condition does not hold."""
    if step.status is not None and scope.record.get("status") != step.status:
        return
    for each in scope.lines(step.for_each) if step.for_each is not None else (scope,):
        wanted = step.when is None or each.given(step.when)
        unwanted = step.unless is not None and each.given(step.unless)
        if wanted and not unwanted:
            yield each


def place_of(step: Step, scope: Scope) -> str:
    """The path of the record that a step changes."""
    names = [each.target.name for each in step.conditions]
    return step.entity_set + key_predicate(names, [scope.literal(each) for each in step.conditions])


def compose(step: Step, scope: Scope) -> Change | None:
    """The request of a step; None where there is nothing to change. Raises Misfit."""
    if step.form is Form.CALL:
        return _call(step, scope)
    if step.form is Form.DELETE:
        return Change("DELETE", place_of(step, scope))
    content = _content(step.values, scope)
    if step.form is Form.UPDATE:
        if not content:
            return None
        return Change(step.method, place_of(step, scope), msgspec.json.encode(content))
    if not content:
        raise Misfit("", "nothing_to_write", f"none of the fields of {step.entity_set} is given")
    for lines in step.lines:
        below = _below(lines, scope)
        if any(below):
            content[lines.navigation] = below
    return Change("POST", step.entity_set, msgspec.json.encode(content))


def _below(lines: Lines, scope: Scope) -> list[dict[str, Any]]:
    found = []
    for each in scope.lines(lines.for_each) if lines.for_each is not None else (scope,):
        if lines.when is not None and not each.given(lines.when):
            continue
        content = _content(lines.values, each)
        for deeper in lines.below:
            held = _below(deeper, each)
            if any(held):
                content[deeper.navigation] = held
        found.append(content)
    return found


def _content(values: tuple[Assignment, ...], scope: Scope) -> dict[str, Any]:
    """What is given. A create leaves out what is null: the system has defaults of its own."""
    content = {each.target.name: scope.json(each) for each in values}
    keep_null = scope.recipe.kind is not OperationKind.CREATE
    return {
        name: value
        for name, value in content.items()
        if value is not ABSENT and (keep_null or value is not None)
    }


def _call(step: Step, scope: Scope) -> Change:
    routine = step.routine
    assert routine is not None  # noqa: S101 - what makes a call of it
    if scope.version == V4:
        path = f"{place_of(step, scope)}/{routine.name}" if step.entity_set else routine.name
        return Change("POST", path, msgspec.json.encode(_content(step.values, scope)))
    given = [each for each in step.values if scope.json(each) is not ABSENT]

    query = "&".join(f"{each.target.name}={quote(scope.literal(each), safe='')}" for each in given)
    return Change(routine.method, routine.name + (f"?{query}" if query else ""))


def condition(text: str, scope: Scope) -> str:
    """The filter of `find` with its words as literals."""

    def place(found: Any) -> str:
        name = found.group(1)
        if name is None:
            return str(found.group())
        if name == IDEMPOTENCY_KEY:
            return literal(Kind.TEXT, scope.idempotency_key, scope.version)
        part = name.partition(".")[2]
        target = next(each for each in scope.writes.key if part in {"", each.name})
        return literal(target.kind, scope.key[target.name], scope.version, type_=target.type)

    return PARAMETER.sub(place, text)


def results_of(record: Mapping[str, Any], properties: Mapping[str, Property]) -> dict[str, Any]:
    """The properties of a record that an answer holds, as texts of keys and positions."""
    return {
        name: key_text(each, record[name])
        for name, each in properties.items()
        if name in record and not each.complex
    }
