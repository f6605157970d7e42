"""What a policy allows, in plain sentences for people who do not read TOML. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from agent.policy.model import ALL, ConnectionRule, LeaveRule, Policy, WriteRule
from agent.policy.names import COMMANDS, OPERATIONS


@dataclass(frozen=True, slots=True)
class Said:
    """Of one entity."""

    entity: str
    allowed: bool
    sentences: tuple[str, ...]
    rule: str  # where policy.toml says so; empty: nowhere


@dataclass(frozen=True, slots=True)
class ConnectionWords:
    commands: tuple[str, ...]
    leave: tuple[Said, ...]
    write: tuple[Said, ...]


def words_of(policy: Policy, connection: str, entities: Iterable[str]) -> ConnectionWords:
    """`entities`: those that the connection's streams hold; each is told of, also where no rule names it."""
    rule = policy.connection(connection) or ConnectionRule()
    there = list(dict.fromkeys(entities))
    leave = [_leaving(policy, connection, entity) for entity in dict.fromkeys([*there, *rule.leave])]
    write = [_writing(policy, connection, entity) for entity in dict.fromkeys([*there, *rule.write])]
    return ConnectionWords(tuple(_commands(rule)), tuple(leave), tuple(write))


def _commands(rule: ConnectionRule) -> Iterator[str]:
    if not rule.commands:
        yield "The relay can have nothing done here: no command is taken."
        return
    refused = [name for name in COMMANDS if name not in rule.commands]
    yield f"The relay may ask for {_listed(rule.commands)}."
    if refused:
        yield f"It is refused {_listed(refused)}."
    if rule.quiet_hours:
        hours = _listed([str(one) for one in rule.quiet_hours])
        yield f"No command is taken in the quiet hours {hours} ({rule.time_zone})."


def _leaving(policy: Policy, connection: str, entity: str) -> Said:
    rule = policy.leave(connection, entity)
    if rule is None:
        why = "Nothing leaves: no rule names it, so its streams do not run."
        return Said(entity, allowed=False, sentences=(why,), rule="")
    place = policy.place("connections", connection, "leave", entity)
    return Said(entity, allowed=True, sentences=tuple(_leave_sentences(rule)), rule=place)


def _leave_sentences(rule: LeaveRule) -> Iterator[str]:
    if rule.fields == ALL:
        yield "All fields leave" + (", but for those below." if rule.stay or rule.mask or rule.hash else ".")
    elif rule.fields:
        yield f"Only these fields leave: {_listed(rule.fields)}."
    else:
        yield "No field leaves as it is."
    if rule.stay:
        yield f"Never: {_listed(rule.stay)}."
    if rule.mask:
        yield f"Hidden as ***: {_listed(rule.mask)}."
    if rule.hash:
        yield f"As a hash that only this agent can make: {_listed(rule.hash)}."
    for field, texts in rule.rows.items():
        yield f"Only records whose {field} is {_listed([f'“{text}”' for text in texts], 'or')}."
    if rule.raw:
        yield "The source record may travel along, where the stream says send_raw = true."


def _writing(policy: Policy, connection: str, entity: str) -> Said:
    rule = policy.write(connection, entity)
    if rule is None or not rule.operations:
        why = "Nothing may be written."
        place = policy.place("connections", connection, "write", entity) if rule is not None else ""
        return Said(entity, allowed=False, sentences=(why,), rule=place)
    taken = policy.connection(connection)
    sentences = tuple(_write_sentences(rule, taken.commands if taken is not None else ()))
    allowed = taken is not None and any(one in taken.commands for one in rule.operations)
    return Said(entity, allowed, sentences, policy.place("connections", connection, "write", entity))


def _write_sentences(rule: WriteRule, commands: tuple[str, ...]) -> Iterator[str]:
    named = [one for one in OPERATIONS if one in rule.operations]
    may = [one for one in named if one in commands]
    missing = [one for one in named if one not in commands]
    if may:
        yield f"The relay may {_listed([one.replace('_', ' ') for one in may])} records."
    if missing:
        yield f"{_listed(missing)} would be allowed, but the commands of the connection do not name it."
    if rule.fields == ALL:
        yield "All fields may be set."
    elif rule.fields:
        yield f"Only these fields may be set: {_listed(rule.fields)}."
    if rule.statuses:
        yield f"The status may become {_listed(rule.statuses, 'or')}."
    if rule.max_amount is not None:
        limits = [f"{amount} {currency}" for currency, amount in rule.max_amount.items()]
        yield f"One record may come to at most {_listed(limits, 'or')}; other currencies are refused."
    if rule.per_hour is not None:
        yield f"At most {rule.per_hour} writes in any hour."


def _listed(names: Iterable[str], joint: str = "and") -> str:
    *some, last = [str(name) for name in names] or ["nothing"]
    return f"{', '.join(some)} {joint} {last}" if some else last


def documents(words: ConnectionWords) -> Mapping[str, object]:
    return {
        "commands": list(words.commands),
        "leave": [_document(one) for one in words.leave],
        "write": [_document(one) for one in words.write],
    }


def _document(said: Said) -> Mapping[str, object]:
    return {
        "entity": said.entity,
        "allowed": said.allowed,
        "sentences": list(said.sentences),
        "rule": said.rule,
    }
