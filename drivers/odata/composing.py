"""Pure: a step and what is known of the command -> requests that change something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import msgspec

from drivers.contract import OperationKind
from drivers.keys import decode_key
from drivers.odata.batches import Change
from drivers.odata.columns import key_text
from drivers.odata.edm import Kind, Property, StructuredType
from drivers.odata.literals import V4, NoLiteral, literal
from drivers.odata.ordering import OrderedBy
from drivers.odata.recipe_reader import PARAMETER
from drivers.odata.recipes import Assignment, Form, Lines, Recipe, Step, Writes
from drivers.odata.requests import key_predicate
from drivers.odata.values import json_value, text_value
from drivers.recipes.scope import ABSENT, Misfit, lines_of, runs_of
from drivers.recipes.scope import Scope as CommandScope
from drivers.recipes.values import Unfit
from drivers.recipes.words import IDEMPOTENCY_KEY, KEY, RESULT

_TOLD_APART: Final = frozenset({Kind.TEXT, Kind.INTEGER, Kind.GUID, Kind.BOOLEAN})


@dataclass(frozen=True, kw_only=True)
class Scope(CommandScope[Writes, Recipe]):
    """What the words of a step stand for."""

    version: int

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


def scopes(step: Step, scope: Scope) -> Iterator[Scope]:
    """One per run of the step: none where it belongs to another status."""
    if step.status is None or scope.record.get("status") == step.status:
        yield from runs_of(step, scope)


def record_place(step: Step, scope: Scope) -> str:
    """The path of the record that a step changes."""
    names = [each.target.name for each in step.conditions]
    return step.entity_set + key_predicate(names, [scope.literal(each) for each in step.conditions])


def matching(step: Step, scope: Scope) -> str:
    """The filter that finds the record of a step that names no key. Raises Misfit."""
    return " and ".join(f"{each.target.name} eq {scope.literal(each)}" for each in step.conditions)


def is_meant(step: Step, scope: Scope, record: Mapping[str, Any]) -> bool:
    """Whether a record that was found has what was asked for, as far as texts of values tell."""
    for each in step.conditions:
        target = each.target
        if not isinstance(target, Property) or target.kind not in _TOLD_APART:
            continue
        text = key_text(target, record.get(target.name))
        if text is None:
            continue
        try:
            held = literal(target.kind, text, scope.version, type_=target.type)
        except NoLiteral:
            return False
        by = OrderedBy(target, scope.version)  # services ignore case and blanks at the end, of texts alone
        alike = by.alike if target.kind is Kind.TEXT else str.lower
        if alike(held.removesuffix("'")) != alike(scope.literal(each).removesuffix("'")):
            return False
    return True


def place_in(entity_set: str, type_: StructuredType, record: Mapping[str, Any], version: int) -> str | None:
    """The path of a record that an answer holds; None where a part of its key is missing, or can be none."""
    literals = []
    for name in type_.key:
        property_ = type_.properties[name]
        text = key_text(property_, record.get(name))
        if text is None:
            return None
        try:
            literals.append(literal(property_.kind, text, version, type_=property_.type))
        except NoLiteral:
            return None
    return entity_set + key_predicate(type_.key, literals)


def compose(step: Step, scope: Scope, place: str = "") -> Change | None:
    """The request of a step; None where there is nothing to change. Raises Misfit.

    `place`: the path of the record, where it had to be looked for.
    """
    if step.form is Form.CALL:
        return _call(step, scope)
    if step.form is Form.DELETE:
        return Change("DELETE", place or record_place(step, scope))
    content = _content(step.values, scope)
    if step.form is Form.UPDATE:
        if not content:
            return None
        return Change(step.method, place or record_place(step, scope), msgspec.json.encode(content))
    if not content:
        raise Misfit("", "nothing_to_write", f"none of the fields of {step.entity_set} is given")
    for lines in step.lines:
        below = _below(lines, scope)
        if any(below):
            content[lines.navigation] = below
    return Change("POST", step.entity_set, msgspec.json.encode(content))


def _below(lines: Lines, scope: Scope) -> list[dict[str, Any]]:
    found = []
    for each in lines_of(scope, lines.for_each) if lines.for_each is not None else (scope,):
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
        path = f"{record_place(step, scope)}/{routine.name}" if step.entity_set else routine.name
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
