"""Pure: an agent's word about its connections, held to bounds before it is kept or shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from relay.store.base import ConnectionStatus

MAX_STREAMS: Final = 100  # of one connection
MAX_TEXT: Final = 1_024  # characters of any text in it
MAX_DEPTH: Final = 4
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def connection_statuses(told: Iterable[Any]) -> list[ConnectionStatus]:
    """What cannot be understood is left out: a status is news, not a record."""
    return [status for item in told if (status := _status(item)) is not None]


def _status(told: Any) -> ConnectionStatus | None:
    if not isinstance(told, Mapping) or not isinstance(name := told.get("name"), str):
        return None
    if _NAME.fullmatch(name) is None:
        return None
    streams = told.get("streams")
    error = told.get("error")
    return ConnectionStatus(
        name=name,
        system=_text(told.get("system")),
        driver=_text(told.get("driver")),
        state=_text(told.get("state")) or "unknown",
        error=_bounded(error) if isinstance(error, Mapping) else None,
        streams=tuple(
            _bounded(item if isinstance(item, Mapping) else {"name": item})
            for item in (streams if isinstance(streams, list | tuple) else ())[:MAX_STREAMS]
        ),
    )


def _text(value: Any) -> str | None:
    return value[:MAX_TEXT] if isinstance(value, str) and value else None


def _bounded(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if depth >= MAX_DEPTH:
        return None
    if isinstance(value, Mapping):
        return {str(name)[:MAX_TEXT]: _bounded(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_bounded(item, depth + 1) for item in value[:MAX_STREAMS]]
    return value
