"""The store of record in PostgreSQL, which several relays may share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from typing import Final, TypeVar

from agent.errors import GroundwireError, StorageDamaged
from relay.store import batches
from relay.store.base import Appended, Batch, NewBatch
from relay.store.postgresql import parts
from relay.store.postgresql.address import Address
from relay.store.postgresql.lanes import Lane, Readers
from relay.store.postgresql.opening import prepare
from relay.store.sql import Sql
from relay.store.sqlstore import SqlStore

T = TypeVar("T")

READERS: Final = 4  # connections for reading


class PostgresEngine:
    def __init__(self, address: Address) -> None:
        self._readers = Readers(address, READERS)
        self._writing = Lane(address, "records")

    async def read(self, work: Callable[[Sql], T]) -> T:
        return await self._readers.read(work)

    async def recall(self, name: Hashable, work: Callable[[Sql], T]) -> T:  # noqa: ARG002 - other relays write too
        return await self._readers.read(work)

    async def write(self, work: Callable[[Sql], T]) -> T:
        return await self._writing.write(work)

    def abandon(self) -> None:
        self._writing.abandon()
        self._readers.abandon()

    async def aclose(self) -> None:
        await self._writing.aclose()
        await self._readers.aclose()


class PostgresStore(SqlStore):
    """Use `open`. Batches are appended in a lane of their own: nothing else waits for their bytes."""

    def __init__(self, address: Address) -> None:
        self._engine = PostgresEngine(address)
        super().__init__(self._engine)
        self._appending = Lane(address, "batches", repeatable=True)

    @classmethod
    async def open(cls, address: Address) -> PostgresStore:
        """Raises GroundwireError."""
        await asyncio.to_thread(prepare, address)
        return cls(address)

    def abandon(self) -> None:
        self._appending.abandon()
        self._engine.abandon()

    async def aclose(self) -> None:
        await self._appending.aclose()
        await self._engine.aclose()

    async def failure(self) -> GroundwireError:
        """Nothing that befalls a database is for ever: it is waited out."""
        return await asyncio.get_running_loop().create_future()

    async def batch(self, position: int) -> Batch | None:
        try:
            return await super().batch(position)
        except StorageDamaged:
            # Its payload lies in pages of its own; what stands before it may be read all the same.
            return await self._engine.read(lambda db: batches.without_payload(db, position))

    async def append_batches(self, new: Sequence[NewBatch]) -> list[Appended]:
        return await self._appending.write(lambda db: self._append_in_parts(db, new))

    def _append_in_parts(self, db: Sql, new: Sequence[NewBatch]) -> list[Appended]:
        parts.make_ahead(db, len(new))
        return self._append(db, new)

    def opening(self, db: Sql) -> str:
        """A server that began anew may hold a copy, and so may tables that were made anew while it ran."""
        return str(
            db.value(
                "SELECT extract(epoch FROM pg_postmaster_start_time())::text || '/' || 'eras'::regclass::oid::text"
            )
        )
