"""What is wrong with a policy beyond its shape: names that do not exist, rules that contradict themselves. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from agent.model.entities import ENTITIES, UNKNOWN_STATUS, Entity, Field, Kind
from agent.policy import names
from agent.policy.amounts import AMOUNTS
from agent.policy.model import ALL, ConnectionRule, LeaveRule, Path, PolicyFile, WriteRule

_CONNECTION: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")

_EVERYTHING: Final = frozenset({ALL, "*"})
_WITHOUT_BRACKETS: Final = 'All of them is fields = "all", without brackets.'
_OF_AGENT: Final = "command of the whole agent"
_OF_CONNECTION: Final = "command of a connection"
_ELSEWHERE: Final[Mapping[tuple[str, str], str]] = {
    **{(_OF_AGENT, name): "It belongs into [connections.NAME]." for name in names.COMMANDS},
    **{
        (_OF_CONNECTION, name): "It is about the whole agent: name it in `commands` above all tables."
        for name in names.AGENT_COMMANDS
    },
}


@dataclass(frozen=True, slots=True)
class PolicyFault:
    path: Path
    message: str
    hint: str = ""


def faults(policy: PolicyFile) -> Iterator[PolicyFault]:
    """Everything that keeps the policy from being put in force. Each costs a search for the name that was meant."""
    yield from _unknown(("commands",), policy.commands, names.AGENT_COMMANDS, _OF_AGENT)
    for name, rule in policy.connections.items():
        path: Path = ("connections", name)
        if not _CONNECTION.fullmatch(name):
            yield PolicyFault(
                path,
                f"there can be no connection named {names.shown(name)}",
                "A name has small letters, digits, - and _, and is the stem of its file in connections/.",
            )
        yield from _connection(path, rule)


def _connection(path: Path, rule: ConnectionRule) -> Iterator[PolicyFault]:
    yield from _unknown((*path, "commands"), rule.commands, names.COMMANDS, _OF_CONNECTION)
    for name, leave in rule.leave.items():
        entity = ENTITIES.get(name)
        if entity is None:
            yield _no_entity((*path, "leave", name), name)
        else:
            yield from _leave((*path, "leave", name), leave, entity)
    for name, write in rule.write.items():
        entity = ENTITIES.get(name)
        if entity is None:
            yield _no_entity((*path, "write", name), name)
        else:
            yield from _write((*path, "write", name), write, entity)


def _leave(path: Path, rule: LeaveRule, entity: Entity) -> Iterator[PolicyFault]:
    known = names.fields_of(entity)
    for key, listed in (
        ("fields", () if rule.fields == ALL else rule.fields),
        ("except", rule.stay),
        ("mask", rule.mask),
        ("hash", rule.hash),
    ):
        may_be_always = key == "fields"
        yield from _fields((*path, key), listed, known, entity, may_be_always=may_be_always)
    for name in rule.hash:
        field = known.get(name)
        if field is not None and not _can_be_hashed(field):
            yield PolicyFault(
                (*path, "hash"), f'"{name}" is no free text, so it has no hash', "Name it in mask or except."
            )
    for name in rule.rows:
        if name != "key" and not _is_text_of_record(name, known):
            yield PolicyFault(
                (*path, "rows", name),
                f"{names.shown(name)} is no text of a {entity.name} itself, so it cannot choose records",
                "Such are organizationKey, status, billingAddress.country or customFields.NAME."
                if name in known
                else names.nearest(name, known),
            )
    if rule.raw and rule.hides:
        yield PolicyFault(
            (*path, "raw"),
            "the source record would carry away what the other keys hold back",
            'raw = true goes with fields = "all", and neither except nor mask nor hash.',
        )


def _write(path: Path, rule: WriteRule, entity: Entity) -> Iterator[PolicyFault]:
    known = names.fields_of(entity)
    yield from _unknown((*path, "operations"), rule.operations, names.OPERATIONS, "operation")
    if rule.fields != ALL:
        yield from _fields((*path, "fields"), rule.fields, known, entity, may_be_always=True)
    if rule.max_amount is not None and entity.name not in AMOUNTS:
        yield PolicyFault(
            (*path, "max_amount"), f"a {entity.name} has no amount", "Take the line out; per_hour limits it."
        )
    if entity.statuses is not None:
        known_statuses = tuple(entity.statuses - {UNKNOWN_STATUS})
        yield from _unknown((*path, "statuses"), rule.statuses, known_statuses, "status")


def _fields(
    path: Path, listed: Iterable[str], known: Mapping[str, Field], entity: Entity, *, may_be_always: bool
) -> Iterator[PolicyFault]:
    for name in listed:
        if name in known or names.is_custom(name) or (name in names.ALWAYS and may_be_always):
            continue
        if name in names.ALWAYS:
            yield PolicyFault(
                path, f'"{name}" always leaves', "It tells one record from another; see docs/policy.md."
            )
        elif name == names.RAW:
            yield PolicyFault(path, '"raw" is no field', "Write raw = true in the table of the entity.")
        else:
            hint = _WITHOUT_BRACKETS if name in _EVERYTHING else names.nearest(name, known)
            yield PolicyFault(path, f"{entity.name} has no field {names.shown(name)}", hint)


def _unknown(path: Path, listed: Iterable[str], known: tuple[str, ...], what: str) -> Iterator[PolicyFault]:
    for name in listed:
        if name not in known:
            hint = _ELSEWHERE.get((what, name)) or names.nearest(name, known)
            yield PolicyFault(path, f"there is no {what} {names.shown(name)}", hint)


def _no_entity(path: Path, name: str) -> PolicyFault:
    return PolicyFault(path, f"there is no entity {names.shown(name)}", names.nearest(name, tuple(ENTITIES)))


def _can_be_hashed(field: Field) -> bool:
    return field.kind is Kind.CUSTOM or (field.kind is Kind.STRING and field.values is None)


def _is_text_of_record(name: str, known: Mapping[str, Field]) -> bool:
    if names.is_custom(name):
        return True
    field = known.get(name)
    above = names.parent_of(name)
    in_list = above is not None and known[above].kind is Kind.LIST if above in known else False
    return field is not None and field.kind is Kind.STRING and not in_list
