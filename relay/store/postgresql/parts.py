"""The parts of `batches`: ranges of positions, each a table of its own, made ahead of their first batch.

A part that has grown old is dropped whole, which takes the same short time whatever it holds.
"""

from __future__ import annotations

from typing import Final

from relay.store.sql import Sql

PART_BATCHES: Final = (
    2**18
)  # of one part: some 10 GiB at 40 KiB each; a hundred million batches make 400 parts
AHEAD: Final = 2**12  # batches before the end of the last part, the next one is made


def make_ahead(db: Sql, count: int) -> None:
    """Before `count` batches are appended, in their transaction."""
    last = db.value("SELECT last FROM numbering WHERE name = 'batches' FOR UPDATE")
    while (end := _end(db)) <= last + count + AHEAD:
        _make(db, end)


def drop(db: Sql, upto: int) -> list[str]:
    """Drop each part whose batches all stand at `upto` or before it, and say which."""
    names = [
        name
        for (name,) in db.execute("SELECT name FROM batch_parts WHERE high <= ? ORDER BY low", (upto + 1,))
    ]
    for name in names:
        db.execute(
            "DELETE FROM damaged WHERE position < (SELECT high FROM batch_parts WHERE name = ?)", (name,)
        )
        db.execute(f"DROP TABLE {name}")
        db.execute("DELETE FROM batch_parts WHERE name = ?", (name,))
    return names


def _end(db: Sql) -> int:
    """The first position that no part may hold; those of dropped parts never come back."""
    last = "SELECT last + 1 FROM numbering WHERE name = 'batches'"
    return int(db.value(f"SELECT coalesce((SELECT max(high) FROM batch_parts), ({last}))"))  # noqa: S608 - only our own text


def _make(db: Sql, low: int) -> None:
    """Made apart and then attached: that keeps nobody from reading the others."""
    high = (low // PART_BATCHES + 1) * PART_BATCHES
    name = f"batches_{low:013d}"
    db.execute(f"CREATE TABLE {name} (LIKE batches INCLUDING ALL)")
    db.execute(f"ALTER TABLE batches ATTACH PARTITION {name} FOR VALUES FROM ({low}) TO ({high})")
    db.execute("INSERT INTO batch_parts (name, low, high) VALUES (?, ?, ?)", (name, low, high))
