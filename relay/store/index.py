"""The embedded record index: a SQLite file apart from the store, so that writing it never waits on an ack's commit.

Losing its newest commits costs only work, hence `synchronous=NORMAL`. One connection writes, one reads.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw
import orjson
import structlog

from agent.errors import StorageDamaged, VersionMismatch
from relay.store.base import (
    Changes,
    DeadLetterRow,
    Deleted,
    Found,
    IndexedRecord,
    Place,
    RecordColumns,
    RecordFilter,
    RemovedKeys,
    RunRow,
    Scope,
    from_micros,
    to_micros,
)
from relay.store.database import Database
from relay.store.opening import FileKind, log_of

T = TypeVar("T")

log = structlog.get_logger()

INDEX_FILE: Final = FileKind(
    ("index.sql",), first=1, checked=("progress", "scopes"), durable=False, alone=False
)
SCANNED_ROWS: Final = 200_000  # rows looked at for one page of a list; a rare match takes several pages
END: Final = Place(2**63 - 1, 0)


class SqliteRecordIndex:
    def __init__(self, path: Path, writer: Database, reader: Database) -> None:
        self._path = path
        self._writer = writer
        self._reader = reader
        self.damaged = False  # something of it could not be read: `remake` is due
        self.on_damage: Callable[[], None] = _nobody_listens

    @classmethod
    async def open(cls, path: Path) -> SqliteRecordIndex:
        """Open it, or make it anew: it holds nothing of its own."""
        try:
            return cls(path, *await _open_both(path))
        except (StorageDamaged, VersionMismatch) as error:
            log.warning("index_made_anew", error=str(error))
            _delete_files(path)
            return cls(path, *await _open_both(path))

    async def aclose(self) -> None:
        await self._reader.aclose()
        await self._writer.aclose()

    async def remake(self) -> None:
        """Put an empty index in the place of a damaged one."""
        await self.aclose()
        _delete_files(self._path)
        self._writer, self._reader = await _open_both(self._path)
        self.damaged = False

    async def position(self) -> int:
        return await self._read(_position)

    async def apply(self, changes: Changes) -> None:
        await self._write(lambda db: _apply(db, changes))

    async def reset(self) -> None:
        await self._write(_reset)

    async def _read(self, work: Callable[[apsw.Connection], T]) -> T:
        with self._noting_damage():
            return await self._reader.read(work)

    async def _write(self, work: Callable[[apsw.Connection], T]) -> T:
        with self._noting_damage():
            return await self._writer.write(work)

    @contextmanager
    def _noting_damage(self) -> Iterator[None]:
        try:
            yield
        except StorageDamaged:
            self.damaged = True
            self.on_damage()
            raise

    async def find(self, tenant: str, entity: str, wanted: RecordFilter, after: Place, limit: int) -> Found:
        return await self._read(lambda db: _find(db, tenant, entity, wanted, after, limit))

    async def runs(
        self, tenant: str, *, connection: str, status: str, before: str, limit: int
    ) -> list[RunRow]:
        return await self._read(lambda db: _runs(db, tenant, connection, status, before, limit))

    async def run(self, tenant: str, run: str) -> RunRow | None:
        found = await self._read(
            lambda db: db.execute(f"{_RUN} WHERE tenant = ? AND run = ?", (tenant, run)).fetchone()
        )
        return None if found is None else _run(found)

    async def last_runs(self, tenant: str, connection: str) -> list[RunRow]:
        return await self._read(lambda db: _last_runs(db, tenant, connection))

    async def dead_letters(
        self, tenant: str, *, connection: str, after: Place, limit: int
    ) -> list[DeadLetterRow]:
        return await self._read(lambda db: _dead_letters(db, tenant, connection, after, limit))


async def _open_both(path: Path) -> tuple[Database, Database]:
    writer = await Database.open(path, INDEX_FILE)
    try:
        return writer, await Database.open(path, INDEX_FILE)
    except BaseException:
        await writer.aclose()
        raise


def _delete_files(path: Path) -> None:
    for file in (path, log_of(path), path.with_name(f"{path.name}-shm")):
        file.unlink(missing_ok=True)


def _nobody_listens() -> None:
    return


def _position(db: apsw.Connection) -> int:
    return int(db.execute("SELECT position FROM progress").get)


def _reset(db: apsw.Connection) -> None:
    for table in ("records", "runs", "dead_letters", "scopes"):
        db.execute(f"DELETE FROM {table}")  # noqa: S608 - only our own text
    db.execute("UPDATE progress SET position = 0")


def _apply(db: apsw.Connection, changes: Changes) -> None:
    done = _position(db)
    for change in changes.records:
        if change.position <= done:
            continue
        scope = _scope_id(db, change.scope)
        if isinstance(change, RecordColumns):
            _put(db, scope, change)
        else:
            _remove(db, scope, change)
    _put_runs(db, [row for row in changes.runs if row.position > done])
    _put_dead_letters(db, [row for row in changes.dead_letters if row.position > done])
    db.execute("UPDATE progress SET position = max(position, ?)", (changes.upto,))


def _scope_id(db: apsw.Connection, scope: Scope) -> int:
    names = (scope.tenant, scope.connection, scope.entity)
    db.execute(
        "INSERT INTO scopes (tenant, connection, entity) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", names
    )
    return int(
        db.execute("SELECT id FROM scopes WHERE tenant = ? AND connection = ? AND entity = ?", names).get
    )


def _put(db: apsw.Connection, scope: int, change: RecordColumns) -> None:
    rows = len(change.keys)
    # REPLACE takes the key's older row out through the unique index: the newest version is the only one.
    db.executemany(
        "INSERT OR REPLACE INTO records (scope, position, row, key, code, status, vendor_key, updated_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        zip(
            repeat(scope, rows),
            repeat(change.position, rows),
            range(rows), change.keys, change.codes, change.statuses, change.vendor_keys,
            change.updated_at, strict=True,
        ),
    )  # fmt: skip


def _remove(db: apsw.Connection, scope: int, change: RemovedKeys) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO records (scope, position, row, key, code, status, vendor_key, updated_at, "
        "deleted_at, doc_position, doc_row) "
        "SELECT ?1, ?2, ?4, ?5, r.code, r.status, r.vendor_key, ?3, ?3, "
        "CASE WHEN r.deleted_at IS NULL THEN r.position ELSE r.doc_position END, "
        "CASE WHEN r.deleted_at IS NULL THEN r.row ELSE r.doc_row END "
        "FROM (SELECT 1) LEFT JOIN records r ON r.scope = ?1 AND r.key = ?5",
        ((scope, change.position, change.deleted_at, row, key) for row, key in enumerate(change.keys)),
    )


def _put_runs(db: apsw.Connection, rows: list[RunRow]) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                row.tenant, row.run, row.connection, row.stream, row.entity, row.status, row.started_at,
                row.position, orjson.dumps(row.report).decode(),
            )
            for row in rows
        ],
    )  # fmt: skip


def _put_dead_letters(db: apsw.Connection, rows: list[DeadLetterRow]) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO dead_letters VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                row.position, row.row, row.tenant, row.connection, row.stream, row.entity, row.run, row.key,
                row.field, row.reason, row.message, to_micros(row.received_at),
            )
            for row in rows
        ],
    )  # fmt: skip


def _find(
    db: apsw.Connection, tenant: str, entity: str, wanted: RecordFilter, after: Place, limit: int
) -> Found:
    """One page in change order. Each scope is walked by itself and the walks are merged: no sort, no offset."""
    scopes: list[Any] = db.execute(
        "SELECT id, connection FROM scopes WHERE tenant = ?1 AND entity = ?2 AND (?3 = '' OR connection = ?3)",
        (tenant, entity, wanted.connection),
    ).fetchall()
    horizon = None if wanted.key or wanted.code else _horizon(db, [scope for scope, _ in scopes], after)
    pages = [
        [(name, row) for row in _walk(db, scope, wanted, after, horizon or END, limit + 1)]
        for scope, name in scopes
    ]
    merged = list(heapq.merge(*pages, key=lambda item: item[1][:2]))
    records = [_record(name, row) for name, row in merged[:limit]]
    if horizon is not None and len(merged) <= limit:
        return Found(records, horizon, more=True)
    return Found(records, records[-1].place if records else after, more=len(merged) > limit)


def _horizon(db: apsw.Connection, scopes: list[int], after: Place) -> Place | None:
    """How far one page may look; None when the end is nearer."""
    ends = [
        db.execute(
            "SELECT position, row FROM records WHERE scope = ? AND (position, row) > (?, ?) "
            "ORDER BY position, row LIMIT 1 OFFSET ?",
            (scope, after.position, after.row, SCANNED_ROWS),
        ).fetchone()
        for scope in scopes
    ]
    return min((Place(*end) for end in ends if end is not None), default=None)


def _walk(
    db: apsw.Connection, scope: int, wanted: RecordFilter, after: Place, horizon: Place, limit: int
) -> list[Any]:
    where, values = _conditions(wanted)
    query = (
        "SELECT position, row, key, doc_position, doc_row, deleted_at FROM records "  # noqa: S608 - only our own text
        f"WHERE scope = ? AND (position, row) > (?, ?) AND (position, row) <= (?, ?){where} "
        "ORDER BY position, row LIMIT ?"
    )
    bound = (scope, after.position, after.row, horizon.position, horizon.row, *values, limit)
    return db.execute(query, bound).fetchall()


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


def _runs(
    db: apsw.Connection, tenant: str, connection: str, status: str, before: str, limit: int
) -> list[RunRow]:
    """Newest first."""
    rows = db.execute(
        f"{_RUN} WHERE tenant = ?1 AND (?2 = '' OR connection = ?2) AND (?3 = '' OR status = ?3) "
        "AND (?4 = '' OR run < ?4) ORDER BY run DESC LIMIT ?5",
        (tenant, connection, status, before, limit),
    )
    return [_run(row) for row in rows]


def _last_runs(db: apsw.Connection, tenant: str, connection: str) -> list[RunRow]:
    rows = db.execute(
        f"{_RUN} WHERE tenant = ? AND run IN "  # noqa: S608 - only our own text
        "(SELECT max(run) FROM runs WHERE tenant = ? AND connection = ? GROUP BY stream) ORDER BY stream",
        (tenant, tenant, connection),
    )
    return [_run(row) for row in rows]


def _run(row: Any) -> RunRow:
    *same, report = row
    return RunRow(*(*same, orjson.loads(report)))


# A letter is settled once its record, or its tombstone, has come behind it.
_PASSED: Final = (
    "EXISTS (SELECT 1 FROM scopes s JOIN records r ON r.scope = s.id AND r.key = d.key WHERE s.tenant = d.tenant "
    "AND s.connection = d.connection AND s.entity = d.entity AND r.position > d.position)"
)
_REPEATED: Final = (
    "EXISTS (SELECT 1 FROM dead_letters n WHERE n.tenant = d.tenant AND n.connection = d.connection "
    "AND n.entity = d.entity AND n.key = d.key AND n.position > d.position)"
)


def _dead_letters(
    db: apsw.Connection, tenant: str, connection: str, after: Place, limit: int
) -> list[DeadLetterRow]:
    rows = db.execute(
        "SELECT position, row, tenant, connection, stream, entity, run, key, field, reason, message, received_at "  # noqa: S608 - only our own text
        f"FROM dead_letters d WHERE tenant = ?1 AND (?2 = '' OR connection = ?2) AND (position, row) > (?3, ?4) "
        f"AND (key = '' OR NOT ({_PASSED} OR {_REPEATED})) ORDER BY position, row LIMIT ?5",
        (tenant, connection, after.position, after.row, limit),
    )
    return [_dead_letter(row) for row in rows]


def _dead_letter(row: Any) -> DeadLetterRow:
    *same, received_at = row
    return DeadLetterRow(*(*same, from_micros(received_at)))
