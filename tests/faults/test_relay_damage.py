"""F07, F08 and K40 for the relay's files: what is damaged is noticed, what is older is brought forward, no call is torn."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from agent.errors import GroundwireError, StorageDamaged, TransientError, VersionMismatch
from relay.store import numbering
from relay.store.base import LetterFilter, Place, RecordFilter, Tenant
from relay.store.database import Database
from relay.store.opening import _create, log_of
from relay.store.sqlite import STORE_FILE, SqliteStore
from tests.faults.failing_disk import FailingDisk
from tests.faults.relay_day import Day, day
from tests.unit.relay.making import NOW, orders

EVERY = 1 if os.environ.get("GROUNDWIRE_FLIPS") == "all" else 631  # of so many bytes one is flipped in CI
pytestmark = pytest.mark.timeout(0 if EVERY == 1 else 600)  # as slow as the disk


async def filled(folder: Path) -> list[bytes]:
    payloads = [orders([f"k{number}"], note=f"<{number}>" * 40) for number in range(4)]
    folder.mkdir(exist_ok=True)
    async with day(folder) as relay:
        await relay.take([relay.sender.batch(payload) for payload in payloads])
        await relay.materialiser.catch_up()
    return payloads


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 0x40
    path.write_bytes(content)


async def shown(relay: Day) -> list[str]:
    found = await relay.index.find("acme", "purchase_order", RecordFilter(), Place(), 100)
    return sorted(record.key for record in found.records)


async def test_a_flipped_byte_anywhere_is_refused_put_into_quarantine_or_harmless(tmp_path: Path) -> None:
    """Nothing is handed out that no agent sent, and nothing goes on for ever."""
    payloads = await filled(tmp_path / "whole")
    whole = (tmp_path / "whole" / "relay.db").stat().st_size
    refused = quarantined = 0
    for position in range(0, whole, EVERY):
        shutil.rmtree(tmp_path / "flipped", ignore_errors=True)
        shutil.copytree(tmp_path / "whole", tmp_path / "flipped")
        flip(tmp_path / "flipped" / "relay.db", position)
        try:
            async with asyncio.timeout(60), day(tmp_path / "flipped") as relay:
                await relay.materialiser.rebuild()
                for header in await relay.store.headers(0, 100):
                    batch = await relay.store.batch(header.position)
                    assert batch is not None
                    assert header.damaged or batch.payload == payloads[header.seq - 1], position
                    quarantined += bool(header.damaged)
        except GroundwireError:
            refused += 1
    assert refused > 0
    assert quarantined > 0


async def test_a_batch_that_is_spoilt_on_the_disk_is_taken_out_of_the_index_and_stands_among_the_dead_letters(
    tmp_path: Path,
) -> None:
    payloads = await filled(tmp_path)
    content = (tmp_path / "relay.db").read_bytes()
    flip(tmp_path / "relay.db", content.index(payloads[2]) + len(payloads[2]) // 2)

    async with day(tmp_path) as relay:
        assert await shown(relay) == ["k0", "k1", "k2", "k3"]  # the index knows nothing of it yet
        records = await relay.index.find("acme", "purchase_order", RecordFilter(), Place(), 100)
        with pytest.raises(TransientError, match="spoilt"):  # a reader is asked to come again
            await relay.materialiser._documents.render(records.records, "purchase_order")

        await relay.materialiser._heal()

        assert await shown(relay) == ["k0", "k1", "k3"]
        (letter,) = (await relay.index.dead_letters("acme", LetterFilter(), after=Place(), limit=10)).letters
        assert letter.reason == "unreadable_batch"
        (stream,) = await relay.store.stream_positions("acme", "nav")
        assert (stream.records, stream.last_seq) == (3, 4)


async def test_a_damaged_index_is_made_again_while_the_relay_runs(tmp_path: Path) -> None:
    async with day(tmp_path) as relay:
        await relay.take([relay.sender.batch(orders(["k1"]))])
        await relay.materialiser.catch_up()
        await relay.index._write(lambda db: db.execute("DROP TABLE dead_letters"))
        relay.index.damaged = True  # as a page that cannot be read has it
        running = asyncio.create_task(relay.materialiser.run())
        async with asyncio.timeout(30):
            while relay.index.damaged or (await relay.materialiser.lag()).batches:
                await asyncio.sleep(0)  # noqa: TID251 - a turn for the others
        running.cancel()

        assert await shown(relay) == ["k1"]
        assert (await relay.index.dead_letters("acme", LetterFilter(), after=Place(), limit=10)).letters == []


async def test_a_page_of_the_index_that_cannot_be_read_is_noticed(tmp_path: Path) -> None:
    async with day(tmp_path) as relay:

        def fails(_: object) -> None:
            raise apsw.CorruptError("database disk image is malformed")

        with pytest.raises(StorageDamaged):
            await relay.index._read(fails)

        assert relay.index.damaged
        assert relay.ingest.appended.is_set()  # the materialiser is woken


@pytest.mark.parametrize("kept", [0, 1, 100, 4096, 4096 * 3 + 100])
async def test_a_truncated_store_is_refused_and_left_as_it_is(tmp_path: Path, kept: int) -> None:
    await filled(tmp_path)
    content = (tmp_path / "relay.db").read_bytes()[:kept]
    (tmp_path / "relay.db").write_bytes(content)

    with pytest.raises(StorageDamaged):
        await SqliteStore.open(tmp_path / "relay.db")

    assert (tmp_path / "relay.db").read_bytes() == content


async def test_a_lost_log_is_noticed_and_an_empty_one_in_its_place_is_the_operators_word(
    tmp_path: Path,
) -> None:
    (tmp_path / "live").mkdir()
    async with day(tmp_path / "live") as relay:
        await relay.take([relay.sender.batch(orders(["k1"]))])
        shutil.copy(tmp_path / "live" / "relay.db", tmp_path / "relay.db")

    for _ in range(2):  # a service is started again and again
        with pytest.raises(StorageDamaged, match=r"relay\.db-wal is missing") as caught:
            await SqliteStore.open(tmp_path / "relay.db")
        assert "empty file of its name" in caught.value.hint
    log_of(tmp_path / "relay.db").touch()

    store = await SqliteStore.open(tmp_path / "relay.db")
    assert await store.last_position() == 0
    await store.aclose()


async def test_a_store_whose_end_a_full_disk_did_not_take_opens_again(tmp_path: Path) -> None:
    disk = FailingDisk("relay-full-at-its-end", error=apsw.FullError)
    store = await SqliteStore.open(tmp_path / "relay.db", vfs="relay-full-at-its-end")
    await store.add_tenant(Tenant("acme", NOW))
    disk.at = disk.asked
    await store.aclose()

    store = await SqliteStore.open(tmp_path / "relay.db")
    assert await store.tenant("acme") is not None
    await store.aclose()


@pytest.mark.parametrize("version", [2, 3])
async def test_what_an_older_relay_wrote_is_brought_forward_whole(tmp_path: Path, version: int) -> None:
    with closing(sqlite3.connect(tmp_path / "relay.db")) as older:
        older.executescript((Path(__file__).parent / "older" / "version_3.sql").read_text("utf-8"))
        if version == 2:
            older.executescript("DROP TABLE state; PRAGMA user_version = 2")
        older.execute("PRAGMA journal_mode = WAL")
        tables = [name for (name,) in older.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        asked = [
            f"SELECT {', '.join(row[1] for row in older.execute(f'PRAGMA table_info({table})'))} FROM {table}"
            for table in tables
            if table not in {"state", "sqlite_sequence", "tokens"}  # whose rows change when they are opened
        ]
        before = [older.execute(statement).fetchall() for statement in asked]

    store = await SqliteStore.open(tmp_path / "relay.db")
    assert [await store.engine.read(lambda db, each=each: db.execute(each)) for each in asked] == before
    assert await store.database.read(lambda db: db.pragma("user_version")) == STORE_FILE.version
    agent = await store.agent("agt_acme_plant")
    assert agent is not None
    ends = await store.stream_ends(agent)
    assert {stream: end.seq for stream, end in ends.items()} == {"nav/purchase_orders": 3}
    last = await store.batch(5)
    assert last is not None
    assert ends["nav/purchase_orders"].hash == last.hash.hex()
    assert await store.engine.write(lambda db: numbering.take(db, "batches", 1)) == 6
    await store.aclose()


@pytest.mark.parametrize("version", range(STORE_FILE.first, STORE_FILE.version))
async def test_a_store_of_any_older_version_ends_with_the_same_schema(tmp_path: Path, version: int) -> None:
    made = tuple(migration for migration in STORE_FILE.migrations if migration.number <= version)
    _create(tmp_path / "relay.db", replace(STORE_FILE, migrations=made))
    _create(tmp_path / "new.db", STORE_FILE)

    store = await SqliteStore.open(tmp_path / "relay.db")
    brought_forward = await store.database.read(schema)
    await store.aclose()

    with closing(apsw.Connection(str(tmp_path / "new.db"))) as new:
        assert brought_forward == schema(new)


def schema(connection: apsw.Connection) -> list[Any]:
    return connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").fetchall()


@pytest.mark.parametrize("version", [1, STORE_FILE.version + 1])
async def test_a_store_of_another_version_is_refused_and_left_as_it_is(tmp_path: Path, version: int) -> None:
    await filled(tmp_path)
    other = apsw.Connection(str(tmp_path / "relay.db"))
    other.execute(f"PRAGMA user_version = {version}")
    other.close()
    content = (tmp_path / "relay.db").read_bytes()

    with pytest.raises(VersionMismatch, match=f"format {version}"):
        await SqliteStore.open(tmp_path / "relay.db")

    assert (tmp_path / "relay.db").read_bytes() == content


async def test_an_index_of_another_version_is_made_anew(tmp_path: Path) -> None:
    await filled(tmp_path)
    other = apsw.Connection(str(tmp_path / "index.db"))
    other.execute("PRAGMA user_version = 99")
    other.close()

    async with day(tmp_path) as relay:
        await relay.materialiser.catch_up()

        assert await shown(relay) == ["k0", "k1", "k2", "k3"]


@pytest.mark.parametrize("turns", range(6))
@pytest.mark.parametrize("times", [1, 2])
async def test_a_cancelled_call_has_happened_whole_or_not_at_all_and_the_store_goes_on(
    tmp_path: Path, turns: int, times: int
) -> None:
    """However often its caller is cancelled: who is told of the cancellation finds the work done, not under way."""
    store = await SqliteStore.open(tmp_path / "relay.db")
    call = asyncio.create_task(store.add_tenant(Tenant("acme", NOW)))
    for _ in range(turns):
        await asyncio.sleep(0)  # noqa: TID251 - waits for nothing
    for _ in range(times):
        call.cancel()
        await asyncio.sleep(0)  # noqa: TID251 - waits for nothing
    began = turns > 0
    await asyncio.gather(call, return_exceptions=True)

    there = await asyncio.wait_for(store.tenant("acme"), 10)
    assert (there is not None) is began
    await store.add_tenant(Tenant("next", NOW))
    await store.aclose()


@pytest.mark.parametrize("turns", range(4))
async def test_an_opening_that_is_cancelled_leaves_nothing_open(tmp_path: Path, turns: int) -> None:
    opening = asyncio.create_task(Database.open(tmp_path / "relay.db", STORE_FILE))
    for _ in range(turns):
        await asyncio.sleep(0)  # noqa: TID251 - waits for nothing
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)

    store = await SqliteStore.open(tmp_path / "relay.db")
    assert await store.tenant("acme") is None
    await store.aclose()
