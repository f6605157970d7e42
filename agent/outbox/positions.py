"""Where the relay stands in each stream: acks, and what to do when one side went back in time."""

from __future__ import annotations

from datetime import datetime

import structlog

from agent.outbox import streams
from agent.outbox.batches import drop_payload
from agent.outbox.chain import follow, relink
from agent.outbox.database import Database, Levels
from agent.outbox.limits import MAX_SEQ
from agent.outbox.stamps import to_micros
from agent.outbox.streams import StreamRow
from agent.outbox.values import OF_RECORDS, Flow, Moved, UnknownAck

log = structlog.get_logger(__name__)


def mark_acked(db: Database, name: str, seq: int, now: datetime) -> int:
    with db.transaction() as change:
        stream = streams.find(db, change, name)
        if stream is None or seq > stream.top_seq or seq < 0:
            raise UnknownAck(f"The relay acked batch {seq}, which was never enqueued", where=name)
        if seq <= stream.acked_seq:
            return 0
        settled = db.all(
            "UPDATE batch SET settled_at = ? WHERE stream = ? AND seq <= ? AND settled_at IS NULL"
            " RETURNING bytes, iif(kind IN (?, ?), count, 0)",
            (to_micros(now), stream.id, seq, *OF_RECORDS),
        )
        size = sum(row[0] for row in settled)
        change.pending_bytes -= size
        change.kept_bytes += size
        acked = Moved(len(settled), sum(row[1] for row in settled), size)
        change.flow = change.flow.plus(Flow(acked=acked))
        stream.acked_seq = seq
        if db.value("SELECT damaged FROM batch WHERE seq = ? AND stream = ?", (seq, stream.id)):
            # The relay had it before it was found damaged here; what follows must name it after all.
            follow(db, stream, seq, seq)
        streams.save(db, stream)
        return len(settled)


def holds(db: Database, name: str, seq: int, digest: str | None) -> bool:
    with db.transaction() as change:
        stream = streams.find(db, change, name)
    if stream is None or seq > stream.top_seq:
        return False
    if seq <= stream.acked_seq:
        return True
    found = db.one("SELECT hash, damaged FROM batch WHERE stream = ? AND seq = ?", (stream.id, seq))
    if found is None:
        return False
    known, damaged = found
    return bool(damaged) or digest is None or str(known).startswith(digest)


def rewound(db: Database, name: str, relay_seq: int) -> None:
    """Continue behind the relay's position, whose batch is not of this file: the file came from a backup."""
    if not 0 <= relay_seq < MAX_SEQ:
        raise UnknownAck(f"The relay names batch {relay_seq}, which is out of range", where=name)
    with db.transaction() as change:
        stream = streams.find_or_add(db, change, name)
        if relay_seq <= stream.acked_seq:
            return
        # Never give a number twice, not even one that only the lost state gave.
        db.run(
            "INSERT INTO sqlite_sequence (name, seq) SELECT 'batch', 0 WHERE NOT EXISTS"
            " (SELECT 1 FROM sqlite_sequence WHERE name = 'batch')"
        )
        db.run("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'batch'", (relay_seq,))
        stream.last_seq = stream.acked_seq = relay_seq
        stream.top_seq = max(stream.top_seq, relay_seq)
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
        gaps = relink(db, stream, relay_seq)
        if gaps:
            streams.restart(db, stream, tombstones_lost=True)
        streams.save(db, stream)
    log.warning("outbox_replayed", stream=name, relay_seq=relay_seq, batches=len(again), gaps=gaps)
    return len(again)
