"""The parts of `batches`: ranges of positions, each a table of its own, made ahead of their first batch.

What retention deletes leaves room in its part; a part that it has emptied is dropped when a relay starts, so that
reading does not pass over ever more of them.
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


def drop_empty(db: Sql) -> list[str]:
    """Drop each part out of which everything has gone and into which nothing can come any more, and say which."""
    last = db.value("SELECT last FROM numbering WHERE name = 'batches'")
    full = db.execute("SELECT name FROM batch_parts WHERE high <= ? ORDER BY low", (last,))
    names = [name for (name,) in full if db.row(f"SELECT 1 FROM {name} LIMIT 1") is None]  # noqa: S608 - only our own text
    for name in names:
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
