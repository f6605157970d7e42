"""What the index still has from a stored batch, in SQL."""

from __future__ import annotations

from collections.abc import Sequence

from relay.store.base import BatchHeader, IndexIncomplete, Need
from relay.store.index_letters import OPEN_LETTER
from relay.store.sql import Sql


def refuse_incomplete(db: Sql) -> None:
    position, complete_at = db.row("SELECT position, complete_at FROM progress") or (0, 0)
    if position < complete_at:
        raise IndexIncomplete(
            f"The lists are being made anew from what is stored: {position} of {complete_at} are done.",
            hint="Ask again in a moment. Nothing is lost, and the feed goes on meanwhile.",
        )


def incomplete_until(db: Sql, position: int) -> None:
    db.change("UPDATE progress SET complete_at = ?", (position,))


def need(db: Sql, batch: BatchHeader) -> Need:
    if db.value("SELECT position FROM progress") < batch.position:
        return Need.SHOWN  # or will be
    if batch.damaged or batch.kind == "dead_letters":
        return _of_letters(db, batch)
    if batch.kind == "run":
        return _of_run(db, batch)
    return Need.SHOWN if _has_records(db, batch) else Need.NOTHING


def _has_records(db: Sql, batch: BatchHeader) -> bool:
    scope = db.value(
        "SELECT id FROM scopes WHERE tenant = ? AND entity = ? AND connection = ?",
        (batch.tenant, batch.entity, batch.connection),
    )
    if scope is None:
        return False
    newest = db.row("SELECT 1 FROM records WHERE scope = ? AND position = ? LIMIT 1", (scope, batch.position))
    last = db.row(
        "SELECT 1 FROM records WHERE scope = ? AND doc_position = ? LIMIT 1", (scope, batch.position)
    )
    return newest is not None or last is not None


def _of_letters(db: Sql, batch: BatchHeader) -> Need:
    row = db.row(
        f"SELECT 1 FROM dead_letters d WHERE position = ? AND {OPEN_LETTER} LIMIT 1",  # noqa: S608 - only our own text
        (batch.position,),
    )
    return Need.NOTHING if row is None else Need.TOLD


def _of_run(db: Sql, batch: BatchHeader) -> Need:
    told = db.value("SELECT position FROM runs WHERE tenant = ? AND run = ?", (batch.tenant, batch.run))
    if told != batch.position:
        return Need.NOTHING
    later = db.row(
        "SELECT 1 FROM runs WHERE tenant = ? AND connection = ? AND stream = ? AND run > ? LIMIT 1",
        (batch.tenant, batch.connection, batch.stream, batch.run),
    )
    return Need.SHOWN if later is None else Need.TOLD


def forget(db: Sql, batches: Sequence[BatchHeader]) -> None:
    """The run and the dead letters that these batches told of."""
    db.change_many(
        "DELETE FROM runs WHERE tenant = ? AND run = ? AND position = ?",
        [(batch.tenant, batch.run, batch.position) for batch in batches],
    )
    db.change_many("DELETE FROM dead_letters WHERE position = ?", [(batch.position,) for batch in batches])
