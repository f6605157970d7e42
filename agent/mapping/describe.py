"""A mapping side by side: every field of the entity with the columns it is made of, how, and who said so. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from agent.mapping.compile import CompiledMapping
from agent.mapping.grammar import columns_of
from agent.mapping.overlay import ABSENT, Overlay, Path, held_by, value_at
from agent.mapping.paths import CUSTOM, FIELDS, mappable, text_of
from agent.mapping.rules import CustomRule, LinesRule, ObjectRule, RowsRule, Rule
from agent.mapping.toml import inline
from agent.mapping.words import words_of
from agent.model.entities import ENTITIES, Field, Kind

_OPTION_TABLES: Final = {"defaults": "default", "lookups": "lookup"}


class FromWhere(StrEnum):
    FILE = "file"  # the connection file, or the profile of its system
    CHANGED = "changed"  # at run time
    REMOVED = "removed"  # at run time; the file says how to make it
    NOWHERE = ""  # not mapped


@dataclass(frozen=True, slots=True)
class FieldLine:
    field: str  # "lineItems.quantity"; what `paths.path_of` reads
    path: Path
    kind: str  # of the unified field; "default" and "lookup" for those tables; empty: the source column's own
    required: bool
    origin: FromWhere
    columns: tuple[str, ...] = ()  # of the source; one of a line set as "set.column"
    words: str = ""
    toml: str | None = None  # None: not mapped
    file: str | None = None  # what the connection file says, where a change says otherwise; None: nothing


@dataclass(frozen=True, slots=True)
class MappingView:
    lines: tuple[FieldLine, ...]
    unused: tuple[str, ...] = ()  # columns of the source that no field uses


def describe(
    entity: str,
    table: Mapping[str, Any],
    overlay: Overlay,
    mapping: CompiledMapping | None,
    columns: Iterable[str] = (),
    base: Mapping[str, Any] | None = None,
) -> MappingView:
    """`table` is the one in force, `mapping` what it compiles to (None: it does not), `columns` what the source has.

    `base` is the table of the connection file.
    """
    describer = _Describer(table, overlay, base or {})
    rules = {rule.name: rule for rule in mapping.rules} if mapping is not None else {}
    lines = describer.fields(mappable(ENTITIES[entity]), rules, ())
    lines += describer.custom(rules.get("custom_fields"))
    for name, kind in _OPTION_TABLES.items():
        lines += describer.options(name, kind)
    used = mapping.source_columns if mapping is not None else frozenset()
    return MappingView(tuple(lines), tuple(column for column in columns if column not in used))


def sample_of(document: Mapping[str, Any], field: str) -> Any:
    """A field's value in an entity's document; of a list, the first entry's."""
    first, _, rest = field.partition(".")
    value = document.get(first)
    if first == "customFields":
        return value.get(rest) if isinstance(value, Mapping) else None
    for name in rest.split(".") if rest else ():
        if isinstance(value, Sequence) and not isinstance(value, str):
            value = value[0] if value else None
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


@dataclass(frozen=True, slots=True)
class _Describer:
    table: Mapping[str, Any]
    overlay: Overlay
    base: Mapping[str, Any]

    def fields(
        self, fields: Iterable[Field], rules: Mapping[str, Rule], parent: Path, line_set: str | None = None
    ) -> list[FieldLine]:
        lines: list[FieldLine] = []
        for field in fields:
            path, rule = (*parent, field.alias), rules.get(field.name)
            if field.kind is Kind.OBJECT:
                inner = rule.members if isinstance(rule, ObjectRule) else ()
                lines += self.fields(field.fields, {one.name: one for one in inner}, path, line_set)
                continue
            lines.append(self._line(path, field.kind.value, rule, required=field.required, line_set=line_set))
            if field.kind is Kind.LIST and not isinstance(rule, RowsRule):
                inner = rule.members if isinstance(rule, LinesRule) else ()
                names = {one.name: one for one in inner}
                own = rule.lines if isinstance(rule, LinesRule) else None
                lines += self.fields(field.fields, names, (*path, FIELDS), own)
        return lines

    def custom(self, rule: Rule | None) -> list[FieldLine]:
        made = {one.name: one for one in rule.members} if isinstance(rule, CustomRule) else {}
        lines = []
        for name in self._names(CUSTOM):
            member = made.get(name)
            kind = member.value.kind.value if member is not None and member.value.kind is not None else ""
            lines.append(self._line((CUSTOM, name), kind, member))
        return lines

    def options(self, name: str, kind: str) -> list[FieldLine]:
        return [self._line((name, word), kind, None) for word in self._names(name)]

    def _names(self, name: str) -> list[str]:
        """Of a named table, with those that the overlay hides."""
        there = self.table.get(name)
        hidden = [path[1] for path in self.overlay.entries if path[0] == name and len(path) > 1]
        return list(dict.fromkeys([*(there if isinstance(there, Mapping) else ()), *hidden]))

    def _line(
        self,
        path: Path,
        kind: str,
        rule: Rule | None,
        *,
        required: bool = False,
        line_set: str | None = None,
    ) -> FieldLine:
        spec = value_at(self.table, path)
        origin = self._origin(path, there=spec is not ABSENT)
        if isinstance(rule, LinesRule) and isinstance(spec, Mapping):
            spec = _without_fields(spec)
            columns = _columns(LinesRule(rule.name, rule.path, rule.lines, (), rule.where))
        elif rule is not None and line_set is not None:
            columns = _columns(LinesRule(rule.name, rule.path, line_set, (rule,)))
        else:
            columns = _columns(rule) if rule is not None else ()
        return FieldLine(
            field=text_of(path),
            path=path,
            kind=kind,
            required=required,
            origin=origin,
            columns=columns,
            words=words_of(rule) if rule is not None else "",
            toml=None if spec is ABSENT else inline(spec),
            file=self._in_file(path) if origin in (FromWhere.CHANGED, FromWhere.REMOVED) else None,
        )

    def _in_file(self, path: Path) -> str | None:
        there = value_at(self.base, path)
        if there is ABSENT:
            return None
        has_fields = isinstance(there, Mapping) and FIELDS in there
        return inline(_without_fields(there) if has_fields else there)

    def _origin(self, path: Path, *, there: bool) -> FromWhere:
        if held_by(self.overlay, path) is None:
            return FromWhere.FILE if there else FromWhere.NOWHERE
        return FromWhere.CHANGED if there else FromWhere.REMOVED


def _without_fields(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Of a list: its fields have lines of their own."""
    return {word: value for word, value in spec.items() if word != FIELDS}


def _columns(rule: Rule) -> tuple[str, ...]:
    found = {(lines, column) for lines, column in columns_of([rule]) if column}
    return tuple(sorted(f"{lines}.{column}" if lines else column for lines, column in found))
