"""The embedded store of record: one SQLite file that this process alone may open."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import apsw

from agent.errors import GroundwireError
from relay.store import batches
from relay.store.base import Batch
from relay.store.database import Database
from relay.store.migrating import Dialect, migrations
from relay.store.opening import FileKind
from relay.store.sqlite_sql import SqliteEngine, SqliteSql
from relay.store.sqlstore import SqlStore

STORE_FILE: Final = FileKind(
    migrations=migrations(Dialect.SQLITE),
    checked=("tenants", "tokens", "codes", "agents", "connections", "streams", "commands"),
    durable=True,
    alone=True,
)


class SqliteStore(SqlStore):
    def __init__(self, database: Database) -> None:
        super().__init__(SqliteEngine(database))
        self.database = database

    @classmethod
    async def open(cls, path: Path, *, vfs: str | None = None) -> SqliteStore:
        return cls(await Database.open(path, STORE_FILE, vfs=vfs))

    async def aclose(self) -> None:
        await self.database.aclose()

    async def failure(self) -> GroundwireError:
        """Wait for the error of the disk after which nothing more is written, and return it; most wait in vain."""
        return await self.database.failure()

    async def batch(self, position: int) -> Batch | None:
        return await self.database.read(lambda connection: _batch(connection, position))


def _batch(connection: apsw.Connection, position: int) -> Batch | None:
    sql = SqliteSql(connection)
    try:
        return batches.batch(sql, position)
    except apsw.CorruptError:
        # The pages of its payload lead nowhere; what stands before it may be read all the same.
        return batches.without_payload(sql, position)
