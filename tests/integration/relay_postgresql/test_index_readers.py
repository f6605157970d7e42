"""The record index in PostgreSQL: what its readers see while it is emptied, and what its tables would not take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256

import psycopg
import pytest

from relay.store.base import (
    Changes,
    DeadLetterRow,
    IndexIncomplete,
    Place,
    RecordColumns,
    RecordFilter,
    RemovedKeys,
    Scope,
)
from relay.store.postgresql.address import Address
from relay.store.postgresql.index import PostgresRecordIndex
from relay.store.postgresql.opening import prepare
from relay.store.postgresql.store import PostgresStore
from tests.integration.relay_postgresql.databases import Databases
from tests.unit.relay.making import NOW, Sender, enrolled, orders

SCOPE = Scope("acme", "erp", "purchase_order")


@asynccontextmanager
async def an_index(address: Address) -> AsyncIterator[PostgresRecordIndex]:
    prepare(address)
    index = PostgresRecordIndex(address)
    try:
        yield index
    finally:
        await index.aclose()


def number_text() -> str:
    """Does not become shorter by compression."""
    return "".join(sha256(str(number).encode()).hexdigest() for number in range(60))


def changed(*keys: str, code: str | None = None) -> Changes:
    rows = len(keys)
    nothing: list[str | None] = [None] * rows
    columns = RecordColumns(1, SCOPE, list(keys), [code] * rows, nothing, nothing, [0] * rows)
    return Changes(1, (columns,))


async def test_a_reader_that_waits_while_the_index_is_emptied_is_told_to_wait(
    address: Address, databases: Databases
) -> None:
    async with an_index(address) as index:
        await index.apply(changed("1"))
        with psycopg.connect(**address.parameters) as other:  # as another relay's materialiser does it
            other.execute(f"SET search_path = {address.index_schema}".encode())
            other.execute("TRUNCATE records, runs, dead_letters, scopes")
            other.execute("UPDATE progress SET position = 0, complete_at = 1")
            asked = asyncio.ensure_future(
                index.find("acme", "purchase_order", RecordFilter(), Place(), limit=10)
            )
            await asyncio.to_thread(databases.until_somebody_waits, address)
        with pytest.raises(IndexIncomplete):
            await asked


async def test_a_key_too_long_for_the_database_holds_nobody_up_and_is_found(address: Address) -> None:
    """Such as one of a source whose keys are made of long texts; `code` and the key of a dead letter likewise."""
    long, other = (f"{name}{number_text()}" for name in "ab")
    letter = DeadLetterRow(2, 0, "acme", "erp", "orders", "purchase_order", "run", other, "", "", "", NOW)
    async with an_index(address) as index:
        await index.apply(replace(changed(long, "2", code=long), dead_letters=(letter,)))

        found = await index.find("acme", "purchase_order", RecordFilter(key=long, code=long), Place(), 10)

        assert [record.place.row for record in found.records] == [0]
        assert await index.living({SCOPE: [long, other]}) == {SCOPE: {long}}
        await index.apply(Changes(2, (RemovedKeys(2, SCOPE, [long], 5),)))
        assert await index.living({SCOPE: [long]}) == {SCOPE: set()}


async def test_an_index_made_anew_shows_nothing_before_it_shows_all(address: Address) -> None:
    async with an_index(address) as index:
        store = await PostgresStore.open(address)
        try:
            sender = Sender(await enrolled(store))
            await store.append_batches([sender.batch(orders(["1"]))])
        finally:
            await store.aclose()

        await index.remake()

        with pytest.raises(IndexIncomplete):
            await index.find("acme", "purchase_order", RecordFilter(), Place(), limit=10)
