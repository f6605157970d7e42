"""The embedded record index: a SQLite file apart from the store, so that writing it never waits on an ack's commit.

Losing its newest commits costs only work, hence `synchronous=NORMAL`. One connection writes, one reads.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from itertools import repeat
from pathlib import Path
from typing import Final, TypeVar

import structlog

from agent.errors import StorageDamaged, VersionMismatch
from relay.store import index_writing
from relay.store.base import (
    Changes,
    RecordColumns,
    RemovedKeys,
)
from relay.store.database import Database
from relay.store.migrating import Migration
from relay.store.opening import FileKind, log_of
from relay.store.sql import Sql
from relay.store.sqlindex import SqlRecordIndex
from relay.store.sqlite_sql import SqliteEngine

T = TypeVar("T")

log = structlog.get_logger()

INDEX_FILE: Final = FileKind(
    migrations=tuple(
        Migration(number, name, files("relay.store").joinpath(f"{name}.sql").read_text("utf-8"))
        for number, name in enumerate(("index", "index_2"), start=1)
    ),
    checked=("progress", "scopes"),
    durable=False,
    alone=False,
)


class SqliteRecordIndex(SqlRecordIndex):
    def __init__(self, path: Path, writer: Database, reader: Database) -> None:
        super().__init__()
        self._path = path
        self._writer = writer
        self._reader = reader

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

    async def _reading(self, work: Callable[[Sql], T]) -> T:
        return await SqliteEngine(self._reader).read(work)

    async def _keeping(self, work: Callable[[Sql], T]) -> T:
        return await SqliteEngine(self._writer).read(work)

    async def _writing(self, work: Callable[[Sql], T]) -> T:
        return await SqliteEngine(self._writer).write(work)

    def _apply(self, db: Sql, changes: Changes) -> None:
        index_writing.apply(db, changes, put=_put, remove=_remove)

    def _reset(self, db: Sql) -> None:
        index_writing.reset(db)


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
