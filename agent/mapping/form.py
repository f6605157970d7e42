"""What a mapping makes of records, as one short text: equal for mappings that say the same. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields, is_dataclass
from enum import Enum
from typing import Any

from agent.mapping.compile import CompiledMapping


def form_of(mapping: CompiledMapping, *rules: Any) -> str:
    """`rules`: whatever else shapes what travels, such as what the policy lets leave."""
    said = [
        mapping.entity,
        sorted(canonical(rule) for rule in mapping.rules),
        [canonical(rule) for rule in rules],
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def canonical(value: Any) -> str:
    """Canonical text; the order of fields, and of codes in a table of values, means nothing."""
    if is_dataclass(value) and not isinstance(value, type):
        members = {field.name: canonical(getattr(value, field.name)) for field in _said(value)}
        if "members" in members:
            members["members"] = json.dumps(sorted(canonical(member) for member in _members(value)))
        return json.dumps([type(value).__name__, members], sort_keys=True)
    if isinstance(value, Enum):
        return json.dumps(value.value)
    if isinstance(value, Mapping):
        return json.dumps({str(name): canonical(below) for name, below in value.items()}, sort_keys=True)
    if isinstance(value, frozenset | set):
        return json.dumps(sorted(canonical(below) for below in value))
    if isinstance(value, list | tuple):
        return json.dumps([canonical(below) for below in value])
    return json.dumps(value, default=str)


def _said(value: Any) -> Iterator[Field[Any]]:
    for field in fields(value):
        if not (field.metadata.get("later") and getattr(value, field.name) == field.default):
            yield field


def _members(rule: Any) -> Any:
    return rule.members
