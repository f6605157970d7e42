"""Counting the whole file: at opening, and for `stats`."""

from __future__ import annotations

from agent.outbox.database import Database, Levels
from agent.outbox.stamps import from_micros, maybe_moment
from agent.outbox.values import LastAcked, OutboxStats, StreamStats, Waiting


def count_levels(db: Database) -> Levels:
    pending = db.value("SELECT coalesce(sum(bytes), 0) FROM batch WHERE settled_at IS NULL")
    kept = db.value("SELECT coalesce(sum(bytes), 0) FROM batch WHERE settled_at IS NOT NULL")
    damaged = db.value("SELECT coalesce(sum(damaged), 0) FROM stream")
    return Levels(pending_bytes=pending, kept_bytes=kept, damaged=damaged)


def count(db: Database) -> OutboxStats:
    rows = db.all(
        "SELECT s.name, coalesce(p.batches, 0), coalesce(p.bytes, 0), p.oldest, s.last_seq, s.acked_seq,"
        " coalesce(l.letters, 0), s.damaged FROM stream s"
        " LEFT JOIN (SELECT stream, count(*) batches, sum(bytes) bytes, min(enqueued_at) oldest FROM batch"
        "  WHERE settled_at IS NULL GROUP BY stream) p ON p.stream = s.id"
        " LEFT JOIN (SELECT stream, count(*) letters FROM letter GROUP BY stream) l ON l.stream = s.id"
        " ORDER BY s.name"
    )
    streams = {
        name: StreamStats(batches, size, maybe_moment(oldest), last_seq, acked_seq, letters, damaged)
        for name, batches, size, oldest, last_seq, acked_seq, letters, damaged in rows
    }
    each = streams.values()
    return OutboxStats(
        streams=streams,
        pending_batches=sum(stream.pending_batches for stream in each),
        pending_bytes=sum(stream.pending_bytes for stream in each),
        oldest_enqueued_at=min(
            (s.oldest_enqueued_at for s in each if s.oldest_enqueued_at is not None), default=None
        ),
        kept_bytes=count_levels(db).kept_bytes,
        dead_letters=sum(stream.dead_letters for stream in each),
        damaged=sum(stream.damaged for stream in each),
        file_bytes=db.file_bytes(),
    )


def waiting(db: Database) -> dict[str, Waiting]:
    """What is not acked yet, of each stream that has any."""
    rows = db.all(
        "SELECT s.name, count(*), sum(CASE WHEN b.kind IN ('records', 'tombstones') THEN b.count ELSE 0 END),"
        " sum(b.bytes), min(b.enqueued_at) FROM batch b JOIN stream s ON s.id = b.stream"
        " WHERE b.settled_at IS NULL GROUP BY s.id"
    )
    return {
        name: Waiting(batches, records, size, maybe_moment(oldest))
        for name, batches, records, size, oldest in rows
    }


def last_acked(db: Database) -> LastAcked | None:
    """Of the batches that are kept: nothing is known of what has left the replay window."""
    row = db.one(
        "SELECT s.name, b.seq, b.run, b.kind, b.count, b.enqueued_at, b.settled_at FROM batch b"
        " INDEXED BY batch_settled JOIN stream s ON s.id = b.stream"
        " WHERE b.settled_at IS NOT NULL AND b.damaged = 0 ORDER BY b.settled_at DESC, b.seq DESC LIMIT 1"
    )
    if row is None:
        return None
    stream, seq, run, kind, count, enqueued_at, acked_at = row
    return LastAcked(stream, seq, run, kind, count, from_micros(enqueued_at), from_micros(acked_at))
