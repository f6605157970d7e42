"""The embedded record index: a SQLite file apart from the store, so that writing it never waits on an ack's commit.

Losing its newest commits costs only work, hence `synchronous=NORMAL`. One connection writes, one reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from itertools import repeat
from pathlib import Path
from typing import Final, TypeVar

import orjson
import structlog

from agent.errors import StorageDamaged, VersionMismatch
from relay.store import index_reading as reading
from relay.store.base import (
    Changes,
    DeadLetterRow,
    Found,
    Place,
    RecordColumns,
    RecordFilter,
    RemovedKeys,
    RunRow,
    Scope,
    to_micros,
)
from relay.store.database import Database
from relay.store.migrating import Migration
from relay.store.opening import FileKind, log_of
from relay.store.sql import Sql
from relay.store.sqlite_sql import SqliteEngine

T = TypeVar("T")

log = structlog.get_logger()

INDEX_FILE: Final = FileKind(
    migrations=(Migration(1, "index", files("relay.store").joinpath("index.sql").read_text("utf-8")),),
    checked=("progress", "scopes"),
    durable=False,
    alone=False,
)


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

    async def _read(self, work: Callable[[Sql], T]) -> T:
        with self._noting_damage():
            return await SqliteEngine(self._reader).read(work)

    async def _write(self, work: Callable[[Sql], T]) -> T:
        with self._noting_damage():
            return await SqliteEngine(self._writer).write(work)

    @contextmanager
    def _noting_damage(self) -> Iterator[None]:
        try:
            yield
        except StorageDamaged:
            self.damaged = True
            self.on_damage()
            raise

    async def find(self, tenant: str, entity: str, wanted: RecordFilter, after: Place, limit: int) -> Found:
        return await self._read(lambda db: reading.find(db, tenant, entity, wanted, after, limit))

    async def living(self, wanted: Mapping[Scope, Sequence[str]]) -> dict[Scope, set[str]]:
        return await self._read(lambda db: reading.living(db, wanted))

    async def runs(
        self, tenant: str, *, connection: str, status: str, before: str, limit: int
    ) -> list[RunRow]:
        return await self._read(lambda db: reading.runs(db, tenant, connection, status, before, limit))

    async def run(self, tenant: str, run: str) -> RunRow | None:
        return await self._read(lambda db: reading.run(db, tenant, run))

    async def last_runs(self, tenant: str, connection: str) -> list[RunRow]:
        return await self._read(lambda db: reading.last_runs(db, tenant, connection))

    async def dead_letters(
        self, tenant: str, *, connection: str, after: Place, limit: int
    ) -> list[DeadLetterRow]:
        return await self._read(lambda db: reading.dead_letters(db, tenant, connection, after, limit))


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


def _position(db: Sql) -> int:
    return int(db.value("SELECT position FROM progress"))


def _reset(db: Sql) -> None:
    for table in ("records", "runs", "dead_letters", "scopes"):
        db.execute(f"DELETE FROM {table}")  # noqa: S608 - only our own text
    db.execute("UPDATE progress SET position = 0")


def _apply(db: Sql, changes: Changes) -> None:
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


def _scope_id(db: Sql, scope: Scope) -> int:
    names = (scope.tenant, scope.connection, scope.entity)
    db.execute(
        "INSERT INTO scopes (tenant, connection, entity) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", names
    )
    return int(db.value("SELECT id FROM scopes WHERE tenant = ? AND connection = ? AND entity = ?", names))


def _put(db: Sql, scope: int, change: RecordColumns) -> None:
    rows = len(change.keys)
    # REPLACE takes the key's older row out through the unique index: the newest version is the only one.
    db.change_many(
        "INSERT OR REPLACE INTO records (scope, position, row, key, code, status, vendor_key, updated_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        zip(
            repeat(scope, rows),
            repeat(change.position, rows),
            range(rows), change.keys, change.codes, change.statuses, change.vendor_keys,
            change.updated_at, strict=True,
        ),
    )  # fmt: skip


def _remove(db: Sql, scope: int, change: RemovedKeys) -> None:
    db.change_many(
        "INSERT OR REPLACE INTO records (scope, position, row, key, code, status, vendor_key, updated_at, "
        "deleted_at, doc_position, doc_row) "
        "SELECT ?1, ?2, ?4, ?5, r.code, r.status, r.vendor_key, ?3, ?3, "
        "CASE WHEN r.deleted_at IS NULL THEN r.position ELSE r.doc_position END, "
        "CASE WHEN r.deleted_at IS NULL THEN r.row ELSE r.doc_row END "
        "FROM (SELECT 1) LEFT JOIN records r ON r.scope = ?1 AND r.key = ?5",
        ((scope, change.position, change.deleted_at, row, key) for row, key in enumerate(change.keys)),
    )


def _put_runs(db: Sql, rows: list[RunRow]) -> None:
    db.change_many(
        "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                row.tenant, row.run, row.connection, row.stream, row.entity, row.status, row.started_at,
                row.position, orjson.dumps(row.report).decode(),
            )
            for row in rows
        ],
    )  # fmt: skip


def _put_dead_letters(db: Sql, rows: list[DeadLetterRow]) -> None:
    db.change_many(
        "INSERT OR REPLACE INTO dead_letters VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                row.position, row.row, row.tenant, row.connection, row.stream, row.entity, row.run, row.key,
                row.field, row.reason, row.message, to_micros(row.received_at),
            )
            for row in rows
        ],
    )  # fmt: skip
