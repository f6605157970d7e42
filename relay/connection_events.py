"""Pure: what platforms are told when an agent describes a connection otherwise than before.

Each run makes a connection `running` for a while, also one that cannot succeed. So what was told last is kept as its
standing, and a running connection is no news: its run says how it goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from relay.events import Event, EventType
from relay.ids import new_id
from relay.store.base import Agent, ConnectionStatus

_NO_NEWS: Final = frozenset({"running", "unknown"})
NEEDS_REAUTHORISATION: Final = "needs_reauthorisation"


@dataclass(frozen=True, slots=True)
class Standing:
    """What platforms were told last of a connection."""

    state: str
    error: str = ""  # its code

    @classmethod
    def of(cls, status: ConnectionStatus) -> Standing:
        return cls(status.state, str((status.error or {}).get("code", "")))


def standing_after(told: Standing | None, status: ConnectionStatus) -> Standing | None:
    """The standing that the status gives the connection; None: it says nothing new."""
    if status.state in _NO_NEWS:
        return None
    now = Standing.of(status)
    return None if now == told else now


def connection_events(
    agent: Agent, connection: str, told: Standing | None, status: ConnectionStatus, at: datetime
) -> list[Event]:
    """For a status whose standing is new."""
    now = Standing.of(status)
    before = None if told is None else told.state
    data = {"from": before, "to": now.state, "error": _error(status)}
    kinds = []
    if now.state != before:
        kinds.append(EventType.CONNECTION_STATUS_CHANGED)
    if now.state == NEEDS_REAUTHORISATION:
        if before != NEEDS_REAUTHORISATION:
            kinds.append(EventType.CONNECTION_NEEDS_REAUTHORISATION)
    elif now.error and (told is None or now.error != told.error):
        kinds.append(EventType.CONNECTION_ERROR)
    return [
        Event(
            id=new_id("evt", at),
            tenant=agent.tenant,
            at=at,
            type=kind,
            connection=connection,
            agent=agent.id,
            subject=connection,
            data=data,
        )
        for kind in kinds
    ]


def _error(status: ConnectionStatus) -> dict[str, Any] | None:
    told: Mapping[str, Any] | None = status.error
    if told is None:
        return None
    return {name: told[name] for name in ("code", "message", "where", "hint") if name in told}
