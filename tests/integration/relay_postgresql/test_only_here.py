"""What only a store in PostgreSQL meets: other relays beside it, lost connections, errors of the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agent.clock import ManualClock, SystemClock
from agent.errors import NotPermitted, StorageFull
from relay.ingest import Ingest
from relay.store.base import AppendOutcome, Place, RecordFilter, Tenant
from relay.store.postgresql import parts
from relay.store.postgresql.address import Address
from relay.store.postgresql.index import PostgresRecordIndex
from relay.store.postgresql.session import Session
from relay.store.postgresql.store import PostgresStore
from relay.store.sql import Sql
from tests.integration.relay_postgresql.databases import Databases
from tests.unit.relay.making import NOW, Sender, enrolled, orders

NEW_TENANT = "INSERT INTO tenants (id, created_at) VALUES (?, 1)"


@asynccontextmanager
async def relays(address: Address, count: int) -> AsyncIterator[list[PostgresStore]]:
    """As many relays over one database."""
    async with AsyncExitStack() as stack:
        stores = []
        for _ in range(count):
            stores.append(await PostgresStore.open(address))
            stack.push_async_callback(stores[-1].aclose)
        yield stores


async def test_who_has_seen_a_position_never_meets_a_smaller_one_later(address: Address) -> None:
    async with relays(address, 5) as (reader, *writers):
        senders = [Sender(await enrolled(reader, name=f"a{number}")) for number in range(len(writers))]
        batch, seen, done = orders(["1"]), [0], asyncio.Event()
        await reader.append_batches([senders[0].batch(batch)])

        async def write(store: PostgresStore, sender: Sender) -> None:
            for _ in range(25):
                await store.append_batches([sender.batch(batch)])

        async def read() -> None:
            while not done.is_set():
                seen.extend(header.position for header in await reader.headers(seen[-1], 1_000))

        reading = asyncio.create_task(read())
        await asyncio.gather(*map(write, writers, senders))
        done.set()
        await reading
        seen.extend(header.position for header in await reader.headers(seen[-1], 1_000))

        assert seen[1:] == [header.position for header in await reader.headers(0, 1_000)]
        assert len(seen) == 102


async def test_what_is_written_by_what_was_read_meets_nobody_in_between(address: Address) -> None:
    def count_one_more(db: Sql) -> None:
        counted = db.value("SELECT created_at FROM tenants WHERE id = 'a'")
        db.execute("UPDATE tenants SET created_at = ? WHERE id = 'a'", (counted + 1,))

    async with relays(address, 3) as stores:
        await stores[0].engine.write(lambda db: db.execute(NEW_TENANT, ("a",)))

        await asyncio.gather(*(store.engine.write(count_one_more) for store in stores for _ in range(40)))

        counted = await stores[0].engine.read(lambda db: db.value("SELECT created_at FROM tenants"))
        assert counted == 1 + 3 * 40


async def test_two_relays_that_append_to_one_stream_store_each_batch_once(address: Address) -> None:
    async with relays(address, 2) as (first, second):
        sender = Sender(await enrolled(first))
        batches = [sender.batch(orders([str(number)])) for number in range(20)]

        outcomes = [
            await asyncio.gather(first.append_batches([batch]), second.append_batches([batch]))
            for batch in batches
        ]

        assert all(
            {one.outcome for (one,) in pair} == {AppendOutcome.APPENDED, AppendOutcome.REPEATED}
            for pair in outcomes
        )
        assert [header.seq for header in await first.headers(0, 100)] == list(range(1, 21))
        ahead = sender.batch(orders(["x"]))
        (gap,) = await second.append_batches([sender.batch(orders(["y"]))])
        assert (gap.outcome, gap.last_seq) == (AppendOutcome.GAP, 20)
        (next_one,) = await second.append_batches([ahead])
        assert next_one.outcome is AppendOutcome.APPENDED


def dies_before_its_commit(runs: list[int]) -> Callable[[Sql], int]:
    def work(db: Sql) -> int:
        runs.append(1)
        added = db.change(NEW_TENANT, ("a",))
        if len(runs) == 1:
            db.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return added

    return work


async def test_a_connection_that_is_killed_before_the_commit_costs_a_second_run(address: Address) -> None:
    async with relays(address, 1) as (store,):
        runs: list[int] = []

        assert await store.engine.write(dies_before_its_commit(runs)) == 1

        assert len(runs) == 2
        assert await store.tenant("a") is not None


KILLED_AT_COMMIT = """
CREATE SEQUENCE deaths;
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF nextval('deaths') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10); END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER dies AFTER INSERT OR UPDATE ON {table} DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION die();
"""


async def test_a_connection_that_is_killed_at_the_commit_costs_a_second_run(
    address: Address, databases: Databases
) -> None:
    async with relays(address, 1) as (store,):
        tables_of(databases, address, KILLED_AT_COMMIT.format(table="groundwire.tenants"))

        assert await store.add_tenant(Tenant("a", NOW))

        assert await store.tenant("a") is not None


async def test_an_append_whose_connection_is_killed_at_its_commit_is_stored_once(
    address: Address, databases: Databases
) -> None:
    async with relays(address, 1) as (store,):
        sender = Sender(await enrolled(store))
        tables_of(databases, address, KILLED_AT_COMMIT.format(table="groundwire.numbering"))

        (outcome,) = await store.append_batches([sender.batch(orders(["1"]))])

        assert outcome.outcome is AppendOutcome.APPENDED
        assert len(await store.headers(0, 10)) == 1


class LosesOneAnswer(Session):
    """The first commit is carried out, and its answer is lost with the connection."""

    lost = False

    def connection(self) -> Any:
        real = super().connection()
        return real if self.lost else _Losing(self, real)


class _Losing:
    def __init__(self, session: LosesOneAnswer, connection: Any) -> None:
        self._session = session
        self._connection = connection

    def execute(self, statement: Any, *values: Any) -> Any:
        cursor = self._connection.execute(statement, *values)
        if statement == "COMMIT":
            self._session.lost = True
            self._connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def loses_one_answer(monkeypatch: pytest.MonkeyPatch, address: Address, lane: Any) -> None:
    monkeypatch.setattr(lane, "_session", LosesOneAnswer(address))
    monkeypatch.setattr("relay.store.postgresql.lanes.PostgresSql", unwrapped)


def unwrapped(connection: Any) -> Any:
    from relay.store.postgresql.sql import PostgresSql

    return PostgresSql(connection._connection if isinstance(connection, _Losing) else connection)


async def test_a_commit_whose_answer_is_lost_is_found_and_not_run_again(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with relays(address, 1) as (store,):
        loses_one_answer(monkeypatch, address, store._engine._writing)
        runs: list[int] = []

        def work(db: Sql) -> int:
            runs.append(1)
            return db.change(NEW_TENANT, (f"t{len(runs)}",))

        assert await store.engine.write(work) == 1

        assert runs == [1]
        assert await store.tenant("t1") is not None
        assert await store.tenant("t2") is None


async def test_an_append_whose_answer_is_lost_is_told_and_stored_once(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with relays(address, 1) as (store,):
        sender = Sender(await enrolled(store))
        loses_one_answer(monkeypatch, address, store._appending)

        (outcome,) = await store.append_batches([sender.batch(orders(["1"]))])

        assert outcome.outcome is AppendOutcome.REPEATED  # acked all the same
        assert len(await store.headers(0, 10)) == 1


async def test_nothing_is_acked_while_the_server_is_down_and_all_of_it_is_stored_once_it_is_back(
    address: Address, databases: Databases
) -> None:
    async with relays(address, 1) as (store,):
        sender = Sender(await enrolled(store))
        ingest = Ingest(store, clock=SystemClock())
        running = asyncio.create_task(ingest.run())
        await ingest.submit(sender.batch(orders(["0"])))
        databases.server.pause()
        waiting = [ingest.submit(sender.batch(orders([str(number)]))) for number in range(1, 6)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting[0]), 1.5)
        databases.server.restart()  # not in a thread: the server would end with it

        async with asyncio.timeout(120):
            outcomes = [await done for done in waiting]

        assert {outcome.outcome for outcome in outcomes} <= {AppendOutcome.APPENDED, AppendOutcome.REPEATED}
        assert [header.seq for header in await store.headers(0, 100)] == [1, 2, 3, 4, 5, 6]
        ingest.stop()
        await running


FAILS_ONCE = """
CREATE SEQUENCE failures;
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF nextval('failures') = 1 THEN RAISE EXCEPTION 'so it is' USING ERRCODE = '{code}'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER fails BEFORE INSERT OR UPDATE ON groundwire.{table} FOR EACH ROW EXECUTE FUNCTION fail();
"""


@pytest.mark.parametrize("code", ["40P01", "40001"])
async def test_a_transaction_that_the_server_gave_up_is_run_again(
    address: Address, databases: Databases, code: str
) -> None:
    async with relays(address, 1) as (store,):
        tables_of(databases, address, FAILS_ONCE.format(code=code, table="tenants"))

        assert await store.add_tenant(Tenant("a", NOW))


async def test_a_full_disk_of_the_server_is_waited_out(address: Address, databases: Databases) -> None:
    async with relays(address, 1) as (store,):
        sender = Sender(await enrolled(store))
        tables_of(databases, address, FAILS_ONCE.format(code="53100", table="numbering"))

        with pytest.raises(StorageFull, match="so it is"):
            await store.append_batches([sender.batch(orders(["1"]))])

        clock = ManualClock(NOW)
        tables_of(databases, address, "ALTER SEQUENCE failures RESTART")
        ingest = Ingest(store, clock=clock)
        sender = Sender(sender.agent)
        done = ingest.submit(sender.batch(orders(["1"])))
        ingest.stop()
        running = asyncio.create_task(ingest.run())
        while not done.done():
            clock.advance(1.0)
            await asyncio.sleep(0)  # noqa: TID251 - a turn for the others
        await running
        assert done.result().outcome is AppendOutcome.APPENDED


async def test_works_that_wait_together_are_one_transaction_and_a_failure_is_its_own(
    address: Address,
) -> None:
    async with relays(address, 1) as (store,):
        numbers: list[int] = []

        def work(name: str) -> Callable[[Sql], int]:
            def add(db: Sql) -> int:
                db.execute(NEW_TENANT, (name,))
                numbers.append(int(db.value("SELECT pg_current_xact_id()::text")))
                if name == "t3":
                    raise RuntimeError("of its own")
                return len(name)

            return add

        outcomes = await asyncio.gather(
            *(store.engine.write(work(f"t{number}")) for number in range(6)), return_exceptions=True
        )

        assert [type(outcome) for outcome in outcomes] == [int, int, int, RuntimeError, int, int]
        assert [await store.tenant(f"t{number}") is not None for number in range(6)] == [
            True, True, True, False, True, True,
        ]  # fmt: skip
        assert len(set(numbers)) < len(numbers)


async def test_a_text_may_hold_what_postgresql_does_not_know(address: Address) -> None:
    texts = ["a\0b", "\0", "\U0010ffff", "\U0010ffff0", "plain"]

    async with relays(address, 1) as (store,):

        def work(db: Sql) -> list[Any]:
            db.change_many(NEW_TENANT, [(text,) for text in texts])
            return [db.value("SELECT id FROM tenants WHERE id = ?", (text,)) for text in texts]

        assert await store.engine.write(work) == texts


async def test_a_key_with_a_nul_is_found_in_the_index(address: Address) -> None:
    async with relays(address, 1) as (store,):
        index = PostgresRecordIndex(address)
        from relay.store.base import Changes, RecordColumns, Scope

        scope = Scope("acme", "nav", "purchase_order")
        columns = RecordColumns(1, scope, ["a\0b", "c"], [None, "x\0"], [None, None], [None, None], [1, 2])
        await index.apply(Changes(1, (columns,)))

        found = await index.find("acme", "purchase_order", RecordFilter(key="a\0b"), Place(), 10)

        assert [record.key for record in found.records] == ["a\0b"]
        assert await store.last_position() == 0
        await index.aclose()


async def test_parts_are_made_ahead_and_dropped_once_they_are_empty(
    address: Address, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_BATCHES", 4)
    monkeypatch.setattr(parts, "AHEAD", 2)

    def made() -> list[int]:
        rows = databases.run("SELECT low FROM groundwire.batch_parts ORDER BY low", database_of(address))
        return [low for (low,) in rows]

    async with relays(address, 1) as (store,):
        sender = Sender(await enrolled(store))
        for number in range(11):
            await store.append_batches([sender.batch(orders([str(number)]))])
        assert len(await store.headers(0, 100)) == 11
        assert made() == [1, 4, 8, 12]
        await store.engine.write(lambda db: db.execute("DELETE FROM batches WHERE position BETWEEN 2 AND 9"))

    async with relays(address, 1) as (store,):
        assert made() == [1, 8, 12]
        assert [header.position for header in await store.headers(0, 100)] == [1, 10, 11]
        (outcome,) = await store.append_batches([sender.batch(orders(["next"]))])
        assert outcome.outcome is AppendOutcome.APPENDED
        assert await store.last_position() == 12


async def test_a_payload_is_not_compressed_again(address: Address, databases: Databases) -> None:
    async with relays(address, 1) as (store,):
        await store.append_batches([Sender(await enrolled(store)).batch(orders(["1"]))])

    kinds = databases.run(
        "SELECT DISTINCT a.attstorage FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
        "WHERE c.relname LIKE 'batches%' AND c.relkind IN ('r', 'p') AND a.attname = 'payload'",
        database_of(address),
    )
    assert kinds == [("e",)]


async def test_an_account_without_the_right_to_write_is_told_so(
    address: Address, databases: Databases
) -> None:
    async with relays(address, 1) as (store,):
        tables_of(databases, address, FAILS_ONCE.format(code="42501", table="tenants"))

        with pytest.raises(NotPermitted) as caught:
            await store.add_tenant(Tenant("a", NOW))
        assert "CREATE SCHEMA groundwire" in caught.value.hint


def database_of(address: Address) -> str:
    return address.url.rpartition("/")[2]


def tables_of(databases: Databases, address: Address, script: str) -> None:
    databases.run(script, database_of(address))


def test_the_folder_of_a_test_has_one_database(databases: Databases, tmp_path: Path) -> None:
    assert databases.of(tmp_path) == databases.of(tmp_path) != databases.of(tmp_path / "other")
