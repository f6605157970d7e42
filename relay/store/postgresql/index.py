"""The record index in PostgreSQL, in a schema apart from the store's.

It can be made again, so its commits do not wait for the disk. Rows come by COPY into a table of the session and from
there into the index by one statement.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

import psycopg

from relay.store import index_writing
from relay.store.base import (
    Changes,
    Found,
    FoundLetters,
    LetterFilter,
    Place,
    RecordColumns,
    RecordFilter,
    RemovedKeys,
    Scope,
)
from relay.store.postgresql.address import Address
from relay.store.postgresql.bounded import bounded
from relay.store.postgresql.faults import translate
from relay.store.postgresql.lanes import Lane, Readers
from relay.store.postgresql.opening import make_index
from relay.store.postgresql.session import connect
from relay.store.sql import Parameters, Sql
from relay.store.sqlindex import SqlRecordIndex

T = TypeVar("T")

READERS: Final = 4  # connections for reading


class PostgresRecordIndex(SqlRecordIndex):
    """Use after the store of the same address was opened, which makes its tables."""

    def __init__(self, address: Address) -> None:
        super().__init__()
        self._address = address
        own = replace(address, schema=address.index_schema)
        self._readers = Readers(own, READERS, locked=index_writing.TABLES)
        self._lane = Lane(own, "index", repeatable=True, durable=False)

    def abandon(self) -> None:
        self._lane.abandon()
        self._readers.abandon()

    async def aclose(self) -> None:
        await self._lane.aclose()
        await self._readers.aclose()

    async def remake(self) -> None:
        """Put an empty index in the place of a damaged one."""
        await asyncio.to_thread(_remake, self._address)
        self.damaged = False

    async def find(self, tenant: str, entity: str, wanted: RecordFilter, after: Place, limit: int) -> Found:
        asked = replace(wanted, key=bounded(wanted.key), code=bounded(wanted.code))
        return await super().find(tenant, entity, asked, after, limit)

    async def living(self, wanted: Mapping[Scope, Sequence[str]]) -> dict[Scope, set[str]]:
        asked = {scope: {bounded(key): key for key in keys} for scope, keys in wanted.items()}
        found = await super().living({scope: list(keys) for scope, keys in asked.items()})
        return {scope: {asked[scope][key] for key in keys} for scope, keys in found.items()}

    async def dead_letters(
        self, tenant: str, wanted: LetterFilter, *, after: Place, limit: int
    ) -> FoundLetters:
        asked = replace(wanted, key=bounded(wanted.key))
        return await super().dead_letters(tenant, asked, after=after, limit=limit)

    async def _reading(self, work: Callable[[Sql], T]) -> T:
        return await self._readers.read(work)

    async def _writing(self, work: Callable[[Sql], T]) -> T:
        return await self._lane.write(work)

    def _apply(self, db: Sql, changes: Changes) -> None:
        db.execute(_INCOMING)
        letters = tuple(replace(letter, key=bounded(letter.key)) for letter in changes.dead_letters)
        index_writing.apply(db, replace(changes, dead_letters=letters), put=_put, remove=_remove)

    def _reset(self, db: Sql) -> None:
        db.execute(f"TRUNCATE {', '.join(index_writing.TABLES)}")
        db.execute("UPDATE progress SET position = 0")


def _remake(address: Address) -> None:
    with connect(address) as connection:
        try:
            make_index(connection, address, anew=True)
        except psycopg.Error as error:
            raise translate(error, address) from error


_INCOMING: Final = """
CREATE TEMPORARY TABLE IF NOT EXISTS incoming (
  row BIGINT, key TEXT COLLATE "C", code TEXT COLLATE "C", status TEXT COLLATE "C", vendor_key TEXT COLLATE "C",
  updated_at BIGINT
) ON COMMIT DELETE ROWS
"""
_COLUMNS: Final = {"row": int, "key": str, "code": str, "status": str, "vendor_key": str, "updated_at": int}
# A key may be twice in a batch: its last row counts.
_NEWEST: Final = "(SELECT DISTINCT ON (key) * FROM incoming ORDER BY key, row DESC)"
_PUT: Final = f"""
INSERT INTO records (scope, position, row, key, code, status, vendor_key, updated_at)
SELECT ?, ?, i.row, i.key, i.code, i.status, i.vendor_key, i.updated_at FROM {_NEWEST} i
ON CONFLICT (scope, key) DO UPDATE SET position = excluded.position, row = excluded.row, code = excluded.code,
status = excluded.status, vendor_key = excluded.vendor_key, updated_at = excluded.updated_at,
deleted_at = NULL, doc_position = NULL, doc_row = NULL
"""  # noqa: S608 - only our own text
_REMOVE: Final = f"""
INSERT INTO records (scope, position, row, key, code, status, vendor_key, updated_at, deleted_at, doc_position, doc_row)
SELECT ?1::bigint, ?2::bigint, i.row, i.key, r.code, r.status, r.vendor_key, i.updated_at, i.updated_at,
CASE WHEN r.deleted_at IS NULL THEN r.position ELSE r.doc_position END,
CASE WHEN r.deleted_at IS NULL THEN r.row ELSE r.doc_row END
FROM {_NEWEST} i LEFT JOIN records r ON r.scope = ?1 AND r.key = i.key
ON CONFLICT (scope, key) DO UPDATE SET position = excluded.position, row = excluded.row,
updated_at = excluded.updated_at, deleted_at = excluded.deleted_at,
doc_position = excluded.doc_position, doc_row = excluded.doc_row
"""  # noqa: S608 - only our own text


def _put(db: Sql, scope: int, change: RecordColumns) -> None:
    _receive(
        db,
        zip(
            range(len(change.keys)), map(bounded, change.keys),
            (None if code is None else bounded(code) for code in change.codes),
            change.statuses, change.vendor_keys, change.updated_at, strict=True,
        ),
    )  # fmt: skip
    db.execute(_PUT, (scope, change.position))


def _remove(db: Sql, scope: int, change: RemovedKeys) -> None:
    _receive(
        db, ((row, bounded(key), None, None, None, change.deleted_at) for row, key in enumerate(change.keys))
    )
    db.execute(_REMOVE, (scope, change.position))


def _receive(db: Sql, rows: Iterable[Parameters]) -> None:
    db.execute("DELETE FROM incoming")
    db.load("incoming", _COLUMNS, rows)
