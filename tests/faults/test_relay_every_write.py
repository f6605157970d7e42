"""F05 and F06 at every single write and sync of the relay's store: the disk fails there, or is full there."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from random import Random

import apsw
import pytest

from agent.clock import ManualClock
from agent.errors import GroundwireError, StorageDamaged
from relay.ingest import Ingest
from relay.store.base import NewBatch, Tenant
from relay.store.sqlite import SqliteStore
from tests.faults.failing_disk import FailingDisk
from tests.faults.relay_day import settled
from tests.unit.relay.making import NOW, Sender, enrolled, orders

GROUPS = 10
EVERY = 1 if os.environ.get("GROUNDWIRE_WRITES") == "all" else 3  # of so many writes one fails in CI
pytestmark = pytest.mark.timeout(0 if EVERY == 1 else 600)  # as slow as the disk


@pytest.fixture(autouse=True)
def many_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.store.database.CHECKPOINT_PAGES", 30)


async def started(folder: Path) -> list[list[NewBatch]]:
    """The store with its agent, and the groups of batches that are to come."""
    random = Random(7)
    store = await SqliteStore.open(folder / "start.db")
    sender = Sender(await enrolled(store))
    await store.aclose()
    return [
        [
            sender.batch(orders([f"k{random.randrange(9)}"], note=random.randbytes(400).hex()))
            for _ in range(3)
        ]
        for _ in range(GROUPS)
    ]


def laid_out(folder: Path) -> Path:
    for file in folder.glob("relay.db*"):
        file.unlink()
    return Path(shutil.copy(folder / "start.db", folder / "relay.db"))


async def lived(path: Path, disk: str, groups: list[list[NewBatch]]) -> list[bytes]:
    """Take group after group as the gateway does; what the store held after each that was answered."""
    states: list[bytes] = []
    try:
        store = await SqliteStore.open(path, vfs=disk)
    except StorageDamaged:
        return states
    ingest = Ingest(store, clock=ManualClock(NOW))
    ingest.stop()
    states.append(await settled(store))
    for group in groups:
        answers = [ingest.submit(batch) for batch in group]
        try:
            await ingest.run()
        except GroundwireError:
            assert not any(answer.done() for answer in answers)
            await assert_nothing_more_is_taken(store)
            break
        assert all(answer.done() for answer in answers)
        states.append(await settled(store))
    await store.aclose()
    return states


async def assert_nothing_more_is_taken(store: SqliteStore) -> None:
    with pytest.raises(StorageDamaged) as caught:
        await store.add_tenant(Tenant("late", NOW))
    assert "Check the disk" in caught.value.hint
    assert (await asyncio.wait_for(store.failure(), 10)) is store.database._refused


async def test_a_disk_that_fails_anywhere_ends_the_writing_and_no_ack_is_given_behind_it(
    tmp_path: Path,
) -> None:
    """One failure, after which the disk would work again: no second try, for the kernel may have dropped the pages."""
    groups = await started(tmp_path)
    disk = FailingDisk("relay-fails")
    undisturbed = await lived(laid_out(tmp_path), "relay-fails", groups)
    assert len(undisturbed) == GROUPS + 1
    for at in range(0, disk.asked, EVERY):
        path = laid_out(tmp_path)
        disk.at, disk.asked, disk.asked_after = at, 0, []

        states = await lived(path, "relay-fails", groups)

        assert disk.asked_after == [], at
        disk.at = None
        store = await SqliteStore.open(path)
        assert await settled(store) in undisturbed[max(len(states) - 1, 0) : len(states) + 1], at
        await store.aclose()


async def test_a_disk_that_is_full_anywhere_delays_the_acks_and_nothing_else(tmp_path: Path) -> None:
    groups = await started(tmp_path)
    disk = FailingDisk("relay-full", error=apsw.FullError)
    undisturbed = await lived(laid_out(tmp_path), "relay-full", groups)
    for at in range(0, disk.asked, EVERY):
        path = laid_out(tmp_path)
        disk.at, disk.asked, disk.lasts = at, 0, 3

        assert await lived(path, "relay-full", groups) == undisturbed, at
