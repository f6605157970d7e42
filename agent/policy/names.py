"""Which names a policy may use: those of the unified model and of the protocol, letter by letter. Pure.

A name matches when it is the same text, and in no other case: nothing is trimmed, folded or expanded.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from agent.model.entities import ENTITIES, MAPPABLE_PROVENANCE, PROVENANCE, Entity, Field, Kind

CUSTOM: Final = "customFields"
ALWAYS: Final = frozenset(
    {"key", "sourceKey", "contentHash"}
)  # without these no record can be told from another
RAW: Final = "raw"

COMMANDS: Final = (
    "sync",
    "resync",
    "pause",
    "resume",
    "test",
    "discover",
    "read_record",
    "create",
    "update",
    "delete",
    "set_status",
    "read_mapping",
    "preview_mapping",
    "change_mapping",
    "revert_mapping",
    "requeue",
)
AGENT_COMMANDS: Final = ("diagnostics", "diagnostics_bundle", "cancel")  # about the agent as a whole
OPERATIONS: Final = ("create", "update", "delete", "set_status")


def fields_of(entity: Entity) -> Mapping[str, Field]:
    """Every field of an entity by its path (`orderNo`, `lineItems`, `lineItems.quantity`), without the always-leaving."""
    return _PATHS[entity.name]


def is_custom(path: str) -> bool:
    """`customFields.NAME`: the operator's own name is everything behind the first dot."""
    return path.startswith(f"{CUSTOM}.") and len(path) > len(CUSTOM) + 1


def parent_of(path: str) -> str | None:
    """The list or object that a member belongs to."""
    above, dot, _ = path.partition(".")
    return above if dot else None


def shown(name: str) -> str:
    """A name from a file in quotes, as much of it as a message should hold."""
    return repr(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}...")


def nearest(name: str, known: Iterator[str] | tuple[str, ...] | Mapping[str, object]) -> str:
    """A sentence with the right name that is most like this one, or with all of them."""
    names = sorted(known)
    by_fold = {one.casefold(): one for one in names}
    close = difflib.get_close_matches(name[:_SHOWN].strip().casefold(), by_fold, n=1, cutoff=0.6)
    if close:
        return f'Did you mean "{by_fold[close[0]]}"? Names match letter by letter; there are no patterns.'
    few = ", ".join(names[:_NAMED])
    return f"Known here: {few}{' and more' if len(names) > _NAMED else ''}."


_NAMED: Final = 20
_SHOWN: Final = 80


def _paths(fields: tuple[Field, ...], prefix: str = "") -> Iterator[tuple[str, Field]]:
    for field in fields:
        path = f"{prefix}{field.alias}"
        yield path, field
        if field.kind in (Kind.OBJECT, Kind.LIST):
            yield from _paths(field.fields, f"{path}.")


_LEAVING_PROVENANCE: Final = tuple(
    field for field in PROVENANCE if field.name in MAPPABLE_PROVENANCE or field.kind is Kind.CUSTOM
)
_PATHS: Final = MappingProxyType(
    {
        entity.name: MappingProxyType(
            {
                path: field
                for path, field in _paths((*entity.fields, *_LEAVING_PROVENANCE))
                if path not in ALWAYS
            }
        )
        for entity in ENTITIES.values()
    }
)
