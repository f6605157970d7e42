"""The queue for people who look at it: what waits, batch by batch. Reads only."""

from __future__ import annotations

from agent.outbox.batches import load
from agent.outbox.chain import COLUMNS, BatchRow
from agent.outbox.database import Database
from agent.outbox.stamps import from_micros
from agent.outbox.values import BatchKind, Listed, StoredBatch


def listed(
    db: Database, connection: str | None, stream: str | None, *, after_seq: int, limit: int
) -> list[Listed]:
    rows = db.all(
        "SELECT b.seq, s.name, b.entity, b.run, b.kind, b.count, b.bytes, b.enqueued_at"
        " FROM batch b INDEXED BY batch_pending JOIN stream s ON s.id = b.stream"
        " WHERE b.settled_at IS NULL AND b.seq > ?1 AND (?2 IS NULL OR s.name = ?2)"
        " AND (?3 IS NULL OR substr(s.name, 1, length(?3) + 1) = ?3 || '/') ORDER BY b.seq LIMIT ?4",
        (after_seq, stream, connection, limit),
    )
    return [
        Listed(seq, name, entity, run, BatchKind(kind), count, size, from_micros(enqueued))
        for seq, name, entity, run, kind, count, size, enqueued in rows
    ]


def whole(db: Database, seq: int) -> StoredBatch | None:
    """A damaged batch stays where it is: the link takes it out of the queue when it comes to it."""
    columns = db.one(
        f"SELECT {COLUMNS} FROM batch WHERE settled_at IS NULL AND seq = ?",  # noqa: S608 - constant columns
        (seq,),
    )
    if columns is None:
        return None
    row = BatchRow(*columns[:-1])
    return load(db, row) if row.check_hash() == columns[-1] else None
