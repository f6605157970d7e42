"""Commands to agents, in SQL. What leads from one state to another is decided in `relay.lifecycle`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from relay import lifecycle
from relay.events import Event, EventType, event_id
from relay.lifecycle import OVERDUE_AFTER, Command, CommandState, Step
from relay.plain import plain_object
from relay.store import events, sessions
from relay.store.base import (
    Added,
    Admission,
    Agent,
    Cancelling,
    CommandFilter,
    from_micros,
    to_micros,
)
from relay.store.sql import Sql

MAX_CODE = 100  # characters of an outcome's code, as platforms are told it
_COMMAND = (
    "SELECT id, tenant, agent, connection, kind, args, idempotency_key, request_hash, state, created_at, updated_at, "
    "deadline, lineage, history, progress, result FROM commands "
)
_OPEN = "state IN ('queued', 'sent', 'running')"


def add(db: Sql, command: Command, now: datetime, most_open: int) -> Added:
    """Store a command, or find the one that its idempotency key stands for."""
    known = _repeated(db, command)
    if known is not None:
        return known
    if _count_open(db, command.tenant, now) >= most_open:
        return Added(Admission.TOO_MANY, command)
    _insert(db, command)
    return Added(Admission.NEW, command)


def _repeated(db: Sql, command: Command) -> Added | None:
    if command.idempotency_key is None:
        return None
    known = _first(db, "WHERE tenant = ? AND idempotency_key = ?", (command.tenant, command.idempotency_key))
    if known is None:
        return None
    same = known.request_hash == command.request_hash
    return Added(Admission.REPEATED if same else Admission.CONFLICT, known)


def _count_open(db: Sql, tenant: str, now: datetime) -> int:
    expire(db, now)
    counted = db.value(
        f"SELECT count(*) FROM commands WHERE tenant = ? AND {_OPEN} AND deadline > ?",  # noqa: S608 - only our own text
        (tenant, to_micros(now - OVERDUE_AFTER)),
    )
    return int(counted)


def cancel(db: Sql, target_id: str, wish: Command, now: datetime, most_open: int) -> Cancelling | None:
    """What was never sent is cancelled here; for the rest the wish is stored, to be sent. None: no such command."""
    open_now = _count_open(db, wish.tenant, now)
    target = one(db, wish.tenant, target_id)
    if target is None:
        return None
    known = _repeated(db, wish) or _same_wish(db, target, wish)
    if known is not None:
        return Cancelling(target, known)
    if not target.state.open:
        return Cancelling(target, None)
    wish = replace(wish, agent=target.agent, connection=target.connection)
    gone = lifecycle.withdrawn(target, now)
    if gone is not None:
        _save(db, gone)
        found = {"command": target.id, "state": gone.state}
        target = gone
        wish = lifecycle.answered(wish, CommandState.SUCCEEDED, found, now) or wish
    elif open_now >= most_open:  # wishes to cancel wishes, without end
        return Cancelling(target, Added(Admission.TOO_MANY, wish))
    _insert(db, wish)
    return Cancelling(target, Added(Admission.NEW, wish))


def _same_wish(db: Sql, target: Command, wish: Command) -> Added | None:
    """Asking twice for the same is one wish: the open one is answered with. A key stands for a wish of its own."""
    if wish.idempotency_key is not None:
        return None
    rows = db.execute(
        _COMMAND + f"WHERE agent = ? AND {_OPEN} AND kind = ? ORDER BY rowid", (target.agent, wish.kind)
    )
    wishes = (_command(row) for row in rows)
    known = next((known for known in wishes if known.args == wish.args), None)
    return None if known is None else Added(Admission.REPEATED, known)


def one(db: Sql, tenant: str, command_id: str) -> Command | None:
    return _first(db, "WHERE tenant = ? AND id = ?", (tenant, command_id))


def many(db: Sql, tenant: str, wanted: CommandFilter, before: str, limit: int) -> list[Command]:
    """Newest first."""
    chosen = {
        "tenant": tenant,
        "connection": wanted.connection,
        "kind": wanted.kind,
        "state": wanted.state,
        "agent": wanted.agent,
    }
    given = {name: value for name, value in chosen.items() if value}
    clauses = [f"{name} = ?" for name in given] + (["id < ?"] if before else [])
    values = [*map(str, given.values()), *([before] if before else [])]
    rows = db.execute(
        _COMMAND + f"WHERE {' AND '.join(clauses)} ORDER BY id DESC LIMIT ?",
        (*values, limit),
    )
    return [_command(row) for row in rows]


def send(db: Sql, agent: Agent, command_id: str, now: datetime, session: str | None = None) -> Command | None:
    """`session`: over which it would go; None if the agent has a newer one, which is to send it."""
    expire(db, now)
    if session is not None and not sessions.is_newest(db, agent.id, session):
        return None
    command = _first(db, "WHERE id = ? AND agent = ?", (command_id, agent.id))
    outgoing = None if command is None else lifecycle.sent(command, agent.lineage, now)
    if outgoing is not None:
        _save(db, outgoing)
    return outgoing


def send_all(db: Sql, agent: Agent, now: datetime, session: str | None = None) -> list[Command]:
    """A running one is not sent again: its agent has it, and brings its outcome by itself."""
    expire(db, now)
    if session is not None and not sessions.is_newest(db, agent.id, session):
        return []
    rows = db.execute(_COMMAND + f"WHERE agent = ? AND {_OPEN} ORDER BY rowid", (agent.id,))
    outgoing = []
    for command in [_command(row) for row in rows]:
        changed = lifecycle.orphaned(command, agent.lineage, now) or lifecycle.sent(
            command, agent.lineage, now
        )
        if changed is not None:
            _save(db, changed)
        if (changed or command).state is CommandState.SENT:
            outgoing.append(changed or command)
    return outgoing


def answer(
    db: Sql,
    agent_id: str,
    command_id: str,
    state: CommandState,
    result: Mapping[str, Any],
    now: datetime,
) -> bool:
    """The agent's word about a command of its own; about another's it counts nothing."""
    command = _first(db, "WHERE id = ? AND agent = ?", (command_id, agent_id))
    changed = None if command is None else lifecycle.answered(command, state, plain_object(result), now)
    if changed is not None:
        _save(db, changed)
    return changed is not None


def expire(db: Sql, now: datetime) -> int:
    late = db.execute(_COMMAND + "WHERE state = 'queued' AND deadline <= ?", (to_micros(now),))
    return _save_all(db, (lifecycle.expired(_command(row), now) for row in late))


def abandon(db: Sql, agent_id: str, now: datetime) -> list[str]:
    """End every open command of an agent that will not come back; their ids."""
    rows = db.execute(_COMMAND + f"WHERE agent = ? AND {_OPEN} ORDER BY id", (agent_id,))
    ended = [changed for row in rows if (changed := lifecycle.abandoned(_command(row), now)) is not None]
    _save_all(db, ended)
    return [command.id for command in ended]


def _save_all(db: Sql, changed: Iterable[Command | None]) -> int:
    count = 0
    for command in changed:
        if command is not None:
            _save(db, command)
            count += 1
    return count


def _insert(db: Sql, command: Command) -> None:
    db.execute(
        "INSERT INTO commands (id, tenant, agent, connection, kind, args, idempotency_key, request_hash, state, "
        "created_at, updated_at, deadline, lineage, history, progress, result) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            command.id, command.tenant, command.agent, command.connection, command.kind, _text(command.args),
            command.idempotency_key, command.request_hash, command.state, to_micros(command.created_at),
            to_micros(command.updated_at), to_micros(command.deadline), command.lineage, _history(command),
            _text(command.progress), _text(command.result),
        ),
    )  # fmt: skip
    _tell_outcome(db, command)


def _save(db: Sql, command: Command) -> None:
    db.execute(
        "UPDATE commands SET state = ?, updated_at = ?, lineage = ?, history = ?, progress = ?, result = ? "
        "WHERE id = ?",
        (
            command.state,
            to_micros(command.updated_at),
            command.lineage,
            _history(command),
            _text(command.progress),
            _text(command.result),
            command.id,
        ),
    )
    _tell_outcome(db, command)


def _tell_outcome(db: Sql, command: Command) -> None:
    if command.state.open:
        return
    code = (command.result or {}).get("code")
    told = Event(
        id=event_id(command.tenant, "command", command.id, command.state),
        tenant=command.tenant,
        at=command.updated_at,
        type=EventType.COMMAND_FINISHED,
        connection=command.connection,
        agent=command.agent or None,
        subject=command.id,
        data={
            "command": command.id,
            "kind": command.kind,
            "state": command.state.value,
            "code": code[:MAX_CODE] if isinstance(code, str) else None,
        },
    )
    events.tell(db, [told], command.updated_at)


def _text(value: Mapping[str, Any] | None) -> str | None:
    # Not orjson, which knows no integers beyond 64 bits: the record of a write goes to the agent as it came.
    return None if value is None else json.dumps(value, separators=(",", ":"), allow_nan=False)


def _history(command: Command) -> str:
    steps = [[step.state, to_micros(step.at), step.result] for step in command.history]
    return json.dumps(steps, separators=(",", ":"), allow_nan=False)


def _first(db: Sql, where: str, values: tuple[Any, ...]) -> Command | None:
    row = db.row(_COMMAND + where, values)
    return None if row is None else _command(row)


def _command(row: Any) -> Command:
    *same, state, created_at, updated_at, deadline, lineage, history, progress, result = row
    command_id, tenant, agent, connection, kind, args, idempotency_key, request_hash = same
    return Command(
        id=command_id,
        tenant=tenant,
        agent=agent,
        connection=connection,
        kind=kind,
        args=json.loads(args),
        idempotency_key=idempotency_key,
        request_hash=request_hash,
        state=CommandState(state),
        created_at=from_micros(created_at),
        updated_at=from_micros(updated_at),
        deadline=from_micros(deadline),
        lineage=lineage,
        history=tuple(Step(CommandState(s), from_micros(at), old) for s, at, old in json.loads(history)),
        progress=None if progress is None else json.loads(progress),
        result=None if result is None else json.loads(result),
    )
