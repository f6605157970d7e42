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
    "id, name, body_hash, body, connection, entity, writes, state, received_at, deadline, started_at,"
    " finished_at, audited_at, acked_at, result"
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
    connection: str = ""  # empty: it is about none
    entity: str = ""
    writes: bool = False  # whether it changes the source
    started_at: datetime | None = None
    finished_at: datetime | None = None
    audited_at: datetime | None = None  # when its outcome was in the audit log
    acked_at: datetime | None = None
    result: Any = None  # whatever JSON holds; None until finished

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
    default_hint = "`groundwire commands show ID` has its state now. Nothing was done twice."


class CommandTooLarge(RecordError):
    """A command or its answer does not fit into one frame."""

    code = "command_too_large"
    default_hint = "Ask for less at once: fewer lines of a record, fewer tables, fewer keys."


class JournalFull(TransientError):
    """Too many commands wait for an answer or its ack."""

    code = "journal_full"
    default_hint = "Nothing to do: commands are taken again as the relay confirms earlier ones; `groundwire status` shows the link."


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
        connection: str = "",
        entity: str = "",
        writes: bool = False,
    ) -> Received:
        """Write a command down, or find what is known of it."""
        _refuse_oversized(command_id, body)
        fresh = CommandRecord(
            command_id,
            name,
            body_hash,
            body,
            RECEIVED,
            received_at,
            deadline,
            connection=connection,
            entity=entity,
            writes=writes,
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
        await self._finish(command_id, state, result, (RECEIVED, STARTED, IN_DOUBT))

    async def settle(self, command_id: str, state: str, result: Any) -> None:
        """Store what became of a command in doubt; raise `JournalConflict` for any other."""
        await self._finish(command_id, state, result, (IN_DOUBT,))

    async def audited(self, command_id: str) -> None:
        """Note that the audit log holds the outcome; repeating it changes nothing."""
        now = to_micros(self._clock.utcnow())
        await self._run(lambda: _mark_audited(self._db, command_id, now))

    async def acked(self, command_id: str, state: str | None = None) -> None:
        """Note that the relay has the answer; repeating it changes nothing.

        The ack of another `state` than the stored one is about an answer that another has replaced.
        """
        now = to_micros(self._clock.utcnow())
        await self._run(lambda: _mark_acked(self._db, command_id, state, now))

    async def get(self, command_id: str) -> CommandRecord | None:
        return await self._run(lambda: _find(self._db, command_id))

    async def unfinished(self) -> list[CommandRecord]:
        """Commands received or started without an outcome, in the order they came."""
        return await self._run(lambda: _list(self._db, "acked_at IS NULL AND finished_at IS NULL"))

    async def unacked(self) -> list[CommandRecord]:
        """Answers that the relay has not acked yet, in the order their commands came."""
        return await self._run(lambda: _list(self._db, "acked_at IS NULL AND finished_at IS NOT NULL"))

    async def unacked_ids(self) -> list[str]:
        """The same without what they hold, which may be much."""
        sql = "SELECT id FROM command WHERE acked_at IS NULL AND finished_at IS NOT NULL ORDER BY rowid"
        return await self._run(lambda: [row[0] for row in self._db.all(sql)])

    async def unaudited(self) -> list[CommandRecord]:
        """Outcomes that are not in the audit log yet."""
        return await self._run(lambda: _list(self._db, "finished_at IS NOT NULL AND audited_at IS NULL"))

    async def recent(self, limit: int, state: str | None = None) -> list[CommandRecord]:
        """The newest commands, of one state where it is given."""
        return await self._run(lambda: _recent(self._db, limit, state))

    async def writes_since(self, connection: str, entity: str | None, moment: datetime) -> int:
        """How many writes to the connection were started at or after `moment`; of one entity, or of all."""
        since = to_micros(moment)
        return await self._run(lambda: _count_writes(self._db, connection, entity, since))

    async def _finish(self, command_id: str, state: str, result: Any, allowed: tuple[str, ...]) -> None:
        now = self._clock.utcnow()
        text = orjson.dumps(result).decode()
        _refuse_oversized(command_id, text.encode())
        await self._run(lambda: _finish(self._db, command_id, str(state), text, now, allowed))


def _receive(db: Database, fresh: CommandRecord, *, open_commands: int) -> Received:
    with db.transaction():
        known = _find(db, fresh.id)
        if known is not None:
            same = known.body_hash == fresh.body_hash and known.name == fresh.name
            return Received(Receipt.REPEAT if same else Receipt.CONFLICT, known)
        if db.value("SELECT count(*) FROM command WHERE acked_at IS NULL") >= open_commands:
            raise JournalFull(f"{open_commands} commands wait for an answer or its ack", where=fresh.id)
        db.run(
            "INSERT INTO command (id, name, body_hash, body, connection, entity, writes, state, received_at, deadline)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                fresh.id,
                fresh.name,
                fresh.body_hash,
                fresh.body,
                fresh.connection,
                fresh.entity,
                int(fresh.writes),
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


def _finish(
    db: Database, command_id: str, state: str, result: str, now: datetime, allowed: tuple[str, ...]
) -> None:
    if state in (RECEIVED, STARTED):
        raise JournalConflict(f"{state} is not an outcome", where=command_id)
    with db.transaction():
        # A later answer replaces one in doubt, so it has to be audited and acked again.
        changed = db.run(
            "UPDATE command SET state = ?, result = ?, finished_at = ?, audited_at = NULL, acked_at = NULL"
            " WHERE id = ? AND state IN (SELECT value FROM json_each(?))",
            (state, result, to_micros(now), command_id, orjson.dumps(allowed).decode()),
        )
        known = _find(db, command_id)
        if not changed and (known is None or known.state != state):
            raise JournalConflict(
                f"Cannot finish a command that {_describe(db, command_id)}", where=command_id
            )


def _mark_audited(db: Database, command_id: str, micros: int) -> None:
    with db.transaction():
        db.run(
            "UPDATE command SET audited_at = ? WHERE id = ? AND finished_at IS NOT NULL AND audited_at IS NULL",
            (micros, command_id),
        )


def _mark_acked(db: Database, command_id: str, state: str | None, micros: int) -> None:
    with db.transaction():
        db.run(
            "UPDATE command SET acked_at = ?1"
            " WHERE id = ?2 AND finished_at IS NOT NULL AND acked_at IS NULL AND (?3 IS NULL OR state = ?3)",
            (micros, command_id, state),
        )


def _count_writes(db: Database, connection: str, entity: str | None, since: int) -> int:
    found: int = db.value(
        "SELECT count(*) FROM command WHERE writes = 1 AND connection = ?1 AND started_at >= ?2"
        " AND (?3 IS NULL OR entity = ?3)",
        (connection, since, entity),
    )
    return found


def _describe(db: Database, command_id: str) -> str:
    known = _find(db, command_id)
    return "was never received" if known is None else f"is {known.state}"


def _find(db: Database, command_id: str) -> CommandRecord | None:
    row = db.one(f"SELECT {_COLUMNS} FROM command WHERE id = ?", (command_id,))  # noqa: S608 - constant columns
    return None if row is None else _record(row)


def _list(db: Database, condition: str) -> list[CommandRecord]:
    # By rowid, which is the order of arrival whatever the wall clock did meanwhile.
    rows = db.all(f"SELECT {_COLUMNS} FROM command WHERE {condition} ORDER BY rowid")  # noqa: S608 - constant text
    return [_record(row) for row in rows]


def _recent(db: Database, limit: int, state: str | None) -> list[CommandRecord]:
    rows = db.all(
        f"SELECT {_COLUMNS} FROM command WHERE ?1 IS NULL OR state = ?1 ORDER BY rowid DESC LIMIT ?2",  # noqa: S608 - constant columns
        (state, limit),
    )
    return [_record(row) for row in rows]


def _record(row: Any) -> CommandRecord:
    (
        command_id,
        name,
        body_hash,
        body,
        connection,
        entity,
        writes,
        state,
        received_at,
        deadline,
        started_at,
        finished_at,
        audited_at,
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
        connection=connection,
        entity=entity,
        writes=bool(writes),
        started_at=maybe_moment(started_at),
        finished_at=maybe_moment(finished_at),
        audited_at=maybe_moment(audited_at),
        acked_at=maybe_moment(acked_at),
        result=None if result is None else orjson.loads(result),
    )


def _refuse_oversized(command_id: str, content: bytes) -> None:
    if len(content) > COMMAND_BYTES:
        raise CommandTooLarge(
            f"{len(content)} bytes are more than a frame of {COMMAND_BYTES} bytes holds", where=command_id
        )
