"""Commands to agents, in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import apsw
import orjson

from relay.store.base import Command, CommandState, from_micros, to_micros

_COMMAND = (
    "SELECT id, tenant, agent, connection, kind, body, idempotency_key, body_hash, state, created_at, updated_at, "
    "deadline, result FROM commands "
)
_OPEN = "state IN ('queued', 'sent', 'accepted', 'running')"


def add(db: apsw.Connection, command: Command) -> Command:
    db.execute(
        "INSERT INTO commands VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL) "
        "ON CONFLICT (tenant, idempotency_key) DO NOTHING",
        (
            command.id, command.tenant, command.agent, command.connection, command.kind,
            orjson.dumps(command.body).decode(), command.idempotency_key, command.body_hash, command.state,
            to_micros(command.created_at), to_micros(command.updated_at), to_micros(command.deadline),
        ),
    )  # fmt: skip
    row = db.execute(
        _COMMAND + "WHERE tenant = ? AND idempotency_key = ?", (command.tenant, command.idempotency_key)
    ).fetchone()
    return _command(row)


def one(db: apsw.Connection, tenant: str, command_id: str) -> Command | None:
    row = db.execute(_COMMAND + "WHERE tenant = ? AND id = ?", (tenant, command_id)).fetchone()
    return None if row is None else _command(row)


def many(db: apsw.Connection, tenant: str, connection: str, before: str, limit: int) -> list[Command]:
    """Newest first."""
    rows = db.execute(
        _COMMAND + "WHERE tenant = ?1 AND (?2 = '' OR connection = ?2) AND (?3 = '' OR id < ?3) "
        "ORDER BY id DESC LIMIT ?4",
        (tenant, connection, before, limit),
    )
    return [_command(row) for row in rows]


def open_for(db: apsw.Connection, agent_id: str) -> list[Command]:
    rows = db.execute(_COMMAND + f"WHERE agent = ? AND {_OPEN} ORDER BY id", (agent_id,))
    return [_command(row) for row in rows]


def set_state(
    db: apsw.Connection,
    agent_id: str,
    command_id: str,
    state: CommandState,
    now: datetime,
    result: Mapping[str, Any] | None,
) -> None:
    """An ended command stays as it ended: a late or repeated result changes nothing."""
    text = None if result is None else orjson.dumps(result).decode()
    db.execute(
        "UPDATE commands SET state = ?, updated_at = ?, result = coalesce(?, result) "  # noqa: S608 - only our own text
        f"WHERE id = ? AND agent = ? AND {_OPEN}",
        (state, to_micros(now), text, command_id, agent_id),
    )


def expire(db: apsw.Connection, now: datetime) -> int:
    """Only what no agent has been given: what was sent may still be under way."""
    db.execute(
        "UPDATE commands SET state = 'expired', updated_at = ?1 WHERE state = 'queued' AND deadline <= ?1",
        (to_micros(now),),
    )
    return db.changes()


def _command(row: Any) -> Command:
    *same, state, created_at, updated_at, deadline, result = row
    command_id, tenant, agent, connection, kind, body, idempotency_key, body_hash = same
    return Command(
        id=command_id,
        tenant=tenant,
        agent=agent,
        connection=connection,
        kind=kind,
        body=orjson.loads(body),
        idempotency_key=idempotency_key,
        body_hash=body_hash,
        state=CommandState(state),
        created_at=from_micros(created_at),
        updated_at=from_micros(updated_at),
        deadline=from_micros(deadline),
        result=None if result is None else orjson.loads(result),
    )
