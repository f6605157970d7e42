"""The command journal: every command the relay sent, durable before anything is done about it.

received -> started -> a final state. What was started but not finished when the agent died is listed by
`unfinished`: the executor looks its effect up, or finishes it as in doubt; nothing is run again blindly.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol, TypeVar

import orjson

from agent.clock import Clock
from agent.errors import GroundwireError, RecordError, TransientError
from agent.outbox.database import Database
from agent.outbox.limits import COMMAND_BYTES, Limits
from agent.outbox.stamps import from_micros, maybe_micros, maybe_moment, to_micros

RECEIVED: Final = "received"
STARTED: Final = "started"
IN_DOUBT: Final = "in_doubt"

T = TypeVar("T")

_COLUMNS = (
    "id, name, body_hash, body, state, received_at, deadline, started_at, finished_at, acked_at, result"
)


class Receipt(StrEnum):
    NEW = "new"
    REPEAT = "repeat"  # the same command again: answer with what is stored
    CONFLICT = "conflict"  # the id of another command: refuse it


@dataclass(frozen=True, slots=True)
class CommandRecord:
    id: str
    name: str
    body_hash: str
    body: bytes
    state: str  # received, started, or the final state
    received_at: datetime
    deadline: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    acked_at: datetime | None
    result: Any  # whatever JSON holds; None until finished

    @property
    def finished(self) -> bool:
        return self.state not in (RECEIVED, STARTED)


@dataclass(frozen=True, slots=True)
class Received:
    receipt: Receipt
    command: CommandRecord  # as stored: of a conflict the one that came first


class JournalConflict(GroundwireError):
    """A command is not in the state that this step needs."""

    code = "journal_conflict"


class CommandTooLarge(RecordError):
    """A command or its answer does not fit into one frame."""

    code = "command_too_large"


class JournalFull(TransientError):
    """Too many commands wait for an answer or its ack."""

    code = "journal_full"


class Runner(Protocol):
    def __call__(self, work: Callable[[], T]) -> Awaitable[T]: ...


class CommandJournal:
    def __init__(self, run: Runner, db: Database, *, clock: Clock, limits: Limits) -> None:
        self._run = run
        self._db = db
        self._clock = clock
        self._limits = limits

    async def receive(
        self,
        command_id: str,
        body_hash: str,
        name: str,
        received_at: datetime,
        deadline: datetime | None,
        *,
        body: bytes = b"",
    ) -> Received:
        """Write a command down, or find what is known of it."""
        _refuse_oversized(command_id, body)
        fresh = CommandRecord(
            command_id, name, body_hash, body, RECEIVED, received_at, deadline, None, None, None, None
        )
        return await self._run(lambda: _receive(self._db, fresh, open_commands=self._limits.open_commands))

    async def start(self, command_id: str) -> None:
        """Note that the command is about to be run; raise `JournalConflict` if it ever was before.

        When this returns the note is on disk, and only then may the effect begin.
        """
        now = self._clock.utcnow()
        await self._run(lambda: _start(self._db, command_id, now))

    async def finish(self, command_id: str, state: str, result: Any) -> None:
        """Store the outcome; one that was in doubt may be settled later, any other stays."""
        now = self._clock.utcnow()
        text = orjson.dumps(result).decode()
        _refuse_oversized(command_id, text.encode())
        await self._run(lambda: _finish(self._db, command_id, str(state), text, now))

    async def acked(self, command_id: str) -> None:
        """Note that the relay has the answer; repeating it changes nothing."""
        now = to_micros(self._clock.utcnow())
        await self._run(lambda: _mark_acked(self._db, command_id, now))

    async def get(self, command_id: str) -> CommandRecord | None:
        return await self._run(lambda: _find(self._db, command_id))

    async def unfinished(self) -> list[CommandRecord]:
        """Commands received or started without an outcome, oldest first."""
        return await self._run(lambda: _list(self._db, "finished_at IS NULL"))

    async def unacked(self) -> list[CommandRecord]:
        """Answers that the relay has not acked yet, oldest first."""
        return await self._run(lambda: _list(self._db, "finished_at IS NOT NULL"))


def _receive(db: Database, fresh: CommandRecord, *, open_commands: int) -> Received:
    with db.transaction():
        known = _find(db, fresh.id)
        if known is not None:
            same = known.body_hash == fresh.body_hash and known.name == fresh.name
            return Received(Receipt.REPEAT if same else Receipt.CONFLICT, known)
        if db.value("SELECT count(*) FROM command WHERE acked_at IS NULL") >= open_commands:
            raise JournalFull(f"{open_commands} commands wait for an answer or its ack", where=fresh.id)
        db.run(
            "INSERT INTO command (id, name, body_hash, body, state, received_at, deadline) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                fresh.id,
                fresh.name,
                fresh.body_hash,
                fresh.body,
                fresh.state,
                to_micros(fresh.received_at),
                maybe_micros(fresh.deadline),
            ),
        )
    return Received(Receipt.NEW, fresh)


def _start(db: Database, command_id: str, now: datetime) -> None:
    with db.transaction():
        changed = db.run(
            "UPDATE command SET state = ?, started_at = ? WHERE id = ? AND state = ?",
            (STARTED, to_micros(now), command_id, RECEIVED),
        )
        if not changed:
            raise JournalConflict(
                f"Cannot start a command that {_describe(db, command_id)}", where=command_id
            )


def _finish(db: Database, command_id: str, state: str, result: str, now: datetime) -> None:
    if state in (RECEIVED, STARTED):
        raise JournalConflict(f"{state} is not an outcome", where=command_id)
    with db.transaction():
        # A later answer replaces one in doubt, so it has to be acked again.
        changed = db.run(
            "UPDATE command SET state = ?, result = ?, finished_at = ?, acked_at = NULL"
            " WHERE id = ? AND state IN (?, ?, ?)",
            (state, result, to_micros(now), command_id, RECEIVED, STARTED, IN_DOUBT),
        )
        known = _find(db, command_id)
        if not changed and (known is None or known.state != state):
            raise JournalConflict(
                f"Cannot finish a command that {_describe(db, command_id)}", where=command_id
            )


def _mark_acked(db: Database, command_id: str, micros: int) -> None:
    with db.transaction():
        db.run(
            "UPDATE command SET acked_at = ? WHERE id = ? AND finished_at IS NOT NULL AND acked_at IS NULL",
            (micros, command_id),
        )


def _describe(db: Database, command_id: str) -> str:
    known = _find(db, command_id)
    return "was never received" if known is None else f"is {known.state}"


def _find(db: Database, command_id: str) -> CommandRecord | None:
    row = db.one(f"SELECT {_COLUMNS} FROM command WHERE id = ?", (command_id,))  # noqa: S608 - constant columns
    return None if row is None else _record(row)


def _list(db: Database, condition: str) -> list[CommandRecord]:
    rows = db.all(
        f"SELECT {_COLUMNS} FROM command WHERE acked_at IS NULL AND {condition} ORDER BY received_at, id"  # noqa: S608 - constant text
    )
    return [_record(row) for row in rows]


def _record(row: Any) -> CommandRecord:
    (
        command_id,
        name,
        body_hash,
        body,
        state,
        received_at,
        deadline,
        started_at,
        finished_at,
        acked_at,
        result,
    ) = row
    return CommandRecord(
        id=command_id,
        name=name,
        body_hash=body_hash,
        body=body,
        state=state,
        received_at=from_micros(received_at),
        deadline=maybe_moment(deadline),
        started_at=maybe_moment(started_at),
        finished_at=maybe_moment(finished_at),
        acked_at=maybe_moment(acked_at),
        result=None if result is None else orjson.loads(result),
    )


def _refuse_oversized(command_id: str, content: bytes) -> None:
    if len(content) > COMMAND_BYTES:
        raise CommandTooLarge(
            f"{len(content)} bytes are more than a frame of {COMMAND_BYTES} bytes holds", where=command_id
        )
