"""Pure: an agent's word about its connections, held to bounds before it is kept or shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from relay.health.told import certificates
from relay.plain import plain
from relay.store.base import ConnectionStatus

MAX_STREAMS: Final = 100  # of one connection
MAX_COMMANDS: Final = 100  # words of the protocol
MAX_OPERATIONS: Final = 500  # cells of an operation matrix: streams times what can be done with each
MAX_ITEMS: Final = 1_000  # of any list or object in it, such as the fields of an operation
MAX_TEXT: Final = 1_024  # characters of any text in it
MAX_DEPTH: Final = 5
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def connection_statuses(told: Iterable[Any]) -> list[ConnectionStatus]:
    """What cannot be understood is left out: a status is news, not a record."""
    return [status for item in told if (status := _status(item)) is not None]


def _status(told: Any) -> ConnectionStatus | None:
    if not isinstance(told, Mapping) or not isinstance(name := told.get("name"), str):
        return None
    if _NAME.fullmatch(name) is None:
        return None
    error = told.get("error")
    paused = told.get("paused")
    return ConnectionStatus(
        name=name,
        system=_text(told.get("system")),
        driver=_text(told.get("driver")),
        state=_text(told.get("state")) or "unknown",
        error=_bounded(error) if isinstance(error, Mapping) else None,
        streams=_streams(told.get("streams")),
        paused=paused if isinstance(paused, bool) else None,
        commands=_words(told.get("commands")),
        operations=_objects(told.get("operations"), MAX_OPERATIONS),
        certificates=certificates(told["certificates"]) if "certificates" in told else None,
    )


def _text(value: Any) -> str | None:
    return value[:MAX_TEXT] if isinstance(value, str) and value else None


def _streams(told: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(told, list | tuple):
        return ()
    return tuple(
        _bounded(item if isinstance(item, Mapping) else {"name": item}) for item in told[:MAX_STREAMS]
    )


def _words(told: Any) -> tuple[str, ...] | None:
    if not isinstance(told, list | tuple):
        return None
    return tuple(word[:MAX_TEXT] for word in told[:MAX_COMMANDS] if isinstance(word, str))


def _objects(told: Any, most: int) -> tuple[Mapping[str, Any], ...] | None:
    if not isinstance(told, list | tuple):
        return None
    return tuple(_bounded(item) for item in told[:most] if isinstance(item, Mapping))


def _bounded(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if depth >= MAX_DEPTH:
        return None
    if isinstance(value, Mapping):
        kept = list(value.items())[:MAX_ITEMS]
        return {str(name)[:MAX_TEXT]: _bounded(item, depth + 1) for name, item in kept}
    if isinstance(value, list | tuple):
        return [_bounded(item, depth + 1) for item in value[:MAX_ITEMS]]
    return plain(value)
