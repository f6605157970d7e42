"""Batch rows and the chain they form: each names the one before it in its stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from agent.outbox.database import Database
from agent.outbox.stamps import check_values
from agent.outbox.streams import StreamRow

COLUMNS: Final = "seq, prev, stream, entity, run, kind, count, bytes, hash, enqueued_at, check_hash"


@dataclass(slots=True)
class BatchRow:
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
        return check_values(*values_of(self))


def values_of(row: BatchRow) -> tuple[Any, ...]:
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


def bridge(db: Database, stream: StreamRow, missing: int) -> None:
    """Let the batch behind a missing one name the batch before it: the relay takes no gap."""
    before = db.value(
        "SELECT max(seq) FROM batch WHERE stream = ? AND seq < ? AND damaged = 0", (stream.id, missing)
    )
    follow(db, stream, missing, max(before or 0, stream.acked_seq))


def follow(db: Database, stream: StreamRow, missing: int, prev: int) -> None:
    if stream.last_seq == missing:
        stream.last_seq = prev
    columns = db.one(
        f"SELECT {COLUMNS} FROM batch WHERE stream = ? AND settled_at IS NULL AND seq > ? ORDER BY seq LIMIT 1",  # noqa: S608 - constant columns
        (stream.id, missing),
    )
    if columns is None:
        stream.last_seq = prev
        return
    row = BatchRow(*columns[:-1])
    if row.check_hash() != columns[-1]:
        return  # damaged as well: bridged when it is read
    _set_prev(db, row, prev)


def _set_prev(db: Database, row: BatchRow, prev: int) -> None:
    row.prev = prev
    db.run("UPDATE batch SET prev = ?, check_hash = ? WHERE seq = ?", (row.prev, row.check_hash(), row.seq))


def relink(db: Database, stream: StreamRow, start: int) -> bool:
    """Make the pending batches one chain from `start` on; return whether anything between them is missing."""
    gaps = False
    previous = start
    for columns in db.all(
        f"SELECT {COLUMNS} FROM batch WHERE stream = ? AND settled_at IS NULL AND seq > ? ORDER BY seq",  # noqa: S608 - constant columns
        (stream.id, start),
    ):
        row = BatchRow(*columns[:-1])
        if row.check_hash() == columns[-1] and row.prev != previous:
            gaps = True
            _set_prev(db, row, previous)
        previous = row.seq
    if stream.last_seq != previous:
        gaps = True
        stream.last_seq = previous
    return gaps
