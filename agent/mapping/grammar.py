"""From the `map` table of a connection file to rules. Every mistake is a ConfigurationError that names its place."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from agent.errors import ConfigurationError
from agent.mapping.rules import (
    Column,
    CustomRule,
    HeaderColumn,
    LinesRule,
    ObjectRule,
    RowsRule,
    Rule,
    ScalarRule,
    StatusRule,
    StringsRule,
    Value,
)
from agent.mapping.values import LINE_SET, Defaults, Place, ValueReader, read_conditions
from agent.model.entities import MAPPABLE_PROVENANCE, PROVENANCE, Entity, Field, Kind, camel

_LINES_WORDS: Final = ("lines", "map", "where")


@dataclass(frozen=True, slots=True)
class _Level:
    """The fields that may be mapped at this place."""

    fields: Mapping[str, Field]
    inside_lines: bool

    @staticmethod
    def of(fields: Iterable[Field], *, inside_lines: bool) -> _Level:
        return _Level({field.alias: field for field in fields}, inside_lines)


def read_rules(
    table: Mapping[str, Any], *, entity: Entity, where: str, whole: bool = True
) -> tuple[Rule, ...]:
    """`whole`: false for a part of a mapping, in which nothing is missing."""
    place = Place(where)
    if not isinstance(table, Mapping):
        raise place.error("a mapping is a table: unified field = how to make it")
    rest = dict(table)
    defaults = Defaults.read(rest.pop("defaults", {}), place.at("defaults"))
    lookups = _lookups(rest.pop("lookups", {}), place.at("lookups"))
    custom = rest.pop("custom", {})
    reader = _Reader(ValueReader(defaults, lookups))
    mappable = [field for field in PROVENANCE if field.name in MAPPABLE_PROVENANCE]
    fields = [field for field in entity.fields if field.name != "key"]
    rules = reader.members(rest, _Level.of([*fields, *mappable], inside_lines=False), place)
    if whole:
        _refuse_missing(entity, rules, place)
    return (*rules, *reader.custom(custom, place.at("custom")))


def _lookups(tables: Any, place: Place) -> Mapping[str, Mapping[str, Any]]:
    if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
        raise place.error("lookups holds named tables: code = text")
    return tables


def _refuse_missing(entity: Entity, rules: Iterable[Rule], place: Place) -> None:
    made = {rule.name for rule in rules}
    missing = [field.alias for field in entity.fields if field.required and field.name not in {*made, "key"}]
    if missing:
        raise place.error(
            f"{entity.name} needs {', '.join(missing)}, which the mapping does not make",
            hint="No record is without it: map it to a column, or to something else.",
        )


@dataclass(frozen=True, slots=True)
class _Reader:
    values: ValueReader

    def members(self, table: Mapping[str, Any], level: _Level, place: Place) -> tuple[Rule, ...]:
        rules = [self._rule(alias, spec, level, place.at(alias)) for alias, spec in table.items()]
        named = {rule.name for rule in rules}
        return tuple(
            replace(rule, keep_code=rule.keep_code and "status_key" not in named)
            if isinstance(rule, StatusRule)
            else rule
            for rule in rules
        )

    def custom(self, table: Any, place: Place) -> tuple[CustomRule, ...]:
        if not isinstance(table, Mapping):
            raise place.error("custom is a table: name = how to make it")
        if not table:
            return ()
        members = tuple(
            ScalarRule(name, _custom_path(name, place), self.values.read(spec, None, place.at(name)))
            for name, spec in table.items()
        )
        return (CustomRule("custom_fields", "customFields", members),)

    def _rule(self, alias: str, spec: Any, level: _Level, place: Place) -> Rule:
        field = level.fields.get(alias)
        if field is None:
            raise _unknown_field(alias, level, place)
        path = place.path
        if field.kind is Kind.LIST:
            return self._list(field, spec, level, place)
        if field.kind is Kind.OBJECT:
            return ObjectRule(field.name, path, self._object(field, spec, level, place))
        if field.kind is Kind.STRINGS:
            return StringsRule(field.name, path, self._texts(spec, level, place))
        value = self.values.read(spec, field, place, inside_lines=level.inside_lines)
        if field.name == "status":
            keeps = "statusKey" in level.fields and isinstance(value.source, Column | HeaderColumn)
            return StatusRule(field.name, path, value, field.values, keeps)
        return ScalarRule(field.name, path, value)

    def _object(self, field: Field, spec: Any, level: _Level, place: Place) -> tuple[Rule, ...]:
        if not isinstance(spec, Mapping) or not spec:
            raise place.error(f"{field.alias} is a table of its own fields, such as {{ city = ... }}")
        return self.members(spec, _Level.of(field.fields, inside_lines=level.inside_lines), place)

    def _texts(self, spec: Any, level: _Level, place: Place) -> tuple[Value, ...]:
        parts = spec if isinstance(spec, list) else [spec]
        text = Field("text", Kind.STRING)
        return tuple(
            self.values.read(part, text, place.item(index), inside_lines=level.inside_lines)
            for index, part in enumerate(parts)
        )

    def _list(self, field: Field, spec: Any, level: _Level, place: Place) -> Rule:
        if isinstance(spec, list):
            rows = tuple(self._object(field, row, level, place.item(index)) for index, row in enumerate(spec))
            return RowsRule(field.name, place.path, rows)
        if level.inside_lines:
            raise place.error("a list inside lines cannot be made from another line set")
        if not isinstance(spec, Mapping) or not isinstance(spec.get("lines"), str):
            raise place.error(f'{field.alias} is made as {{ lines = "a line set", map = {{ ... }} }}')
        place.refuse_words(spec, _LINES_WORDS)
        members = spec.get("map")
        if not isinstance(members, Mapping) or not members:
            raise place.error("the fields of a line are missing: map = { ... }")
        rules = self.members(members, _Level.of(field.fields, inside_lines=True), place)
        return LinesRule(
            field.name, place.path, spec["lines"], rules, read_conditions(spec.get("where", {}), place)
        )


def _custom_path(name: str, place: Place) -> str:
    if not name.strip():
        raise place.error("a custom field needs a name")
    return f"customFields.{name}"


def _unknown_field(alias: str, level: _Level, place: Place) -> ConfigurationError:
    if alias == "key":
        return place.error("key is filled from the stream's key columns and cannot be mapped")
    if alias == "customFields":
        return place.error(
            "custom fields are mapped in the table named custom", hint="Write custom.NAME = ..."
        )
    near = difflib.get_close_matches(camel(alias), level.fields, n=1, cutoff=0.5)
    known = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(level.fields)}."
    return place.error(f"the unified model has no field {alias!r} here", hint=known)


def columns_of(rules: Iterable[Rule]) -> frozenset[tuple[str | None, str]]:
    """Every source column the rules read, as (line set or None, column)."""
    found: set[tuple[str | None, str]] = set()
    for rule in rules:
        _collect(rule, None, found)
    return frozenset(found)


def _collect(rule: Rule, lines: str | None, found: set[tuple[str | None, str]]) -> None:
    if isinstance(rule, ScalarRule | StatusRule):
        found |= ValueReader.columns(rule.value, lines)
    elif isinstance(rule, StringsRule):
        for value in rule.values:
            found |= ValueReader.columns(value, lines)
    elif isinstance(rule, RowsRule):
        for row in rule.rows:
            for member in row:
                _collect(member, lines, found)
    else:
        inner = rule.lines if isinstance(rule, LinesRule) else lines
        if isinstance(rule, LinesRule):
            found |= {(rule.lines, column) for column, _ in rule.where}
            found |= {(rule.lines, LINE_SET)}
        for member in rule.members:
            _collect(member, inner, found)
