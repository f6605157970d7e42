"""Dead letters of the record index, in SQL: a page of them, and how many there are of each cause."""

from __future__ import annotations

from typing import Any, Final

from relay.store.base import (
    DeadLetterRow,
    DeadLetterState,
    FoundLetters,
    LetterCause,
    LetterFilter,
    Place,
    from_micros,
)
from relay.store.sql import Sql, Value

SCANNED_LETTERS: Final = 20_000  # looked at for one page; a rare match takes several pages
COUNTED_AT_ONCE: Final = 5_000  # of one statement, behind which other readers wait

# A letter is settled once its record, or its tombstone, has come behind it.
_PASSED: Final = (
    "EXISTS (SELECT 1 FROM scopes s JOIN records r ON r.scope = s.id AND r.key = d.key WHERE s.tenant = d.tenant "
    "AND s.connection = d.connection AND s.entity = d.entity AND r.position > d.position)"
)
_REPEATED: Final = (
    "EXISTS (SELECT 1 FROM dead_letters n WHERE n.tenant = d.tenant AND n.connection = d.connection "
    "AND n.entity = d.entity AND n.key = d.key AND n.position > d.position)"
)
OPEN_LETTER: Final = f"(key = '' OR NOT ({_PASSED} OR {_REPEATED}))"  # of `dead_letters d`
_STATES: Final = {
    DeadLetterState.OPEN: f" AND {OPEN_LETTER}",
    DeadLetterState.SETTLED: f" AND NOT {OPEN_LETTER}",
}
_COLUMNS: Final = (
    "position, row, tenant, connection, stream, entity, run, key, field, reason, message, received_at"
)


def page(db: Sql, tenant: str, wanted: LetterFilter, after: Place, limit: int) -> FoundLetters:
    """In the order in which they came."""
    end = _horizon(db, tenant, after, SCANNED_LETTERS)
    where, values = _conditions(wanted)
    state = f"CASE WHEN {OPEN_LETTER} THEN 1 ELSE 0 END" if wanted.state is None else "-1"
    rows = db.execute(
        f"SELECT {_COLUMNS}, {state} FROM dead_letters d WHERE tenant = ? AND (position, row) > (?, ?)"  # noqa: S608 - only our own text
        f"{_upto(end)}{where} ORDER BY position, row LIMIT ?",
        (tenant, after.position, after.row, *_places(end), *values, limit + 1),
    )
    letters = [_letter(row, wanted.state) for row in rows[:limit]]
    if end is not None and len(rows) <= limit:
        return FoundLetters(letters, end, more=True)
    reached = Place(letters[-1].position, letters[-1].row) if letters else None
    return FoundLetters(letters, reached, more=len(rows) > limit)


def count(db: Sql, tenant: str, wanted: LetterFilter, after: Place) -> tuple[list[LetterCause], Place | None]:
    """By cause, of the next few behind a place; and the place where it goes on, None at the end."""
    end = _horizon(db, tenant, after, COUNTED_AT_ONCE)
    where, values = _conditions(wanted)
    rows = db.execute(
        "SELECT connection, entity, field, reason, count(*), min(received_at), max(received_at) "  # noqa: S608 - only our own text
        f"FROM dead_letters d WHERE tenant = ? AND (position, row) > (?, ?){_upto(end)}{where} "
        "GROUP BY connection, entity, field, reason",
        (tenant, after.position, after.row, *_places(end), *values),
    )
    found = [
        LetterCause(connection, entity, field, reason, number, from_micros(oldest), from_micros(newest))
        for connection, entity, field, reason, number, oldest, newest in rows
    ]
    return found, end


def _horizon(db: Sql, tenant: str, after: Place, rows: int) -> Place | None:
    """How far one look at so many rows goes; None when that is to the end."""
    beyond = db.row(
        "SELECT position, row FROM dead_letters WHERE tenant = ? AND (position, row) > (?, ?) "
        "ORDER BY position, row LIMIT 1 OFFSET ?",
        (tenant, after.position, after.row, rows),
    )
    return None if beyond is None else Place(beyond[0], beyond[1] - 1)


def _upto(end: Place | None) -> str:
    return "" if end is None else " AND (position, row) <= (?, ?)"


def _places(end: Place | None) -> tuple[int, ...]:
    return () if end is None else (end.position, end.row)


def _conditions(wanted: LetterFilter) -> tuple[str, list[Value]]:
    conditions: list[tuple[str, Value]] = [
        ("connection = ?", wanted.connection or None),
        ("entity = ?", wanted.entity or None),
        ("run = ?", wanted.run or None),
        ("key = ?", wanted.key or None),
        ("field = ?", wanted.field or None),
        ("reason = ?", wanted.reason or None),
        ("received_at >= ?", wanted.since),
    ]
    given = [(condition, value) for condition, value in conditions if value is not None]
    where = "".join(f" AND {condition}" for condition, _ in given)
    return where + ("" if wanted.state is None else _STATES[wanted.state]), [value for _, value in given]


def _letter(row: Any, asked: DeadLetterState | None) -> DeadLetterRow:
    *same, received_at, is_open = row
    state = asked or (DeadLetterState.OPEN if is_open else DeadLetterState.SETTLED)
    return DeadLetterRow(*(*same, from_micros(received_at), state))
