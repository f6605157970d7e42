"""What has grown old and goes, in SQL: a bounded number at a time. What may go is decided in `relay.retention`."""

from __future__ import annotations

from collections.abc import Sequence

from relay.store.sql import Sql


def drop_batches(db: Sql, positions: Sequence[int]) -> int:
    """Return how many went. The last batch of a stream stays: it says where the stream stands."""
    return sum(_drop_batch(db, position) for position in positions)


def _drop_batch(db: Sql, position: int) -> int:
    last = db.row(
        "SELECT 1 FROM batches b JOIN streams s ON s.id = b.stream WHERE b.position = ? AND b.seq = s.last_seq",
        (position,),
    )
    if last is not None:
        return 0
    db.change("DELETE FROM damaged WHERE position = ?", (position,))
    return db.change("DELETE FROM batches WHERE position = ?", (position,))


def drop_commands(db: Sql, tenant: str, before: int, limit: int) -> int:
    """Those with an outcome since before then. One in doubt stays: a person may still settle it."""
    return db.change(
        "DELETE FROM commands WHERE id IN (SELECT id FROM commands WHERE tenant = ? AND updated_at < ? "
        "AND state NOT IN ('queued', 'sent', 'running', 'in_doubt') ORDER BY updated_at LIMIT ?)",
        (tenant, before, limit),
    )


def tenants(db: Sql) -> list[str]:
    return [tenant for (tenant,) in db.execute("SELECT id FROM tenants ORDER BY id")]
