"""F05 and F06 at every single write and sync of the outbox: the disk fails there, or is full there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from random import Random

import apsw
import pytest

from agent.clock import ManualClock
from agent.errors import GroundwireError, StorageDamaged, StorageFull
from agent.outbox.store import Limits, Outbox
from tests.faults.failing_disk import FailingDisk
from tests.faults.test_outbox_power_cut import changes, state_of
from tests.unit.outbox.making import entry, opened

STEPS = 16
EVERY = 1 if os.environ.get("GROUNDWIRE_WRITES") == "all" else 7  # of so many writes one fails in CI
pytestmark = pytest.mark.timeout(0 if EVERY == 1 else 600)  # as slow as the disk
SMALL = Limits(wal_bytes=64 * 1024, replay_bytes=0, runs_per_stream=3)
State = tuple[object, ...]


async def started(folder: Path) -> Path:
    path = folder / "start.db"
    async with opened(path) as outbox:
        await outbox.append(entry(b"the first", checkpoint="c0"))
    return path


async def lived(path: Path, disk: str) -> tuple[list[State], GroundwireError | None]:
    """The states that were answered, and what ended the work."""
    states: list[State] = []
    try:
        outbox = await Outbox.open(path, clock=ManualClock(), limits=SMALL, vfs=disk)
    except GroundwireError as error:
        return states, error
    ended = None
    try:
        states.append(await state_of(outbox))
        for number in range(STEPS):
            await one_change(outbox, number)
            states.append(await state_of(outbox))
    except GroundwireError as error:
        ended = error
        await assert_nothing_more_is_taken(outbox)
    await outbox.aclose()
    return states, ended


async def assert_nothing_more_is_taken(outbox: Outbox) -> None:
    for work in (
        outbox.append(entry(b"too late")),
        outbox.mark_acked("erp/orders", 1),
        outbox.reset_stream("x"),
    ):
        with pytest.raises(StorageDamaged) as caught:
            await work
        assert "Check the disk" in caught.value.hint
    assert (await outbox.failure()) is outbox._db.refused


async def test_a_disk_that_fails_anywhere_ends_the_writing_and_nothing_that_was_answered_is_lost(
    tmp_path: Path,
) -> None:
    """One failure, after which the disk would work again: no second try, for the kernel may have dropped the pages."""
    start = await started(tmp_path)
    disk = FailingDisk("outbox-fails")
    path = shutil.copy(start, tmp_path / "outbox.db")
    undisturbed, ended = await lived(path, "outbox-fails")
    assert ended is None
    for at in range(0, disk.asked, EVERY):
        for file in tmp_path.glob("outbox.db*"):
            file.unlink()
        shutil.copy(start, path)
        disk.at, disk.asked, disk.asked_after = at, 0, []

        states, _ = await lived(path, "outbox-fails")

        assert disk.asked > at
        assert disk.asked_after == [], at
        disk.at = None
        async with opened(path, limits=SMALL) as outbox:
            allowed = undisturbed[max(len(states) - 1, 0) : len(states) + 1]
            assert await state_of(outbox) in allowed, at


async def test_a_disk_that_is_full_anywhere_refuses_and_goes_on_by_itself_once_there_is_room(
    tmp_path: Path,
) -> None:
    start = await started(tmp_path)
    disk = FailingDisk("outbox-full", error=apsw.FullError)
    path = shutil.copy(start, tmp_path / "outbox.db")
    undisturbed, _ = await lived(path, "outbox-full")
    refused = 0
    for at in range(0, disk.asked, EVERY):
        for file in tmp_path.glob("outbox.db*"):
            file.unlink()
        shutil.copy(start, path)
        disk.at, disk.asked, disk.lasts = at, 0, 2

        outbox = await Outbox.open(path, clock=ManualClock(), limits=SMALL, vfs="outbox-full")
        for number in range(STEPS):
            refused += await persist(outbox, number)
            assert await state_of(outbox) == undisturbed[number + 1], at
        await outbox.aclose()
    assert refused > disk.asked // EVERY // 3  # the rest were met by copies of the log, which wait


async def one_change(outbox: Outbox, number: int) -> None:
    """The same one however often it is asked for."""
    (change,) = changes(outbox, Random(number), 1)
    await change()


async def persist(outbox: Outbox, number: int) -> int:
    """Try until it is taken, as the agent does; how often it was refused."""
    for refused in range(10):
        try:
            await one_change(outbox, number)
        except StorageFull:
            continue
        return refused
    raise AssertionError("the disk has had room for long, and the change is still refused")
