"""The eras of the store, and the key that cursors are sealed with, in SQL."""

from __future__ import annotations

from typing import Final

from relay.eras import BEFORE_THE_FIRST, Standing, new_id
from relay.seals import new_key
from relay.store import batches
from relay.store.sql import Sql

FIRST_NUMBER: Final = 1
ERAS_KEPT: Final = 10_000  # a cursor from before that many openings of the store begins anew


def new_mark() -> str:
    return new_id().hex()


def note(db: Sql, mark: str) -> None:
    """To be called where batches are appended, before the first of them is given its position.

    `mark` stands for one opening of the store: while it stays the same, nobody can have put a copy in its place.
    """
    newest = db.row("SELECT number, mark FROM eras ORDER BY number DESC LIMIT 1")
    if newest is not None and newest[1] == mark:
        return
    last = batches.last_position(db)
    db.change("INSERT INTO eras (id, mark, began_after) VALUES (?, ?, ?)", (new_id(), mark, last))
    if newest is not None:
        db.change("DELETE FROM eras WHERE number <= ?", (newest[0] + 1 - ERAS_KEPT,))


def standing(db: Sql, era: bytes | None) -> Standing:
    """What is to be known about a place that was given in `era`; None: about none."""
    newest = db.value("SELECT id FROM eras ORDER BY number DESC LIMIT 1")
    number = None if era is None else _number(db, era)
    next_begin = (
        None
        if number is None
        else db.value("SELECT began_after FROM eras WHERE number > ? ORDER BY number LIMIT 1", (number,))
    )
    return Standing(
        era=BEFORE_THE_FIRST if newest is None else bytes(newest),
        last=batches.last_position(db),
        known=number is not None,
        next_began_after=next_begin,
    )


def _number(db: Sql, era: bytes) -> int | None:
    if era == BEFORE_THE_FIRST:
        first = db.value("SELECT min(number) FROM eras")
        return 0 if first in (None, FIRST_NUMBER) else None
    found = db.value("SELECT number FROM eras WHERE id = ?", (era,))
    return None if found is None else int(found)


def seal_key(db: Sql) -> bytes | None:
    found = db.value("SELECT key FROM sealing")
    return None if found is None else bytes(found)


def make_seal_key(db: Sql) -> bytes:
    """Once; what is there already stays."""
    db.change("INSERT INTO sealing (one, key) VALUES (1, ?) ON CONFLICT DO NOTHING", (new_key(),))
    return bytes(db.value("SELECT key FROM sealing"))
