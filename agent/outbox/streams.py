"""One row per stream: its checkpoint, its place in the sequence, and what is known of its damage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from agent.outbox.database import Database, Levels
from agent.outbox.stamps import check_values

log = structlog.get_logger(__name__)

_COLUMNS = "id, name, checkpoint, last_seq, top_seq, acked_seq, expired_segment, damaged, check_hash"


@dataclass(slots=True)
class StreamRow:
    id: int
    name: str
    checkpoint: str | None = None
    last_seq: int = 0  # what the next batch names as `prev`
    top_seq: int = 0  # the highest the relay may ever name
    acked_seq: int = 0
    expired_segment: int = 0
    damaged: int = 0

    def check_hash(self) -> int:
        return check_values(
            self.id,
            self.name,
            self.checkpoint,
            self.last_seq,
            self.top_seq,
            self.acked_seq,
            self.expired_segment,
            self.damaged,
        )


def find(db: Database, change: Levels, name: str) -> StreamRow | None:
    return _checked(db, change, db.one(f"SELECT {_COLUMNS} FROM stream WHERE name = ?", (name,)))  # noqa: S608 - constant columns


def by_id(db: Database, change: Levels, stream_id: int) -> StreamRow | None:
    return _checked(db, change, db.one(f"SELECT {_COLUMNS} FROM stream WHERE id = ?", (stream_id,)))  # noqa: S608 - constant columns


def find_or_add(db: Database, change: Levels, name: str) -> StreamRow:
    found = find(db, change, name)
    if found is not None:
        return found
    row = StreamRow(id=(db.value("SELECT max(id) FROM stream") or 0) + 1, name=name)
    db.run(
        f"INSERT INTO stream ({_COLUMNS}) VALUES (?, ?, NULL, 0, 0, 0, 0, 0, ?)",  # noqa: S608 - constant columns
        (row.id, row.name, row.check_hash()),
    )
    return row


def save(db: Database, row: StreamRow) -> None:
    db.run(
        "UPDATE stream SET checkpoint = ?, last_seq = ?, top_seq = ?, acked_seq = ?, expired_segment = ?,"
        " damaged = ?, check_hash = ? WHERE id = ?",
        (
            row.checkpoint,
            row.last_seq,
            row.top_seq,
            row.acked_seq,
            row.expired_segment,
            row.damaged,
            row.check_hash(),
            row.id,
        ),
    )


def expire(db: Database, row: StreamRow) -> None:
    """Forget the checkpoint and what the records held; their keys stay, so deletions are still noticed."""
    row.checkpoint = None
    row.expired_segment = (
        db.value("SELECT max(id) FROM segment WHERE stream = ?", (row.id,)) or row.expired_segment
    )


def restart(db: Database, row: StreamRow, *, tombstones_lost: bool) -> None:
    """Expire the stream while a run may be under way.

    That run began behind records that are now missing: its later pages stay, but its checkpoints are not taken,
    until the next run has asked where to begin.
    """
    expire(db, row)
    if tombstones_lost:
        # Their keys count as present again, until a pass finds them gone.
        db.run("UPDATE segment SET removed = 0 WHERE stream = ? AND removed = 1", (row.id,))
    db.restarted.add(row.name)


def count_damage(change: Levels, row: StreamRow) -> None:
    row.damaged += 1
    change.damaged += 1


def _checked(db: Database, change: Levels, columns: Any) -> StreamRow | None:
    if columns is None:
        return None
    row = StreamRow(*columns[:-1])
    if row.check_hash() != columns[-1]:
        _recover(db, change, row)
    return row


def _recover(db: Database, change: Levels, row: StreamRow) -> None:
    """Rebuild a row that failed its check from the batches, and read the stream again."""
    log.error("stream_row_damaged", stream=row.name)
    top = db.value("SELECT max(seq) FROM batch WHERE stream = ?", (row.id,)) or 0
    acked = db.value(
        "SELECT max(seq) FROM batch WHERE stream = ? AND settled_at IS NOT NULL AND damaged = 0", (row.id,)
    )
    row.last_seq = row.top_seq = top
    row.acked_seq = acked or 0
    restart(db, row, tombstones_lost=True)
    count_damage(change, row)
    save(db, row)
