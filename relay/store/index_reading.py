"""What is asked of the record index, in SQL."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from relay.store.base import (
    Deleted,
    Found,
    IndexedRecord,
    Place,
    RecordFilter,
    RunRow,
    Scope,
    from_micros,
)
from relay.store.sql import Sql

SCANNED_ROWS: Final = 200_000  # rows looked at for one page of a list; a rare match takes several pages
NEAR_ROWS: Final = (
    2_000  # within which most pages are full: to find the end of all that may be looked at costs more
)
KEYS_AT_ONCE: Final = 500  # of one statement
END: Final = Place(2**63 - 1, 0)


def find(db: Sql, tenant: str, entity: str, wanted: RecordFilter, after: Place, limit: int) -> Found:
    """One page in change order. Each scope is walked by itself and the walks are merged: no sort, no offset."""
    scopes = db.execute(
        "SELECT id, connection FROM scopes WHERE tenant = ?1 AND entity = ?2 AND (?3 = '' OR connection = ?3)",
        (tenant, entity, wanted.connection),
    )
    known = [scope for scope, _ in scopes]
    horizon = None if wanted.key or wanted.code else _horizon(db, known, after, min(NEAR_ROWS, SCANNED_ROWS))
    merged = _merged(db, scopes, wanted, after, horizon, limit)
    if horizon is not None and len(merged) <= limit:
        horizon = _horizon(db, known, after, SCANNED_ROWS)
        merged = _merged(db, scopes, wanted, after, horizon, limit)
    records = [_record(name, row) for name, row in merged[:limit]]
    if horizon is not None and len(merged) <= limit:
        return Found(records, horizon, more=True)
    return Found(records, records[-1].place if records else after, more=len(merged) > limit)


def _merged(
    db: Sql, scopes: Sequence[Any], wanted: RecordFilter, after: Place, horizon: Place | None, limit: int
) -> list[Any]:
    """Up to one more than asked for, which says that there is more; each with its connection."""
    pages = [
        [(name, row) for row in _walk(db, scope, wanted, after, horizon or END, limit + 1)]
        for scope, name in scopes
    ]
    return list(heapq.merge(*pages, key=lambda item: item[1][:2]))


def living(db: Sql, wanted: Mapping[Scope, Sequence[str]]) -> dict[Scope, set[str]]:
    """Of these keys, those of records that are here and not deleted."""
    return {scope: _living(db, scope, keys) for scope, keys in wanted.items()}


def _living(db: Sql, scope: Scope, keys: Sequence[str]) -> set[str]:
    scope_id = db.value(
        "SELECT id FROM scopes WHERE tenant = ? AND connection = ? AND entity = ?",
        (scope.tenant, scope.connection, scope.entity),
    )
    if scope_id is None:
        return set()
    found: set[str] = set()
    for first in range(0, len(keys), KEYS_AT_ONCE):
        some = keys[first : first + KEYS_AT_ONCE]
        marks = ", ".join("?" * len(some))
        rows = db.execute(
            f"SELECT key FROM records WHERE scope = ? AND key IN ({marks}) AND deleted_at IS NULL",  # noqa: S608 - only our own text
            (scope_id, *some),
        )
        found.update(key for (key,) in rows)
    return found


def _horizon(db: Sql, scopes: list[int], after: Place, rows: int) -> Place | None:
    """How far one page may look; None when the end is nearer than so many rows."""
    ends = [
        db.row(
            "SELECT position, row FROM records WHERE scope = ? AND (position, row) > (?, ?) "
            "ORDER BY position, row LIMIT 1 OFFSET ?",
            (scope, after.position, after.row, rows),
        )
        for scope in scopes
    ]
    return min((Place(*end) for end in ends if end is not None), default=None)


def _walk(db: Sql, scope: int, wanted: RecordFilter, after: Place, horizon: Place, limit: int) -> list[Any]:
    where, values = _conditions(wanted)
    query = (
        "SELECT position, row, key, doc_position, doc_row, deleted_at FROM records "  # noqa: S608 - only our own text
        f"WHERE scope = ? AND (position, row) > (?, ?) AND (position, row) <= (?, ?){where} "
        "ORDER BY position, row LIMIT ?"
    )
    bound = (scope, after.position, after.row, horizon.position, horizon.row, *values, limit)
    return db.execute(query, bound)


def _conditions(wanted: RecordFilter) -> tuple[str, list[str | int]]:
    conditions: list[tuple[str, str | int | None]] = [
        ("key = ?", wanted.key or None),
        ("code = ?", wanted.code or None),
        ("status = ?", wanted.status or None),
        ("vendor_key = ?", wanted.vendor_key or None),
        ("updated_at > ?", wanted.updated_after),
    ]
    given = [(condition, value) for condition, value in conditions if value is not None]
    where = "".join(f" AND {condition}" for condition, _ in given)
    if wanted.deleted is not Deleted.INCLUDE:
        where += f" AND deleted_at IS {'NOT ' if wanted.deleted is Deleted.ONLY else ''}NULL"
    return where, [value for _, value in given]


def _record(connection: str, row: Any) -> IndexedRecord:
    position, number, key, doc_position, doc_row, deleted_at = row
    place = Place(position, number)
    if deleted_at is None:
        return IndexedRecord(place, connection, key, place, None)
    document = None if doc_position is None else Place(doc_position, doc_row)
    return IndexedRecord(place, connection, key, document, from_micros(deleted_at))


_RUN = "SELECT position, tenant, connection, stream, entity, run, status, started_at, report FROM runs"


def runs(db: Sql, tenant: str, connection: str, status: str, before: str, limit: int) -> list[RunRow]:
    """Newest first."""
    rows = db.execute(
        f"{_RUN} WHERE tenant = ?1 AND (?2 = '' OR connection = ?2) AND (?3 = '' OR status = ?3) "
        "AND (?4 = '' OR run < ?4) ORDER BY run DESC LIMIT ?5",
        (tenant, connection, status, before, limit),
    )
    return [_run(row) for row in rows]


def run(db: Sql, tenant: str, run_id: str) -> RunRow | None:
    row = db.row(f"{_RUN} WHERE tenant = ? AND run = ?", (tenant, run_id))
    return None if row is None else _run(row)


def last_runs(db: Sql, tenant: str, connection: str) -> list[RunRow]:
    rows = db.execute(
        f"{_RUN} WHERE tenant = ? AND run IN "  # noqa: S608 - only our own text
        "(SELECT max(run) FROM runs WHERE tenant = ? AND connection = ? GROUP BY stream) ORDER BY stream",
        (tenant, tenant, connection),
    )
    return [_run(row) for row in rows]


def _run(row: Any) -> RunRow:
    *same, report = row
    return RunRow(*(*same, orjson.loads(report)))
