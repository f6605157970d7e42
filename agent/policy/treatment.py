"""What becomes of one field of a record that leaves, and which line of the rule says so. Pure.

The strictest word wins: `except`, then `mask`, then `hash`, then `fields`. A name covers the members below it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from agent.model.entities import Entity
from agent.policy import names
from agent.policy.model import ALL, LeaveRule


class Treatment(StrEnum):
    LEAVES = "leaves"
    HASHED = "hashed"
    MASKED = "masked"
    STAYS = "stays"


@dataclass(frozen=True, slots=True)
class Word:
    """`key` is the rule's key that decided; empty: no key names the field, or the field always leaves."""

    treatment: Treatment
    key: str = ""
    required: bool = False  # it should stay, but the model requires a text there


def treatment_of(rule: LeaveRule, entity: Entity, path: str) -> Word:
    """`path` is a field's exact name, such as `lineItems.quantity` or `customFields.project`."""
    if path in names.ALWAYS:
        return Word(Treatment.LEAVES)
    covering = {path, names.parent_of(path)}
    if covering.intersection(rule.stay):
        return _kept_back(entity, path, "except")
    if covering.intersection(rule.mask):
        return Word(Treatment.MASKED, "mask")
    if covering.intersection(rule.hash):
        return Word(Treatment.HASHED, "hash")
    if path != names.RAW and (rule.fields == ALL or covering.intersection(rule.fields)):
        return Word(Treatment.LEAVES, "fields")
    return _kept_back(entity, path, "")


def _kept_back(entity: Entity, path: str, key: str) -> Word:
    field = names.fields_of(entity).get(path)
    if field is not None and field.required:
        return Word(Treatment.MASKED, key, required=True)
    return Word(Treatment.STAYS, key)
