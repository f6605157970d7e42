from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import apsw
import pytest

from agent.errors import StorageDamaged, StorageFull
from relay.store import database
from relay.store.base import StoreClosed
from relay.store.database import Database
from relay.store.postgresql.address import Address
from relay.store.postgresql.lanes import Lane, Readers
from relay.store.sqlite import STORE_FILE


async def test_after_a_failed_write_to_the_disk_nothing_more_is_written(tmp_path: Path) -> None:
    """A failed fsync may be reported as success the next time."""
    opened = await Database.open(tmp_path / "relay.db", STORE_FILE)

    def fails(_: apsw.Connection) -> None:
        raise apsw.IOError("disk I/O error")

    with pytest.raises(StorageDamaged):
        await opened.write(fails)
    with pytest.raises(StorageDamaged) as caught:
        await opened.write(lambda db: db.execute("INSERT INTO tenants (id, created_at) VALUES ('a', 1)"))
    assert "Nothing more is written" in caught.value.hint
    await opened.aclose()


async def test_a_full_disk_may_have_room_again(tmp_path: Path) -> None:
    opened = await Database.open(tmp_path / "relay.db", STORE_FILE)

    def fails(db: apsw.Connection) -> None:
        db.execute("INSERT INTO tenants (id, created_at) VALUES ('a', 1)")
        raise apsw.FullError("database or disk is full")

    with pytest.raises(StorageFull):
        await opened.write(fails)
    await opened.write(
        lambda db: db.execute("INSERT INTO tenants (id, created_at) VALUES ('a', 1)").fetchall()
    )
    await opened.aclose()


async def test_a_commit_of_the_store_waits_for_the_disk(tmp_path: Path) -> None:
    """FULL: in a write-ahead log anything less keeps the newest commits in memory alone."""
    opened = await Database.open(tmp_path / "relay.db", STORE_FILE)

    assert await opened.read(lambda db: db.pragma("synchronous")) == 2
    await opened.aclose()


async def test_a_write_that_has_begun_ends_before_its_caller_that_gave_up(tmp_path: Path) -> None:
    """However often it gives up: nobody is told less than what is on the disk."""
    opened = await Database.open(tmp_path / "relay.db", STORE_FILE)
    begun, goes_on = threading.Event(), threading.Event()

    def takes_its_time(db: apsw.Connection) -> None:
        begun.set()
        goes_on.wait(60)
        db.execute("INSERT INTO tenants (id, created_at) VALUES ('a', 1)").fetchall()

    caller = asyncio.create_task(opened.write(takes_its_time))
    await asyncio.to_thread(begun.wait, 60)
    for _ in range(2):
        caller.cancel()
        for _turn_of_the_loop in range(5):
            await asyncio.sleep(0)  # noqa: TID251 - no time passes
        assert not caller.done()
    goes_on.set()

    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await opened.read(lambda db: db.execute("SELECT count(*) FROM tenants").get) == 1
    await opened.aclose()


async def test_the_log_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "CHECKPOINT_PAGES", 20)
    opened = await Database.open(tmp_path / "relay.db", STORE_FILE)
    for number in range(300):
        await opened.write(
            lambda db, n=number: db.execute(
                "INSERT INTO tenants (id, created_at) VALUES (?, 1)", (f"t{n}",)
            ).fetchall()
        )

    assert (tmp_path / "relay.db-wal").stat().st_size < 100 * 4096
    await opened.aclose()


async def test_an_empty_file_is_a_loss_and_not_a_beginning(tmp_path: Path) -> None:
    (tmp_path / "relay.db").touch()

    with pytest.raises(StorageDamaged, match="empty"):
        await Database.open(tmp_path / "relay.db", STORE_FILE)


async def test_a_log_without_its_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "relay.db-wal").write_bytes(b"somebody's only copy")

    with pytest.raises(StorageDamaged, match="log"):
        await Database.open(tmp_path / "relay.db", STORE_FILE)


async def test_what_comes_behind_the_close_is_told_so_by_name(tmp_path: Path) -> None:
    opened = await Database.open(tmp_path / "relay.db", STORE_FILE)
    closing = asyncio.ensure_future(opened.aclose())
    while not opened._closed:
        await asyncio.wait({closing}, timeout=0)
    with pytest.raises(StoreClosed):  # while it closes, and when it is
        await opened.write(lambda db: db.execute("SELECT 1"))
    await closing

    with pytest.raises(StoreClosed):
        await opened.read(lambda db: db.execute("SELECT 1"))
    await opened.aclose()


async def test_lanes_and_readers_that_are_closed_say_so() -> None:
    address = Address("host=127.0.0.1")
    lane, readers = Lane(address, "records"), Readers(address, 1)
    await lane.aclose()
    await readers.aclose()

    with pytest.raises(StoreClosed):
        await lane.write(lambda db: db.value("SELECT 1"))
    with pytest.raises(StoreClosed):
        await readers.read(lambda db: db.value("SELECT 1"))
    await lane.aclose()
    await readers.aclose()
