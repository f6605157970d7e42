"""Which relay process has which agent, and which epoch of an agent counts, in SQL.

What two sessions of one identity may do is decided here, never by what two processes believe of each other: an epoch
is offered and confirmed from what is stored now, and one row for each agent names its newest session.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from relay.store import accounts
from relay.store.base import Agent, to_micros
from relay.store.sql import Sql

FOR_EVER = 2**62  # a lease that does not end: of a process that has its store alone


@dataclass(frozen=True, slots=True)
class Process:
    """One life of a relay."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Session:
    """An agent's, as far as it was confirmed."""

    agent: str
    id: str
    relay: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A command that was not sent yet, for an agent that is connected."""

    agent: str
    command: str


def begin_alone(db: Sql, process: Process) -> None:
    """For a store that nobody else can have open: whatever others left here is over."""
    db.change("DELETE FROM sessions")
    db.change("DELETE FROM relays")
    db.change("INSERT INTO relays VALUES (?, ?, ?)", (process.id, process.name, FOR_EVER))


def renew(db: Sql, process: Process, until: datetime) -> None:
    db.change(
        "INSERT INTO relays VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET leased_until = excluded.leased_until",
        (process.id, process.name, to_micros(until)),
    )


def forget_dead(db: Sql, now: datetime) -> list[Session]:
    """Take out the processes whose lease ended, and with them the sessions that they had; each is told once."""
    dead = db.execute("DELETE FROM relays WHERE leased_until <= ? RETURNING id", (to_micros(now),))
    lost = [
        Session(*row)
        for (relay,) in dead
        for row in db.execute(
            "DELETE FROM sessions WHERE relay = ? RETURNING agent, session, relay", (relay,)
        )
    ]
    return sorted(lost, key=lambda session: session.agent)


def leave(db: Sql, process: str) -> None:
    db.change("DELETE FROM sessions WHERE relay = ?", (process,))
    db.change("DELETE FROM relays WHERE id = ?", (process,))


def offer_epoch(db: Sql, known: Agent, epoch: int, pending: int) -> bool:
    """Put `epoch` in force and `pending` on offer; False: somebody else did meanwhile, so `known` is not so any more."""
    offered = db.change(
        "UPDATE agents SET epoch = ?, pending_epoch = ? "
        "WHERE id = ? AND lineage = ? AND epoch = ? AND coalesce(pending_epoch, -1) = ?",
        (
            epoch,
            pending,
            known.id,
            known.lineage,
            known.epoch,
            -1 if known.pending_epoch is None else known.pending_epoch,
        ),
    )
    return offered == 1


def confirm(db: Sql, agent: Agent, epoch: int, session: Session, now: datetime) -> bool:
    """Put the epoch in force, with this as the agent's session; False: a newer session was offered another since."""
    confirmed = db.change(
        "UPDATE agents SET epoch = ?, pending_epoch = NULL WHERE id = ? AND lineage = ? AND pending_epoch = ?",
        (epoch, agent.id, agent.lineage, epoch),
    )
    if not confirmed:
        return False
    db.change(
        "INSERT INTO sessions VALUES (?, ?, ?, ?, ?) ON CONFLICT (agent) DO UPDATE SET "
        "tenant = excluded.tenant, session = excluded.session, relay = excluded.relay, since = excluded.since",
        (agent.id, agent.tenant, session.id, session.relay, to_micros(now)),
    )
    return True


def register_again(db: Sql, agent: Agent, epoch: int, session: Session, now: datetime) -> bool:
    """For a process that was taken for dead; False: the agent has another session, or another epoch, since."""
    if newest(db, (agent.id,)).get(agent.id) != (agent.lineage, epoch):
        return False
    known = current(db, agent.id)
    if known is not None:
        return known.id == session.id
    db.change(
        "INSERT INTO sessions VALUES (?, ?, ?, ?, ?)",
        (agent.id, agent.tenant, session.id, session.relay, to_micros(now)),
    )
    return True


def end(db: Sql, agent: Agent, session: str, now: datetime) -> bool:
    """False: it was not the agent's session any more."""
    accounts.saw_agent(db, agent.id, agent.software, now)
    return db.change("DELETE FROM sessions WHERE agent = ? AND session = ?", (agent.id, session)) == 1


def newest(db: Sql, agents: Collection[str]) -> dict[str, tuple[int, int]]:
    """Lineage and epoch of the session that each of them confirmed last."""
    if not agents:
        return {}
    places = ", ".join("?" * len(agents))
    rows = db.execute(
        f"SELECT id, lineage, epoch FROM agents WHERE id IN ({places})",  # noqa: S608 - only our own text
        sorted(agents),
    )
    return {agent: (lineage, epoch) for agent, lineage, epoch in rows}


def current(db: Sql, agent: str) -> Session | None:
    found = db.row("SELECT agent, session, relay FROM sessions WHERE agent = ?", (agent,))
    return None if found is None else Session(*found)


def is_newest(db: Sql, agent: str, session: str) -> bool:
    found = current(db, agent)
    return found is not None and found.id == session


def standing(db: Sql, now: datetime) -> list[Session]:
    """All of them whose relay has its lease."""
    rows = db.execute(
        "SELECT s.agent, s.session, s.relay FROM sessions s JOIN relays r ON r.id = s.relay "
        "WHERE r.leased_until > ? ORDER BY s.agent",
        (to_micros(now),),
    )
    return [Session(*row) for row in rows]


def waiting(db: Sql, relay: str, limit: int) -> list[Waiting]:
    """Commands that can be sent by this relay now, in the order they came."""
    rows = db.execute(
        "SELECT c.agent, c.id FROM commands c JOIN sessions s ON s.agent = c.agent "
        "WHERE c.state = 'queued' AND s.relay = ? ORDER BY c.id LIMIT ?",
        (relay, limit),
    )
    return [Waiting(*row) for row in rows]


def agents_waited_for(db: Sql, limit: int) -> list[str]:
    """For which commands are queued, wherever they are connected."""
    rows: Iterable[tuple[str]] = db.execute(
        "SELECT DISTINCT agent FROM commands WHERE state = 'queued' ORDER BY agent LIMIT ?", (limit,)
    )
    return [agent for (agent,) in rows]
