"""What the names and arguments of commands say before their kind has read them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from agent.commands.arguments import NAME_PATTERN
from drivers.contract import OperationKind

# They change the source: one after the other for each connection, counted, and never cancelled once begun.
WRITES: Final = frozenset(kind.value for kind in OperationKind)

# They wait for nobody's end: what they are about may be the one that takes the room.
AT_ONCE: Final = frozenset({"cancel", "pause"})

# They follow runs, which may take hours.
LONG: Final = frozenset({"sync", "resync", "requeue"})

_CONNECTION: Final = re.compile(NAME_PATTERN)
_ENTITY: Final = re.compile(r"^[a-z][a-z0-9_]{0,62}$")


def target_of(args: Mapping[str, Any]) -> str:
    """The connection that a command names; empty: none, or nothing that could be one."""
    return _matching(_CONNECTION, args.get("connection"))


def entity_of(args: Mapping[str, Any]) -> str:
    return _matching(_ENTITY, args.get("entity"))


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    return value if isinstance(value, str) and pattern.fullmatch(value) else ""
