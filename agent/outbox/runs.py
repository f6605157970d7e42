"""Run records: what each sync did, the newest ones per stream."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from agent.outbox.database import Database
from agent.outbox.stamps import from_micros, maybe_micros, maybe_moment, to_micros
from agent.outbox.values import RunRecord

_COLUMNS = "run, stream, connection, entity, trigger, mode, status, started_at, finished_at, counts, error"


def save(db: Database, record: RunRecord, *, keep: int) -> None:
    """Insert or replace a run, and forget the oldest finished ones of its stream."""
    db.run(
        f"INSERT OR REPLACE INTO run ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constant columns
        (
            record.run,
            record.stream,
            record.connection,
            record.entity,
            str(record.trigger),
            str(record.mode),
            str(record.status),
            to_micros(record.started_at),
            maybe_micros(record.finished_at),
            orjson.dumps(record.counts).decode(),
            orjson.dumps(record.error).decode(),
        ),
    )
    db.run(
        "DELETE FROM run WHERE finished_at IS NOT NULL AND run IN"
        " (SELECT run FROM run WHERE stream = ? ORDER BY started_at DESC, run DESC LIMIT -1 OFFSET ?)",
        (record.stream, keep),
    )


def newest(db: Database, stream: str | None, limit: int) -> list[RunRecord]:
    where = "" if stream is None else "WHERE stream = ?"
    bindings = (limit,) if stream is None else (stream, limit)
    rows = db.all(f"SELECT {_COLUMNS} FROM run {where} ORDER BY started_at DESC, run DESC LIMIT ?", bindings)  # noqa: S608 - constant text
    return [_record(row) for row in rows]


def listed(
    db: Database,
    *,
    connection: str | None,
    stream: str | None,
    status: str | None,
    before: str | None,
    limit: int,
) -> list[RunRecord]:
    """The newest first, of those of which each that is given here is true, behind the run `before`."""
    wanted = {"connection": connection, "stream": stream, "status": status}
    chosen = {name: value for name, value in wanted.items() if value is not None}
    conditions = [f"{name} = ?" for name in chosen]
    bindings: list[Any] = list(chosen.values())
    if before is not None:
        conditions.append("(started_at, run) < (SELECT started_at, run FROM run WHERE run = ?)")
        bindings.append(before)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = db.all(
        f"SELECT {_COLUMNS} FROM run {where} ORDER BY started_at DESC, run DESC LIMIT ?",  # noqa: S608 - constant names
        (*bindings, limit),
    )
    return [_record(row) for row in rows]


def complete(db: Database, connection: str | None) -> dict[str, datetime]:
    """Of each stream, when its last run that reached its end began."""
    where, bindings = ("AND connection = ?", (connection,)) if connection is not None else ("", ())
    rows = db.all(
        f"SELECT stream, max(started_at) FROM run WHERE status = 'succeeded' {where} GROUP BY stream",  # noqa: S608 - constant text
        bindings,
    )
    return {stream: from_micros(started_at) for stream, started_at in rows}


def unfinished(db: Database) -> list[RunRecord]:
    rows = db.all(f"SELECT {_COLUMNS} FROM run WHERE finished_at IS NULL ORDER BY started_at, run")  # noqa: S608 - constant columns
    return [_record(row) for row in rows]


def _record(row: Any) -> RunRecord:
    run, stream, connection, entity, trigger, mode, status, started_at, finished_at, counts, error = row
    return RunRecord(
        run=run,
        stream=stream,
        connection=connection,
        entity=entity,
        trigger=trigger,
        mode=mode,
        status=status,
        started_at=from_micros(started_at),
        finished_at=maybe_moment(finished_at),
        counts=orjson.loads(counts),
        error=orjson.loads(error),
    )
