"""F05 and K27 on a real file system that is full: what is stored is handed out, and nothing has to be started again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from agent.clock import ManualClock
from agent.errors import StorageFull
from agent.outbox.limits import MiB
from agent.outbox.store import Limits, Outbox
from relay.store.base import Tenant
from relay.store.sqlite import SqliteStore
from tests.unit.outbox.making import STREAM, all_pending, entry, opened
from tests.unit.relay.making import NOW, Sender, enrolled, orders

DISK_BYTES = 8 * MiB
pytestmark = pytest.mark.timeout(600)  # as slow as the disk
LIMITS = Limits(wal_bytes=MiB, reserve_bytes=MiB * 3 // 2)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("only root can mount a small file system, and not in every container")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def fill(outbox: Outbox, random: Random, size: int) -> int:
    """Append until the disk takes no more; how many it took."""
    for taken in range(DISK_BYTES // size + 1):
        try:
            await outbox.append(entry(random.randbytes(size)))
        except StorageFull:
            return taken
    raise AssertionError("the disk is never full")


def fill_with_other_things(disk: Path) -> None:
    with suppress(OSError), (disk / "theirs").open("wb", buffering=0) as theirs:
        while theirs.write(bytes(MiB)):
            pass
    assert os.statvfs(disk).f_bavail == 0


async def empty(outbox: Outbox) -> None:
    """As the link does: hand out, note the acks one by one; then what the agent does every five minutes."""
    for batch in await all_pending(outbox):
        await outbox.mark_acked(STREAM, batch.seq)
    await outbox.prune()


@pytest.mark.parametrize("size", [6_000, 60_000, 1_500_000])
async def test_an_outbox_that_has_filled_its_disk_is_emptied_and_takes_more(disk: Path, size: int) -> None:
    random = Random(size)
    async with opened(disk / "outbox.db", limits=LIMITS) as outbox:
        for _ in range(3):
            taken = await fill(outbox, random, size)
            assert taken > 1
            assert len(await all_pending(outbox)) == taken
            with pytest.raises(StorageFull):
                await outbox.append(entry(b"small"))  # what is left is for emptying

            await empty(outbox)

            assert (await outbox.stats()).pending_batches == 0


async def test_a_full_disk_is_found_by_the_next_process_and_emptied_by_it(disk: Path) -> None:
    async with opened(disk / "outbox.db", limits=LIMITS) as outbox:
        taken = await fill(outbox, Random(1), 60_000)
    async with opened(disk / "outbox.db", limits=LIMITS) as outbox:
        assert len(await all_pending(outbox)) == taken

        await empty(outbox)

        assert await fill(outbox, Random(2), 60_000) == pytest.approx(taken, rel=0.2)


async def test_without_room_set_aside_such_an_outbox_is_stuck(disk: Path) -> None:
    """The two above bite."""
    async with opened(disk / "outbox.db", limits=Limits(wal_bytes=6 * MiB)) as outbox:
        await fill(outbox, Random(3), 60_000)

        with pytest.raises(StorageFull):
            await empty(outbox)


async def test_a_disk_that_others_filled_takes_acks_and_is_used_again_when_they_leave(disk: Path) -> None:
    outbox = await Outbox.open(disk / "outbox.db", clock=ManualClock(), limits=LIMITS)
    await outbox.append(entry(b"first"))
    fill_with_other_things(disk)

    with pytest.raises(StorageFull):
        await outbox.append(entry(bytes(200_000)))
    await outbox.mark_acked(STREAM, 1)
    (disk / "theirs").unlink()

    assert await outbox.append(entry(b"second")) == (2,)
    await outbox.aclose()


async def test_a_relay_on_a_full_disk_acks_nothing_and_goes_on_when_there_is_room(disk: Path) -> None:
    store = await SqliteStore.open(disk / "relay.db")
    sender = Sender(await enrolled(store))
    await store.append_batches([sender.batch(orders(["k"], note=Random(1).randbytes(400_000).hex()))])
    fill_with_other_things(disk)
    next_one = sender.batch(orders(["k"], note=Random(2).randbytes(400_000).hex()))

    with pytest.raises(StorageFull):
        await store.append_batches([next_one])
    assert (await store.batch(1)) is not None
    assert await store.last_position() == 1
    (disk / "theirs").unlink()

    (answer,) = await store.append_batches([next_one])
    assert answer.last_seq == 2
    await store.add_tenant(Tenant("next", NOW))
    await store.aclose()
