"""The queue itself: number, hand out and quarantine batches."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

import apsw
import structlog

from agent.outbox import streams
from agent.outbox.chain import COLUMNS, BatchRow, bridge, values_of
from agent.outbox.database import Database, Levels
from agent.outbox.stamps import from_micros, to_micros
from agent.outbox.streams import StreamRow
from agent.outbox.values import (
    OF_RECORDS,
    BatchDraft,
    BatchKind,
    BatchTooLarge,
    Entry,
    Flow,
    Moved,
    StoredBatch,
)

log = structlog.get_logger(__name__)

# Losing one of these loses no record.
_ONLY_REPORTS: Final = (BatchKind.RUN, BatchKind.DEAD_LETTERS)


def refuse_oversized(entry: Entry, *, batch_bytes: int) -> None:
    for draft in entry.batches:
        if len(draft.payload) > batch_bytes:
            raise BatchTooLarge(
                f"A batch of {draft.count} records is {len(draft.payload)} bytes; one frame takes {batch_bytes}",
                where=entry.stream,
            )


def enqueue(db: Database, change: Levels, stream: StreamRow, entry: Entry, now: datetime) -> tuple[int, ...]:
    return tuple(_enqueue_one(db, change, stream, entry, draft, to_micros(now)) for draft in entry.batches)


def _enqueue_one(
    db: Database, change: Levels, stream: StreamRow, entry: Entry, draft: BatchDraft, micros: int
) -> int:
    row = BatchRow(
        seq=(db.value("SELECT seq FROM sqlite_sequence WHERE name = 'batch'") or 0) + 1,
        prev=stream.last_seq,
        stream=stream.id,
        entity=entry.entity,
        run=entry.run,
        kind=draft.kind.value,
        count=draft.count,
        bytes=len(draft.payload),
        hash=hashlib.sha256(draft.payload).hexdigest(),
        enqueued_at=micros,
    )
    db.run(
        f"INSERT INTO batch ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constant columns
        (*values_of(row), row.check_hash()),
    )
    db.run("INSERT INTO payload (seq, bytes) VALUES (?, ?)", (row.seq, draft.payload))
    stream.last_seq = stream.top_seq = row.seq
    change.pending_bytes += row.bytes
    change.enqueued += 1
    of_records = draft.kind in OF_RECORDS
    change.flow = change.flow.plus(Flow(enqueued=Moved(1, draft.count if of_records else 0, row.bytes)))
    return row.seq


def pending(
    db: Database, after_seq: int, *, limit_batches: int, limit_bytes: int, now: datetime
) -> list[StoredBatch]:
    """Hand out the oldest unacked batches; the first one always, so that a large one never blocks the rest."""
    found: list[StoredBatch] = []
    room = limit_bytes
    while len(found) < limit_batches:
        columns = db.one(
            f"SELECT {COLUMNS} FROM batch INDEXED BY batch_pending"  # noqa: S608 - constant columns
            " WHERE settled_at IS NULL AND seq > ? ORDER BY seq LIMIT 1",
            (after_seq,),
        )
        if columns is None:
            break
        row = BatchRow(*columns[:-1])
        after_seq = row.seq
        intact = row.check_hash() == columns[-1]
        if intact and found and row.bytes > room:
            break
        batch = load(db, row) if intact else None
        if batch is None:
            _quarantine(db, row, now, kind=row.kind if intact else None)
            continue
        room -= row.bytes
        found.append(batch)
    return found


def load(db: Database, row: BatchRow) -> StoredBatch | None:
    """Read a batch with its payload; None when it is not what was enqueued."""
    name = db.value("SELECT name FROM stream WHERE id = ?", (row.stream,))
    try:
        payload = db.value(
            "SELECT bytes FROM payload WHERE seq = ? AND length(bytes) = ?", (row.seq, row.bytes)
        )
    except apsw.CorruptError:
        payload = None
    if name is None or payload is None or hashlib.sha256(payload).hexdigest() != row.hash:
        return None
    return StoredBatch(
        seq=row.seq,
        prev=row.prev,
        stream=name,
        entity=row.entity,
        run=row.run,
        kind=BatchKind(row.kind),
        count=row.count,
        hash=row.hash,
        payload=payload,
        enqueued_at=from_micros(row.enqueued_at),
    )


def _quarantine(db: Database, row: BatchRow, now: datetime, *, kind: str | None) -> None:
    """Take a damaged batch out of the sequence and have its records read again.

    Where the row itself is damaged, nothing of it can be trusted but its number: its kind is unknown, and the streams
    it may belong to are those that lead to it.
    """
    with db.transaction() as change:
        db.run("UPDATE batch SET settled_at = ?, damaged = 1 WHERE seq = ?", (to_micros(now), row.seq))
        size = db.value("SELECT bytes FROM batch WHERE seq = ?", (row.seq,))
        change.pending_bytes -= size
        change.kept_bytes += size
        owners = db.all(
            "SELECT id FROM stream WHERE id = ? OR last_seq = ?"
            " UNION SELECT stream FROM batch WHERE prev = ? AND seq > ?",
            (row.stream, row.seq, row.seq, row.seq),
        )
        for (stream_id,) in owners:
            stream = streams.by_id(db, change, stream_id)
            if stream is None:
                continue
            bridge(db, stream, row.seq)
            if kind not in _ONLY_REPORTS:
                streams.restart(db, stream, tombstones_lost=kind != BatchKind.RECORDS)
            streams.count_damage(change, stream)
            streams.save(db, stream)
            log.error("batch_quarantined", stream=stream.name, seq=row.seq)


def drop_payload(db: Database, seq: int) -> None:
    db.run("SAVEPOINT payload")
    try:
        db.run("DELETE FROM payload WHERE seq = ?", (seq,))
    except apsw.CorruptError:
        # Its pages stay lost until the file is rebuilt; the queue goes on without them.
        db.run("ROLLBACK TO payload")
        log.warning("damaged_payload_left", seq=seq)
    db.run("RELEASE payload")
