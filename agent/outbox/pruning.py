"""Deleting what retention chose, in steps small enough for a full disk and a busy store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from agent.outbox import batches
from agent.outbox.database import PAGE_BYTES, Database
from agent.outbox.limits import FREE_BYTES_KEPT, PRUNE_BATCHES, VACUUM_PAGES, Limits
from agent.outbox.retention import SettledBatch, plan_prune
from agent.outbox.stamps import from_micros, to_micros


def prune_some(db: Database, limits: Limits, now: datetime) -> int:
    """Delete at most `PRUNE_BATCHES` batches in one transaction; 0 means that nothing is left to delete."""
    rows = db.all(
        "SELECT seq, settled_at, bytes FROM batch INDEXED BY batch_settled WHERE settled_at IS NOT NULL"
        " ORDER BY settled_at, seq LIMIT ?",
        (PRUNE_BATCHES,),
    )
    chosen = plan_prune(
        [SettledBatch(seq, from_micros(settled_at), size) for seq, settled_at, size in rows],
        now=now,
        replay_window=limits.replay_window,
        kept_bytes=db.levels.kept_bytes,
        replay_bytes=limits.replay_bytes,
    )
    if chosen:
        _delete(db, chosen)
    return len(chosen)


def prune_commands(db: Database, limits: Limits, now: datetime) -> None:
    """Forget acked commands, but never before their deadline: until then a repeat would run again.

    One in doubt stays until a person has settled it.
    """
    expired = "state != 'in_doubt' AND acked_at < ? AND (deadline IS NULL OR deadline < ?)"
    with db.transaction():
        db.run(
            f"DELETE FROM command WHERE acked_at IS NOT NULL AND {expired}",  # noqa: S608 - constant text
            (to_micros(now - limits.command_retention), to_micros(now)),
        )


def give_back_space(db: Database, *, all_of_it: bool = False) -> bool:
    """Return one step of free pages to the file system; False when enough was returned."""
    if db.value("PRAGMA freelist_count") * PAGE_BYTES <= (0 if all_of_it else FREE_BYTES_KEPT):
        return False
    with db.transaction():
        db.all(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
    return True


def _delete(db: Database, seqs: Sequence[int]) -> None:
    with db.transaction() as change:
        for seq in seqs:
            batches.drop_payload(db, seq)
            size = db.value("DELETE FROM batch WHERE seq = ? RETURNING bytes", (seq,))
            change.kept_bytes -= size
