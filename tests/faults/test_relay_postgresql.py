"""F27 at every message between a relay and its PostgreSQL: the connection breaks there, or the server's disk is full.

What power cuts and failing disks are to a store in files (test_relay_power_cut.py, test_relay_every_write.py) the line
to the server and its refusals are to one in PostgreSQL; what its own power cuts leave is tested by test_pair.py.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from agent.clock import ManualClock, SystemClock
from agent.errors import TransientError
from relay.documents import Documents
from relay.ingest import Ingest
from relay.materialise import Materialiser
from relay.store.base import AppendOutcome, LetterFilter, Place, RecordFilter
from relay.store.postgresql.address import Address
from relay.store.postgresql.index import PostgresRecordIndex
from relay.store.postgresql.store import PostgresStore
from tests.faults.fault_proxy import FaultProxy
from tests.faults.mortal_postgres import MortalPostgres
from tests.faults.relay_day import Day
from tests.integration.relay_postgresql.databases import Databases
from tests.servers import PostgresServer, ServerFailed
from tests.unit.relay.making import NOW, Sender, enrolled, orders

EVERY_MESSAGE = os.environ.get("GROUNDWIRE_WRITES") == "all"
CUTS = 3  # in CI, spread over the messages of a day; and twice as many over its commits
REFUSALS = 4  # likewise, over its writes
CHANGES: Final = 10
TRIES: Final = 5  # of a caller who is told to ask again; one break costs one try
# Of each opening, each session and each attempt its own.
NOT_COMPARED: Final = {
    "migrations",
    "eras",
    "sealing",
    "relays",
    "sessions",
    "batch_parts",
    "refused",
    "asked",
}
GIVEN_OUT: Final = {
    ("streams", "id"),
    ("batches", "stream"),
    ("commands", "rowid"),
    ("records", "scope"),
    ("scopes", "id"),
    ("events", "id"),
}

pytestmark = [pytest.mark.integration, pytest.mark.timeout(0 if EVERY_MESSAGE else 600)]


class Unhurried(ManualClock):
    """The same moment in each life; a wait is one of a moment."""

    async def sleep(self, seconds: float) -> None:
        del seconds
        await SystemClock().sleep(0.01)


class Cut:
    """Ends a connection at one of all chunks that pass, whichever connection it is of: before it, or behind it."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.behind = False
        self.seen = 0
        self.commits: list[int] = []

    def __call__(self, there: bool, chunk: bytes) -> tuple[bytes, bool]:
        here = self.seen == self.at
        if there and b"COMMIT" in chunk:
            self.commits.append(self.seen)
        self.seen += 1
        return (b"" if here and not self.behind else chunk), here

    def put(self, at: int | None, *, behind: bool) -> None:
        self.at, self.behind, self.seen = at, behind, 0


@pytest.fixture(scope="module")
def databases(postgres_server: PostgresServer) -> Databases:
    return Databases(postgres_server)


async def lived(address: Address) -> None:
    """One small day, from the opening of the store to its end."""
    store = await again(lambda: PostgresStore.open(address))
    index = PostgresRecordIndex(address)
    try:
        day = await of(store, index)
        for change in day.changes(Random(11), CHANGES):
            await again(change)
        await again(day.materialiser.catch_up)
    finally:
        await index.aclose()
        await store.aclose()


async def of(store: Any, index: Any) -> Day:
    clock = Unhurried(NOW)
    patient: Any = Patient(store)
    agent = await patient.agent("agt_acme_plant") or await enrolled(patient)
    ingest = Ingest(store, clock=clock)
    materialiser = Materialiser(store, index, Documents(store, cache_bytes=2**20), ingest, clock=clock)
    return Day(store, index, ingest, materialiser, agent, Sender(agent))


async def again(work: Callable[[], Awaitable[Any]]) -> Any:
    for _ in range(TRIES - 1):
        try:
            return await work()
        except TransientError:
            continue
    return await work()


class Patient:
    """A store whose every call is made again where it is told to."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        call = getattr(self._store, name)
        return lambda *values: again(lambda: call(*values))


def contents(databases: Databases, address: Address) -> dict[str, list[str]]:
    """Every row of every table, without the numbers of which an attempt that came to nothing takes one along."""
    name = name_of(address)
    columns: dict[str, list[str]] = {}
    found = databases.run(
        "SELECT table_schema || '.' || table_name, column_name FROM information_schema.columns"
        " WHERE table_schema IN ('groundwire', 'groundwire_index') ORDER BY 1, ordinal_position",
        name,
    )
    for table, column in found:
        bare = table.partition(".")[2]
        if bare not in NOT_COMPARED and not bare.startswith("batches_") and (bare, column) not in GIVEN_OUT:
            columns.setdefault(table, []).append(column)
    return {
        table: sorted(repr(row) for row in databases.run(f"SELECT {', '.join(names)} FROM {table}", name))
        for table, names in columns.items()
    }


async def test_a_connection_that_breaks_at_any_message_costs_nothing_and_nothing_is_done_twice(
    databases: Databases, tmp_path: Path
) -> None:
    with FaultProxy(databases.server.port) as proxy:
        cut = proxy.change = Cut()
        undisturbed = databases.of(tmp_path / "undisturbed")
        await lived(through(undisturbed, proxy))
        wanted, messages = contents(databases, undisturbed), cut.seen
        assert wanted["groundwire.batches"]
        assert wanted["groundwire_index.records"]
        for number, (at, behind) in enumerate(chosen(messages, cut.commits)):
            address = databases.of(tmp_path / f"{at} {behind}")
            cut.put(at, behind=behind)

            await lived(through(address, proxy))

            assert proxy.cuts >= number  # one at the very end may be missed
            cut.put(None, behind=False)
            assert different(contents(databases, address), wanted) == [], f"{at} of {messages}"


def chosen(messages: int, commits: Sequence[int]) -> list[tuple[int, bool]]:
    """Which message, and whether it is passed on before the line breaks: then the answer is lost."""
    if EVERY_MESSAGE:
        return [(at, behind) for at in range(messages) for behind in (False, True)]
    spread = range(messages // 7, messages, messages // CUTS)
    some_commits = commits[:: max(len(commits) // (2 * CUTS), 1)]
    return [
        *((at, False) for at in spread),
        *((at, number % 2 == 0) for number, at in enumerate(some_commits)),
    ]


REFUSES_ONCE: Final = """
CREATE SEQUENCE groundwire.asked;
CREATE TABLE groundwire.refused (at BIGINT);
INSERT INTO groundwire.refused VALUES (0);
CREATE FUNCTION groundwire.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF nextval('groundwire.asked') IN (SELECT at FROM groundwire.refused) THEN
    RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100';
  END IF;
  RETURN NULL;
END $$;
DO $$ DECLARE one regclass; BEGIN
  FOR one IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'groundwire'::regnamespace
    AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'refused'
  LOOP
    EXECUTE format('CREATE TRIGGER refuses BEFORE INSERT OR UPDATE OR DELETE ON %s'
      ' FOR EACH STATEMENT EXECUTE FUNCTION groundwire.refuse()', one);
  END LOOP;
END $$
"""


async def test_a_server_whose_disk_is_full_at_any_write_delays_it_and_nothing_else(
    databases: Databases, tmp_path: Path
) -> None:
    undisturbed = databases.of(tmp_path / "undisturbed")
    databases.run(REFUSES_ONCE, name_of(undisturbed))
    await lived(undisturbed)
    wanted = contents(databases, undisturbed)
    ((writes,),) = databases.run("SELECT last_value FROM groundwire.asked", name_of(undisturbed))
    for at in range(1, writes, 1 if EVERY_MESSAGE else writes // REFUSALS):
        address = databases.of(tmp_path / str(at))
        databases.run(REFUSES_ONCE, name_of(address))
        databases.run(f"INSERT INTO groundwire.refused VALUES ({at})", name_of(address))

        await lived(address)

        assert databases.run("SELECT last_value FROM groundwire.asked", name_of(address)) > [(writes,)]
        assert different(contents(databases, address), wanted) == [], f"{at} of {writes}"


async def damaged_day(address: Address, damage: Callable[[list[bytes]], object]) -> None:
    """Of three batches the second is damaged: it alone is put into quarantine, and appends go on."""
    payloads = [orders([f"k{number}"], note=Random(number).randbytes(40_000).hex()) for number in range(3)]
    async with opened(address) as day:
        await day.take([day.sender.batch(payload) for payload in payloads])
    damage(payloads)
    async with opened(address) as day:
        await day.materialiser.rebuild()

        found = await day.index.find("acme", "purchase_order", RecordFilter(), Place(), 100)
        assert sorted(record.key for record in found.records) == ["k0", "k2"]
        (letter,) = (await day.index.dead_letters("acme", LetterFilter(), after=Place(), limit=10)).letters
        assert letter.reason == "unreadable_batch"
        (stream,) = await day.store.stream_positions("acme", "nav")
        assert (stream.records, stream.last_seq) == (2, 3)
        sender = Sender(day.agent, 3, {"nav/purchase_orders": 3})
        (answer,) = await day.store.append_batches([sender.batch(orders(["next"]))])
        assert answer.outcome is AppendOutcome.APPENDED


@asynccontextmanager
async def opened(address: Address) -> AsyncIterator[Day]:
    store, index = await PostgresStore.open(address), PostgresRecordIndex(address)
    try:
        yield await of(store, index)
    finally:
        await index.aclose()
        await store.aclose()


async def test_a_payload_that_was_altered_is_put_into_quarantine(
    databases: Databases, tmp_path: Path
) -> None:
    address = databases.of(tmp_path)
    spoil = (
        "UPDATE groundwire.batches SET payload = overlay(payload placing 'x' from 4000) WHERE position = 2"
    )

    await damaged_day(address, lambda _: databases.run(spoil, name_of(address)))


async def test_a_page_that_the_server_cannot_read_is_told_as_such_and_the_rest_is_handed_out(
    postgres_server: PostgresServer,
) -> None:
    """A server that checks its pages. `postgres_server` says whether there is one here."""
    with MortalPostgres(checksums=True) as server:
        address = Address(server.url(), server.password)

        def damage(payloads: list[bytes]) -> None:
            server.pause()
            assert flipped(server.data, payloads[1][20_000:20_064]) == 1
            server.revive()
            with pytest.raises(ServerFailed, match="invalid page"):
                server.psql("SELECT sha256(payload) FROM groundwire.batches")

        await damaged_day(address, damage)


def flipped(data: Path, wanted: bytes) -> int:
    """In how many files of the server a byte was changed behind its back."""
    count = 0
    for file in (path for path in data.glob("base/*/*") if path.is_file()):
        content = file.read_bytes()
        if (place := content.find(wanted)) >= 0:
            file.write_bytes(content[:place] + b"!" + content[place + 1 :])
            count += 1
    return count


def different(found: dict[str, list[str]], wanted: dict[str, list[str]]) -> list[str]:
    """The rows that are in one of them alone."""
    assert found.keys() == wanted.keys()
    return [
        f"{table}: {row[:300]}"
        for table in wanted
        for row in set(wanted[table]).symmetric_difference(found[table])
    ] + [f"{table}: {len(found[table])}" for table in wanted if len(found[table]) != len(wanted[table])]


def name_of(address: Address) -> str:
    return address.url.rpartition("/")[2]


def through(address: Address, proxy: FaultProxy) -> Address:
    head, _, name = address.url.rpartition("/")
    return Address(f"{head.rpartition(':')[0]}:{proxy.port}/{name}", address.password)
