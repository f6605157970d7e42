"""Dead letters: the records that are wrong now, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final

import orjson
import pyarrow as pa

from agent.outbox.database import Database
from agent.outbox.limits import LETTER_MESSAGE_CHARS, LETTER_RAW_BYTES, LETTERS_WITH_RAW
from agent.outbox.stamps import from_micros, maybe_moment, to_micros, to_signed, to_unsigned
from agent.outbox.streams import StreamRow
from agent.outbox.values import Choice, DeadLetter, Entry, LetterGroup, StoredLetter

_COLUMNS: Final = (
    "letter.id, stream.name, entity, run, key, field, reason, message, raw_hash, created_at, requeued_at"
)
_CHOSEN: Final = (
    "(?1 IS NULL OR substr(stream.name, 1, length(?1) + 1) = ?1 || '/') AND (?2 IS NULL OR stream.name = ?2)"
    " AND (?3 IS NULL OR field = ?3) AND (?4 IS NULL OR reason = ?4) AND (?5 IS NULL OR key = ?5)"
)


def resolve(db: Database, stream: StreamRow, keys: pa.Array | pa.ChunkedArray) -> None:
    """Drop the letters of records that have passed, or are gone at the source."""
    if db.value("SELECT 1 FROM letter WHERE stream = ? LIMIT 1", (stream.id,)):
        _drop_keys(db, stream, keys.to_pylist())


def add(db: Database, stream: StreamRow, entry: Entry, now: datetime) -> None:
    """Store the letters of one page; they replace what was said of the same keys before."""
    if not entry.dead_letters:
        return
    _drop_keys(db, stream, [letter.key for letter in entry.dead_letters])
    with_raw = db.value(
        "SELECT count(*) FROM (SELECT 1 FROM letter WHERE stream = ? AND raw IS NOT NULL LIMIT ?)",
        (stream.id, LETTERS_WITH_RAW),
    )
    for letter in entry.dead_letters:
        raw = letter.raw if with_raw < LETTERS_WITH_RAW and len(letter.raw) <= LETTER_RAW_BYTES else None
        with_raw += raw is not None
        _insert(db, stream, entry, letter, raw, to_micros(now))


def page(db: Database, choice: Choice, *, after_id: int, limit: int, with_raw: bool) -> list[StoredLetter]:
    rows = db.all(
        f"SELECT {_COLUMNS}, iif(?6, raw, NULL) FROM letter JOIN stream ON stream.id = letter.stream"  # noqa: S608 - constant texts
        f" WHERE {_CHOSEN} AND letter.id > ?7 ORDER BY letter.id LIMIT ?8",
        (*_values(choice), int(with_raw), after_id, limit),
    )
    return [_letter(row) for row in rows]


def one(db: Database, letter_id: int) -> StoredLetter | None:
    """With its source row, where that was kept."""
    row = db.one(
        f"SELECT {_COLUMNS}, raw FROM letter JOIN stream ON stream.id = letter.stream WHERE letter.id = ?",  # noqa: S608 - constant columns
        (letter_id,),
    )
    return None if row is None else _letter(row)


def groups(db: Database, choice: Choice, *, limit: int) -> list[LetterGroup]:
    """By cause, the largest group first."""
    rows = db.all(
        "SELECT found.*, letter.message FROM (SELECT stream.name, entity, field, reason, count(*) AS letters,"  # noqa: S608 - constant texts
        " count(requeued_at), min(created_at), max(created_at), max(letter.id) AS newest FROM letter"
        f" JOIN stream ON stream.id = letter.stream WHERE {_CHOSEN} GROUP BY stream.id, entity, field, reason"
        " ORDER BY letters DESC, stream.name, field, reason LIMIT ?6) AS found"
        " JOIN letter ON letter.id = found.newest ORDER BY letters DESC, found.name, found.field, found.reason",
        (*_values(choice), limit),
    )
    return [
        LetterGroup(
            name, entity, field, reason, count, again, from_micros(oldest), from_micros(newest), message
        )
        for name, entity, field, reason, count, again, oldest, newest, _, message in rows
    ]


def chosen(db: Database, choice: Choice, *, limit: int) -> list[int]:
    """The ids of the oldest letters that are meant."""
    rows = db.all(
        "SELECT letter.id FROM letter JOIN stream ON stream.id = letter.stream"  # noqa: S608 - constant texts
        f" WHERE {_CHOSEN} ORDER BY letter.id LIMIT ?6",
        (*_values(choice), limit),
    )
    return [row[0] for row in rows]


def streams_of(db: Database, ids: Sequence[int]) -> list[str]:
    rows = db.all(
        "SELECT DISTINCT stream.name FROM letter JOIN stream ON stream.id = letter.stream"
        " WHERE letter.id IN (SELECT value FROM json_each(?)) ORDER BY stream.name",
        (_json(ids),),
    )
    return [row[0] for row in rows]


def requeue(db: Database, ids: Sequence[int], now: datetime) -> dict[str, tuple[str, ...]]:
    """Note that these records are asked for again; return their keys per stream."""
    with db.transaction():
        db.run(
            "UPDATE letter SET requeued_at = ? WHERE id IN (SELECT value FROM json_each(?))",
            (to_micros(now), _json(ids)),
        )
        rows = db.all(
            "SELECT DISTINCT stream.name, key FROM letter JOIN stream ON stream.id = letter.stream"
            " WHERE letter.id IN (SELECT value FROM json_each(?)) ORDER BY stream.name, letter.id",
            (_json(ids),),
        )
    return {name: tuple(key for _, key in group) for name, group in groupby(rows, key=lambda row: row[0])}


def drop(db: Database, ids: Sequence[int]) -> int:
    with db.transaction():
        return db.run("DELETE FROM letter WHERE id IN (SELECT value FROM json_each(?))", (_json(ids),))


def _drop_keys(db: Database, stream: StreamRow, keys: Sequence[str]) -> None:
    db.run(
        "DELETE FROM letter WHERE stream = ? AND key IN (SELECT value FROM json_each(?))",
        (stream.id, _json(keys)),
    )


def _insert(
    db: Database, stream: StreamRow, entry: Entry, letter: DeadLetter, raw: bytes | None, micros: int
) -> None:
    db.run(
        "INSERT INTO letter (stream, entity, run, key, field, reason, message, raw_hash, created_at, raw)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            stream.id,
            entry.entity,
            entry.run,
            letter.key,
            letter.field,
            letter.reason,
            letter.message[:LETTER_MESSAGE_CHARS],
            to_signed(letter.raw_hash),
            micros,
            raw,
        ),
    )


def _letter(row: Any) -> StoredLetter:
    letter_id, stream, entity, run, key, field, reason, message, raw_hash, created_at, requeued_at, raw = row
    return StoredLetter(
        id=letter_id,
        stream=stream,
        entity=entity,
        run=run,
        key=key,
        field=field,
        reason=reason,
        message=message,
        raw_hash=to_unsigned(raw_hash),
        created_at=from_micros(created_at),
        requeued_at=maybe_moment(requeued_at),
        raw=raw,
    )


def _values(choice: Choice) -> tuple[str | None, ...]:
    return (choice.connection, choice.stream, choice.field, choice.reason, choice.key)


def _json(values: Sequence[Any]) -> str:
    return orjson.dumps(list(values)).decode()
