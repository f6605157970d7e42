"""Records taken out of the queue because they may not leave any more, and out of what is kept for a relay that comes
back from a backup. Tombstones and run reports stay: they hold keys that the relay knows, and numbers.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import structlog

from agent.outbox import streams
from agent.outbox.batches import drop_payload
from agent.outbox.chain import bridge
from agent.outbox.database import Database
from agent.outbox.stamps import to_micros
from agent.outbox.values import BatchKind

log = structlog.get_logger(__name__)

WITHDRAWN: Final = 2  # in `batch.damaged`: out of the sequence, as one that failed its check
_HOLD_RECORDS: Final = (BatchKind.RECORDS.value, BatchKind.DEAD_LETTERS.value)


def entities(db: Database) -> dict[str, str]:
    """The streams of which records are in the queue, pending or kept, each with its entity."""
    return dict(
        db.all(
            "SELECT s.name, max(b.entity) FROM batch b JOIN stream s ON s.id = b.stream"
            " WHERE b.damaged = 0 AND b.kind IN (?, ?) GROUP BY s.name",
            _HOLD_RECORDS,
        )
    )


def withdraw(db: Database, name: str, checkpoint: str | None, now: datetime) -> int:
    """Return how many batches went. The stream goes on from `checkpoint`, if any went and it had one."""
    with db.transaction() as change:
        stream = streams.find(db, change, name)
        if stream is None:
            return 0
        found = db.all(
            "SELECT seq, bytes, settled_at IS NULL FROM batch"
            " WHERE stream = ? AND damaged = 0 AND kind IN (?, ?) ORDER BY seq",
            (stream.id, *_HOLD_RECORDS),
        )
        for seq, size, is_pending in found:
            drop_payload(db, seq)
            db.run(
                "UPDATE batch SET damaged = ?, settled_at = coalesce(settled_at, ?) WHERE seq = ?",
                (WITHDRAWN, to_micros(now), seq),
            )
            if is_pending:
                change.pending_bytes -= size
                change.kept_bytes += size
        for seq, _, is_pending in found:
            if is_pending:
                bridge(db, stream, seq)
        if found and stream.checkpoint is not None:
            stream.checkpoint = checkpoint
        streams.save(db, stream)
    if found:
        log.warning("batches_withdrawn", stream=name, batches=len(found))
    return len(found)
