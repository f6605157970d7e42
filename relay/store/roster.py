"""Agents, connections and enrolment codes page by page, and the end of an agent or a code, in SQL."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relay.store import accounts, batches, commands
from relay.store.base import Agent, Connection, from_micros, to_micros
from relay.store.sql import Sql

# An agent that enrols anew under its name has another lineage, and is back with that.
_REVOKED = "SELECT 1 FROM revoked_agents r WHERE r.agent = {agent} AND r.lineage = {lineage}"


@dataclass(frozen=True, slots=True)
class ListedCode:
    """An enrolment code as far as it may be shown: its public part."""

    id: str
    agent_name: str | None
    used: bool
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Revoked:
    agent: Agent
    commands: list[str]  # that ended with it


def agents(db: Sql, tenant: str, *, name: str, after: str, limit: int) -> list[Agent]:
    """In the order of their ids, which is that of their enrolment."""
    gone = _REVOKED.format(agent="agents.id", lineage="agents.lineage")
    rows = db.execute(
        f"SELECT id FROM agents WHERE tenant = ? AND (? = '' OR name = ?) AND id > ? AND NOT EXISTS ({gone}) "  # noqa: S608 - only our own text
        "ORDER BY id LIMIT ?",
        (tenant, name, name, after, limit),
    )
    return [found for (agent,) in rows if (found := accounts.agent(db, agent)) is not None]


def agent(db: Sql, tenant: str, agent_id: str) -> Agent | None:
    """None for another tenant's, and for one that was revoked."""
    found = accounts.agent(db, agent_id)
    if found is None or found.tenant != tenant:
        return None
    gone = db.value(_REVOKED.format(agent="?", lineage="?"), (found.id, found.lineage))
    return None if gone is not None else found


def connections(db: Sql, tenant: str, *, agent_id: str, after: str, limit: int) -> list[Connection]:
    """In the order of their ids."""
    rows = db.execute(
        "SELECT id FROM connections WHERE tenant = ? AND (? = '' OR agent = ?) AND id > ? ORDER BY id LIMIT ?",
        (tenant, agent_id, agent_id, after, limit),
    )
    return [found for (one,) in rows if (found := batches.connection(db, tenant, one)) is not None]


def connection(db: Sql, tenant: str, connection_id: str) -> tuple[Connection | None, Agent | None]:
    """With its agent, which is None when it was revoked."""
    found = batches.connection(db, tenant, connection_id)
    return found, None if found is None else agent(db, tenant, found.agent)


def codes(db: Sql, tenant: str, now: datetime, *, after: str, limit: int) -> list[ListedCode]:
    """Those that have not expired, used ones too, in the order of their ids."""
    rows = db.execute(
        f"{_CODE} WHERE tenant = ? AND expires_at > ? AND id > ? ORDER BY id LIMIT ?",
        (tenant, to_micros(now), after, limit),
    )
    return [_code(row) for row in rows]


_CODE = "SELECT id, agent_name, used_by, created_at, expires_at FROM codes"


def revoke_code(db: Sql, tenant: str, code: str, now: datetime) -> ListedCode | None:
    """The code as it was; one that was used stays, for its agent is in. None: there is none."""
    row = db.row(
        f"{_CODE} WHERE tenant = ? AND id = ? AND expires_at > ?",
        (tenant, code, to_micros(now)),
    )
    if row is None:
        return None
    found = _code(row)
    if not found.used:
        db.change("DELETE FROM codes WHERE tenant = ? AND id = ? AND used_by IS NULL", (tenant, code))
    return found


def _code(row: Any) -> ListedCode:
    code, agent_name, used_by, created_at, expires_at = row
    return ListedCode(code, agent_name, used_by is not None, from_micros(created_at), from_micros(expires_at))


def revoke_agent(db: Sql, tenant: str, agent_id: str, now: datetime) -> Revoked | None:
    """Its key opens nothing from now on, and its open commands end. What it sent stays, and so do its connections."""
    found = agent(db, tenant, agent_id)
    if found is None:
        return None
    # Another lineage, so that a session that is under way is not its newest any more, wherever it runs.
    db.change(
        "UPDATE agents SET public_key = ?, epoch = ?, pending_epoch = NULL, lineage = lineage + 1 WHERE id = ?",
        (_no_key(found.public_key), accounts.FIRST_EPOCH, agent_id),
    )
    db.change(
        "INSERT INTO revoked_agents (agent, tenant, lineage, at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (agent) DO UPDATE SET lineage = excluded.lineage, at = excluded.at",
        (agent_id, tenant, found.lineage + 1, to_micros(now)),
    )
    return Revoked(found, commands.abandon(db, agent_id, now))


def _no_key(key: bytes) -> bytes:
    """Stands where a key was, for which nobody has the private half."""
    return hashlib.sha256(b"groundwire revoked\0" + key).digest()
