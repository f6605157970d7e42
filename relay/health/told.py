"""Pure: what an agent says of its own health, held to bounds. What cannot be understood is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from relay.health.facts import AgentTold, Certificate, OutboxRoom, Waiting

MAX_CERTIFICATES: Final = 1_000  # as many connections as an agent may have
MAX_NUMBER: Final = 2**53 - 1
MAX_TEXT: Final = 64


@dataclass(frozen=True, slots=True)
class Told:
    agent: AgentTold
    connections: Mapping[str, Waiting]  # by the agent's name for each; one of a few frames tells some of them


def told(health: Any) -> Told | None:
    """None: the agent does not say, or not in a way that can be understood."""
    if not isinstance(health, Mapping) or (at := moment(health.get("at"))) is None:
        return None
    there = health.get("connections")
    connections = {
        name: waiting
        for name, one in (there.items() if isinstance(there, Mapping) else ())
        if isinstance(name, str) and len(name) < MAX_TEXT and (waiting := _waiting(one)) is not None
    }
    agent = AgentTold(
        at,
        _waiting(health.get("waiting")),
        _room(health.get("outbox")),
        certificates(health.get("certificates")),
    )
    return Told(agent, connections)


def _waiting(told: Any) -> Waiting | None:
    if not isinstance(told, Mapping):
        return None
    batches, records, size = (_number(told.get(name)) for name in ("batches", "records", "bytes"))
    if batches is None or records is None or size is None:
        return None
    return Waiting(batches, records, size, moment(told.get("oldestAt")))


def _room(told: Any) -> OutboxRoom | None:
    if not isinstance(told, Mapping):
        return None
    paused = told.get("readingPaused")
    return OutboxRoom(
        _number(told.get("highWaterBytes")),
        _number(told.get("fileBytes")),
        _number(told.get("diskBytes")),
        _number(told.get("diskFreeBytes")),
        paused if isinstance(paused, bool) else None,
    )


def certificates(there: Any) -> tuple[Certificate, ...]:
    """Of an agent, or of a connection of it."""
    if not isinstance(there, list | tuple):
        return ()
    return tuple(
        Certificate(hop, expires)
        for one in there[:MAX_CERTIFICATES]
        if isinstance(one, Mapping)
        and isinstance(hop := one.get("hop"), str)
        and 0 < len(hop) <= MAX_TEXT
        and (expires := moment(one.get("expiresAt"))) is not None
    )


def _number(told: Any) -> int | None:
    return told if type(told) is int and 0 <= told <= MAX_NUMBER else None


def moment(told: Any) -> datetime | None:
    if not isinstance(told, str) or len(told) > MAX_TEXT:
        return None
    try:
        moment = datetime.fromisoformat(told)
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
