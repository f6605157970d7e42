"""The queue itself: number, hand out, settle and quarantine batches."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import apsw
import structlog

from agent.outbox import streams
from agent.outbox.database import Database, Levels
from agent.outbox.limits import MAX_SEQ
from agent.outbox.stamps import check_values, from_micros, to_micros
from agent.outbox.streams import StreamRow
from agent.outbox.values import BatchDraft, BatchKind, BatchTooLarge, Entry, StoredBatch, UnknownAck

log = structlog.get_logger(__name__)

_COLUMNS = "seq, prev, stream, entity, run, kind, count, bytes, hash, enqueued_at, check_hash"

# Losing one of these loses no record.
_ONLY_REPORTS: Final = (BatchKind.RUN, BatchKind.DEAD_LETTERS)


@dataclass(slots=True)
class _Row:
    seq: int
    prev: int
    stream: int
    entity: str
    run: str
    kind: str
    count: int
    bytes: int
    hash: str
    enqueued_at: int

    def check_hash(self) -> int:
        return check_values(
            self.seq,
            self.prev,
            self.stream,
            self.entity,
            self.run,
            self.kind,
            self.count,
            self.bytes,
            self.hash,
            self.enqueued_at,
        )


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
    row = _Row(
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
        f"INSERT INTO batch ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constant columns
        (*_values(row), row.check_hash()),
    )
    db.run("INSERT INTO payload (seq, bytes) VALUES (?, ?)", (row.seq, draft.payload))
    stream.last_seq = stream.top_seq = row.seq
    change.pending_bytes += row.bytes
    change.enqueued += 1
    return row.seq


def _values(row: _Row) -> tuple[Any, ...]:
    return (
        row.seq,
        row.prev,
        row.stream,
        row.entity,
        row.run,
        row.kind,
        row.count,
        row.bytes,
        row.hash,
        row.enqueued_at,
    )


def pending(
    db: Database, after_seq: int, *, limit_batches: int, limit_bytes: int, now: datetime
) -> list[StoredBatch]:
    """Hand out the oldest unacked batches; the first one always, so that a large one never blocks the rest."""
    found: list[StoredBatch] = []
    room = limit_bytes
    while len(found) < limit_batches:
        columns = db.one(
            f"SELECT {_COLUMNS} FROM batch INDEXED BY batch_pending"  # noqa: S608 - constant columns
            " WHERE settled_at IS NULL AND seq > ? ORDER BY seq LIMIT 1",
            (after_seq,),
        )
        if columns is None:
            break
        row = _Row(*columns[:-1])
        after_seq = row.seq
        intact = row.check_hash() == columns[-1]
        if intact and found and row.bytes > room:
            break
        batch = _load(db, row) if intact else None
        if batch is None:
            _quarantine(db, row, now, kind=row.kind if intact else None)
            continue
        room -= row.bytes
        found.append(batch)
    return found


def _load(db: Database, row: _Row) -> StoredBatch | None:
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


def _quarantine(db: Database, row: _Row, now: datetime, *, kind: str | None) -> None:
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
            _bridge(db, stream, row.seq)
            if kind not in _ONLY_REPORTS:
                streams.restart(db, stream, tombstones_lost=kind != BatchKind.RECORDS)
            streams.count_damage(change, stream)
            streams.save(db, stream)
            log.error("batch_quarantined", stream=stream.name, seq=row.seq)


def _bridge(db: Database, stream: StreamRow, missing: int) -> None:
    """Let the batch behind a missing one name the batch before it: the relay takes no gap."""
    before = db.value(
        "SELECT max(seq) FROM batch WHERE stream = ? AND seq < ? AND damaged = 0", (stream.id, missing)
    )
    _follow(db, stream, missing, max(before or 0, stream.acked_seq))


def _follow(db: Database, stream: StreamRow, missing: int, prev: int) -> None:
    if stream.last_seq == missing:
        stream.last_seq = prev
    columns = db.one(
        f"SELECT {_COLUMNS} FROM batch WHERE stream = ? AND settled_at IS NULL AND seq > ? ORDER BY seq LIMIT 1",  # noqa: S608 - constant columns
        (stream.id, missing),
    )
    if columns is None:
        stream.last_seq = prev
        return
    row = _Row(*columns[:-1])
    if row.check_hash() != columns[-1]:
        return  # damaged as well: bridged when it is read
    _set_prev(db, row, prev)


def _set_prev(db: Database, row: _Row, prev: int) -> None:
    row.prev = prev
    db.run("UPDATE batch SET prev = ?, check_hash = ? WHERE seq = ?", (row.prev, row.check_hash(), row.seq))


def mark_acked(db: Database, name: str, seq: int, now: datetime) -> int:
    with db.transaction() as change:
        stream = streams.find(db, change, name)
        if stream is None or seq > stream.top_seq or seq < 0:
            raise UnknownAck(f"The relay acked batch {seq}, which was never enqueued", where=name)
        if seq <= stream.acked_seq:
            return 0
        settled = db.all(
            "UPDATE batch SET settled_at = ? WHERE stream = ? AND seq <= ? AND settled_at IS NULL RETURNING bytes",
            (to_micros(now), stream.id, seq),
        )
        size = sum(row[0] for row in settled)
        change.pending_bytes -= size
        change.kept_bytes += size
        stream.acked_seq = seq
        if db.value("SELECT damaged FROM batch WHERE seq = ? AND stream = ?", (seq, stream.id)):
            # The relay had it before it was found damaged here; what follows must name it after all.
            _follow(db, stream, seq, seq)
        streams.save(db, stream)
        return len(settled)


def rewound(db: Database, name: str, relay_seq: int) -> None:
    """Continue behind the relay's position, which is ahead of this file: the file came from a backup."""
    if not 0 <= relay_seq < MAX_SEQ:
        raise UnknownAck(f"The relay names batch {relay_seq}, which is out of range", where=name)
    with db.transaction() as change:
        stream = streams.find_or_add(db, change, name)
        if relay_seq <= stream.top_seq:
            return
        # Never give a number twice, not even one that only the lost state gave.
        db.run(
            "INSERT INTO sqlite_sequence (name, seq) SELECT 'batch', 0 WHERE NOT EXISTS"
            " (SELECT 1 FROM sqlite_sequence WHERE name = 'batch')"
        )
        db.run("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'batch'", (relay_seq,))
        stream.last_seq = stream.top_seq = stream.acked_seq = relay_seq
        _drop_pending(db, change, stream)
        streams.restart(db, stream, tombstones_lost=True)
        streams.save(db, stream)
        log.warning("outbox_rewound", stream=name, relay_seq=relay_seq)


def _drop_pending(db: Database, change: Levels, stream: StreamRow) -> None:
    dropped = db.all(
        "DELETE FROM batch WHERE stream = ? AND settled_at IS NULL RETURNING seq, bytes", (stream.id,)
    )
    for seq, size in dropped:
        drop_payload(db, seq)
        change.pending_bytes -= size


def drop_payload(db: Database, seq: int) -> None:
    db.run("SAVEPOINT payload")
    try:
        db.run("DELETE FROM payload WHERE seq = ?", (seq,))
    except apsw.CorruptError:
        # Its pages stay lost until the file is rebuilt; the queue goes on without them.
        db.run("ROLLBACK TO payload")
        log.warning("damaged_payload_left", seq=seq)
    db.run("RELEASE payload")


def replay(db: Database, name: str, relay_seq: int) -> int:
    """Make the batches behind the relay's position pending again, as one chain from there.

    Where some of them are gone already, the stream is read again in full behind those that are left.
    """
    with db.transaction() as change:
        stream = streams.find(db, change, name)
        if stream is None or not 0 <= relay_seq <= stream.top_seq:
            raise UnknownAck(f"The relay names batch {relay_seq}, which was never enqueued", where=name)
        again = db.all(
            "UPDATE batch SET settled_at = NULL WHERE stream = ? AND seq > ? AND settled_at IS NOT NULL"
            " AND damaged = 0 RETURNING bytes",
            (stream.id, relay_seq),
        )
        size = sum(row[0] for row in again)
        change.pending_bytes += size
        change.kept_bytes -= size
        change.enqueued += len(again)
        stream.acked_seq = min(stream.acked_seq, relay_seq)
        gaps = _relink(db, stream, relay_seq)
        if gaps:
            streams.restart(db, stream, tombstones_lost=True)
        streams.save(db, stream)
    log.warning("outbox_replayed", stream=name, relay_seq=relay_seq, batches=len(again), gaps=gaps)
    return len(again)


def _relink(db: Database, stream: StreamRow, start: int) -> bool:
    """Make the pending batches one chain from `start` on; return whether anything between them is missing."""
    gaps = False
    previous = start
    for columns in db.all(
        f"SELECT {_COLUMNS} FROM batch WHERE stream = ? AND settled_at IS NULL AND seq > ? ORDER BY seq",  # noqa: S608 - constant columns
        (stream.id, start),
    ):
        row = _Row(*columns[:-1])
        if row.check_hash() == columns[-1] and row.prev != previous:
            gaps = True
            _set_prev(db, row, previous)
        previous = row.seq
    if stream.last_seq != previous:
        gaps = True
        stream.last_seq = previous
    return gaps
