"""Agents and connections of which everything is well, to be made worse."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from relay.health.facts import AgentFacts, Certificate, ConnectionFacts, Drain, OutboxRoom, Waiting

NOW: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
GIB: Final = 2**30

AGENT: Final = AgentFacts(
    id="agt_1",
    name="plant",
    software="groundwire/1.2.3",
    connected=True,
    enrolled_at=NOW - timedelta(days=90),
    connected_since=NOW - timedelta(days=1),
    seen_at=NOW,
    last_ack_at=NOW,
    skew=timedelta(seconds=1),
    told_at=NOW,
    waiting=Waiting(1, 10, 1000, NOW - timedelta(seconds=2)),
    room=OutboxRoom(4 * GIB, GIB, 100 * GIB, 50 * GIB, reading_paused=False),
    drain=Drain(100.0, 1.0),
    certificates=(Certificate("relay", NOW + timedelta(days=100)),),
)
CONNECTION: Final = ConnectionFacts(
    id="nav",
    name="nav",
    agent="agt_1",
    state="idle",
    paused=False,
    next_run_at=NOW + timedelta(minutes=5),
    told_at=NOW,
    late_since=NOW - timedelta(minutes=10),
    last_success_at=NOW - timedelta(minutes=10),
    dead_letters=0,
)


def agent(**change: Any) -> AgentFacts:
    return replace(AGENT, **change)


def connection(**change: Any) -> ConnectionFacts:
    return replace(CONNECTION, **change)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)
