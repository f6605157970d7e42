"""What a rule of a mapping does, in words for people. Pure."""

from __future__ import annotations

from agent.mapping.rules import (
    Coalesce,
    Column,
    Concat,
    Conditions,
    Const,
    CustomRule,
    HeaderColumn,
    LineLookup,
    LinesRule,
    ObjectRule,
    RowsRule,
    Rule,
    Source,
    SourceKey,
    StringsRule,
    Total,
    Value,
)
from agent.mapping.toml import inline
from agent.model.entities import UNKNOWN_STATUS, Kind

AS_IT_IS = "as it is"


def words_of(rule: Rule) -> str:
    if isinstance(rule, StringsRule):
        return "a list of the texts that are there"
    if isinstance(rule, LinesRule):
        chosen = "; ".join(f"{column} is one of {', '.join(sorted(codes))}" for column, codes in rule.where)
        return f"the lines of {rule.lines}" + (f" where {chosen}" if chosen else "")
    if isinstance(rule, RowsRule):
        entries = "1 entry" if len(rule.rows) == 1 else f"{len(rule.rows)} entries"
        return f"{entries} of the record's own columns, left out if empty"
    if isinstance(rule, ObjectRule | CustomRule):
        return "made of its fields"
    status = UNKNOWN_STATUS if getattr(rule, "known", None) is not None else ""
    return _value(rule.value, status)


def _value(value: Value, unknown: str = "") -> str:
    steps = [_source(value.source)]
    steps += ["trimmed"] if value.trim and not isinstance(value.source, Const) else []
    steps += ["without leading zeros"] if value.strip_zeros else []
    steps += [f"in {value.case} case"] if value.case else []
    steps += [_codes(value, unknown)] if value.values is not None else _form(value)
    if value.default is not None:
        steps.append(f"else {inline(value.default)}")
    if value.required:
        steps.append("required")
    return "; ".join(step for step in steps if step) or AS_IT_IS


def _codes(value: Value, unknown: str) -> str:
    assert value.values is not None  # noqa: S101 - says it to the type checker; the only caller has looked
    count = len(value.values.values)
    named = f"{count} code{'s' if count > 1 else ''} translated"
    if value.default is not None:
        return named
    if unknown:
        return f"{named}, any other is {unknown}"
    return f"{named}, any other is {'a dead letter' if value.values.strict else 'kept'}"


def _form(value: Value) -> list[str]:
    """The options of the kind that differ from how values usually are."""
    found = []
    if value.kind in (Kind.DECIMAL, Kind.INTEGER):
        if value.decimal.separator != ".":
            found.append(f"written with {value.decimal.separator} before the decimals")
        if value.decimal.thousands:
            found.append(f"{value.decimal.thousands} between thousands")
        if value.decimal.scale is not None:
            found.append(f"at most {value.decimal.scale} decimals")
    if value.kind in (Kind.DATE, Kind.TIMESTAMP):
        if value.date.form != "iso":
            found.append(f"read as {value.date.form}")
        if value.date.time is not None:
            found.append(f"with the time of {value.date.time.name}")
        if value.date.zone:
            found.append(f"in {value.date.zone}")
        if value.date.empty:
            found.append("an empty date is none")
    return found


def _source(source: Source) -> str:  # noqa: PLR0911 - one of each source
    if isinstance(source, Column):
        return ""
    if isinstance(source, HeaderColumn):
        return "of the record"
    if isinstance(source, Const):
        return f"always {inline(source.value)}"
    if isinstance(source, Coalesce):
        return f"the first that is there of {', '.join(map(_part, source.parts))}"
    if isinstance(source, Concat):
        parts = ", ".join(map(_part, source.parts))
        return f"{parts} joined" + (f" with {inline(source.separator)}" if source.separator else "")
    if isinstance(source, SourceKey):
        return "as the key of the record it names"
    if isinstance(source, LineLookup):
        match = inline(source.equals) if source.key is None else source.key.name
        where = f" whose {source.match} is {match}" if source.match else ""
        return f"{source.take} of the first line of {source.lines}{where}"
    if isinstance(source, Total):
        return f"the sum over {source.lines}{_whose(source.where)}"
    return f"the number of lines of {source.lines}{_whose(source.where)}"


def _whose(where: Conditions) -> str:
    """Which of the lines."""
    parts = [f"{column} is {' or '.join(map(inline, sorted(codes)))}" for column, codes in where]
    return f" whose {' and whose '.join(parts)}" if parts else ""


def _part(value: Value) -> str:
    name = value.source.name if isinstance(value.source, Column | HeaderColumn) else ""
    done = _value(value)
    if name:
        return name if done in (AS_IT_IS, "of the record") else f"{name} ({done})"
    return done.removeprefix("always ")
