"""Would this leave, and why: field by field, for the administrator. Pure.

The words come from the same functions that the filter is made of, so they cannot disagree with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent.model.entities import ENTITIES, Entity, Kind
from agent.policy import names
from agent.policy.decide import field_allowed, paths_of
from agent.policy.model import LeaveRule, Policy, WriteRule
from agent.policy.treatment import Treatment, Word, treatment_of

_WHY: Final[Mapping[str, str]] = {
    "except": "named in except",
    "mask": "named in mask",
    "hash": "named in hash",
    "fields": "named in fields",
    "": "not named in fields",
}


@dataclass(frozen=True, slots=True)
class FieldWord:
    """What becomes of one field."""

    path: str
    allowed: bool  # whether something of it leaves, or it may be written
    what: str  # leaves, hashed, masked, stays; writable, refused
    why: str
    rule: str


@dataclass(frozen=True, slots=True)
class Explanation:
    allowed: bool
    why: str
    rule: str
    fields: tuple[FieldWord, ...] = ()


def explain_record(
    policy: Policy, connection: str, entity: str, document: Mapping[str, Any] | None = None
) -> Explanation:
    """Would this record leave? `document` is its JSON form; without one only the fields are explained."""
    rule, kind = policy.leave(connection, entity), ENTITIES.get(entity)
    if policy.fault or rule is None or kind is None:
        missing = f"policy.toml has no table connections.{connection}.leave.{entity}"
        return Explanation(
            allowed=False, why=f"no policy is in force: {policy.fault}" if policy.fault else missing, rule=""
        )
    where = ("connections", connection, "leave", entity)
    fields = tuple(
        _field(policy, rule, kind, path, where) for path in _leaving_paths(kind, rule, document or {})
    )
    for path, texts in rule.rows.items():
        if document is not None and value_at(document, path) not in texts:
            why = f"its {path} is none of the texts that rows names"
            return Explanation(allowed=False, why=why, rule=policy.place(*where, "rows", path), fields=fields)
    return Explanation(allowed=True, why="the entity may leave", rule=policy.place(*where), fields=fields)


def explain_write(
    policy: Policy, connection: str, entity: str, record: Mapping[str, Any]
) -> tuple[FieldWord, ...]:
    """May each field of this record be written? The whole decision is `decide_write`'s."""
    rule, kind = policy.write(connection, entity), ENTITIES.get(entity)
    if kind is None:
        return ()
    place = policy.place("connections", connection, "write", entity, "fields")
    return tuple(_writable(rule, kind, path, place) for path in paths_of(kind, record))


def value_at(document: Mapping[str, Any], path: str) -> str | None:
    """The text at this place of a record's JSON form, if there is one."""
    above, dot, below = path.partition(".")
    value = document.get(above)
    if dot:
        value = value.get(below) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else None


def _writable(rule: WriteRule | None, entity: Entity, path: str, place: str) -> FieldWord:
    allowed = rule is not None and field_allowed(rule, entity, path)
    why = "named in fields" if allowed else "not named in fields"
    return FieldWord(path, allowed, "writable" if allowed else "refused", why, place)


def _leaving_paths(entity: Entity, rule: LeaveRule, document: Mapping[str, Any]) -> Iterable[str]:
    """Every field by its own path; a list or object only through its members, custom fields as far as they are known."""
    found: dict[str, None] = dict.fromkeys(sorted(names.ALWAYS))
    for path, field in names.fields_of(entity).items():
        if field.kind is Kind.CUSTOM:
            given = document.get(path)
            own = [f"{path}.{name}" for name in given] if isinstance(given, Mapping) else []
            ruled = [] if rule.fields == "all" else list(rule.fields)
            said = [*ruled, *rule.stay, *rule.mask, *rule.hash]
            found |= dict.fromkeys([*own, *(name for name in said if names.is_custom(name))] or [path])
        elif field.kind not in (Kind.OBJECT, Kind.LIST):
            found[path] = None
    found["raw"] = None
    return found


def _field(
    policy: Policy, rule: LeaveRule, entity: Entity, path: str, where: tuple[str | int, ...]
) -> FieldWord:
    if path == "raw":
        return FieldWord(
            path,
            rule.raw,
            "leaves" if rule.raw else "stays",
            f"raw = {str(rule.raw).lower()}; it is sent only where the stream says send_raw = true",
            policy.place(*where, "raw"),
        )
    word = treatment_of(rule, entity, path)
    return FieldWord(
        path,
        word.treatment is not Treatment.STAYS,
        word.treatment.value,
        _why(word, path, rule),
        policy.place(*where, word.key) if word.key else policy.place(*where),
    )


def _why(word: Word, path: str, rule: LeaveRule) -> str:
    if path in names.ALWAYS:
        return "always leaves"
    if word.key == "fields" and rule.fields == "all":
        return 'fields = "all"'
    why = _WHY[word.key]
    return f"{why}; the model requires a text here, so *** leaves in its place" if word.required else why
