"""What a mapping may not be changed to from outside this host: the policy is about fields, and a mapping fills them. Pure.

Without this, whoever may change a mapping could have a column that the policy keeps here travel under another name, try
values against a hashed field, or make every record one that may leave.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from agent.errors import PolicyDenied
from agent.mapping.compile import CompiledMapping
from agent.mapping.form import canonical
from agent.mapping.grammar import columns_of
from agent.mapping.rules import CustomRule, LinesRule, ObjectRule, RowsRule, Rule, StatusRule
from agent.model.entities import camel
from agent.policy.leave import LeaveFilter

Columns = frozenset[tuple[str | None, str]]


class KeptHere(PolicyDenied):
    """The policy keeps, alters or chooses by what would be changed."""

    def __init__(self, fields: tuple[str, ...], where: str) -> None:
        super().__init__(
            f"the policy keeps here, alters or chooses by what {', '.join(fields)} would be made of",
            where=where,
            hint="Change it at this host, with `groundwire mapping set`.",
        )
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Part:
    """How one field that the policy can name is made."""

    recipe: str
    columns: Columns


def guard(
    leave: LeaveFilter,
    in_file: CompiledMapping | None,
    in_force: CompiledMapping | None,
    wanted: CompiledMapping,
) -> None:
    """Raises KeptHere where `wanted` makes otherwise a field that does not leave as it is or that chooses the records,
    or fills a field that leaves with a column that only such fields are made of.
    """
    if leave.is_identity:
        return
    file, now, then = parts_of(in_file), parts_of(in_force or in_file), parts_of(wanted)
    names = dict.fromkeys((*now, *then))
    fixed = [name for name in names if not leave.leaves_as_it_is(name) or leave.chooses_by(name)]
    refused = [name for name in fixed if now.get(name) != then.get(name)]
    kept = _columns(file, leave, leaves=False) | _columns(now, leave, leaves=False)
    kept -= _columns(now, leave, leaves=True)
    refused += [name for name, part in then.items() if leave.leaves_as_it_is(name) and part.columns & kept]
    if refused:
        raise KeptHere(tuple(dict.fromkeys(refused)), wanted.where)


def parts_of(mapping: CompiledMapping | None) -> dict[str, Part]:
    """By the names that a policy uses."""
    return dict(_parts(mapping.rules if mapping is not None else ()))


def _columns(parts: Mapping[str, Part], leave: LeaveFilter, *, leaves: bool) -> Columns:
    return frozenset().union(
        *(part.columns for name, part in parts.items() if leave.leaves_as_it_is(name) is leaves)
    )


def _parts(rules: Iterable[Rule]) -> Iterator[tuple[str, Part]]:
    for rule in rules:
        name = camel(rule.name)
        if isinstance(rule, LinesRule):
            yield name, Part(rule.lines, _where(rule))
        elif not isinstance(rule, RowsRule | ObjectRule | CustomRule):
            yield name, _part((rule,))
            if isinstance(rule, StatusRule) and rule.keep_code:
                yield "statusKey", _part((rule,))
        lines = rule.lines if isinstance(rule, LinesRule) else None
        for below, members in _members(rule).items():
            yield f"{name}.{below}", _part(tuple(members), lines)


def _members(rule: Rule) -> dict[str, list[Rule]]:
    """What makes each member of a list, an object, or the custom fields."""
    if isinstance(rule, CustomRule):
        return {member.name: [member] for member in rule.members}
    rows = rule.rows if isinstance(rule, RowsRule) else (getattr(rule, "members", ()),)
    found: dict[str, list[Rule]] = {}
    for member in chain.from_iterable(rows):
        found.setdefault(camel(member.name), []).append(member)
    return found


def _part(rules: tuple[Rule, ...], lines: str | None = None) -> Part:
    read = columns_of(rules if lines is None else [LinesRule("", "", lines, rules)])
    recipe = canonical([lines, *rules])
    return Part(recipe, frozenset((place, column) for place, column in read if column))


def _where(rule: LinesRule) -> Columns:
    return frozenset((rule.lines, column) for column, _ in rule.where)
