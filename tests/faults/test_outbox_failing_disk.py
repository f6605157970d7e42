"""F05, F06: disks that are full or fail under the outbox."""

from __future__ import annotations

import asyncio

import apsw
import pytest

from agent.clock import ManualClock
from agent.errors import (
    StorageDamaged,
    StorageFull,
)
from agent.outbox.store import Limits, Outbox
from tests.faults.outbox_files import filled
from tests.unit.outbox.making import STREAM, all_pending, entry, opened


class FailingFile(apsw.VFSFile):
    def __init__(self, failures: Failures, name, flags) -> None:
        self._failures = failures
        super().__init__("", name, flags)

    def xWrite(self, data, offset):
        if self._failures.full:
            raise apsw.FullError("no space left on device")
        super().xWrite(data, offset)

    def xSync(self, flags):
        if self._failures.sync:
            self._failures.failed_syncs += 1
            raise apsw.IOError("fsync failed")
        super().xSync(flags)


class Failures(apsw.VFS):
    """The platform's VFS with a disk that can be made full or failing."""

    def __init__(self, name: str) -> None:
        self.full = False
        self.sync = False
        self.failed_syncs = 0
        super().__init__(name, "")

    def xOpen(self, name, flags):
        return FailingFile(self, name, flags)


async def test_a_full_disk_stops_appends_until_there_is_room(tmp_path):
    path = tmp_path / "outbox.db"
    failures = Failures("full")
    async with opened(path, vfs="full") as outbox:
        await outbox.append(entry(b"a", checkpoint="c1"))
        failures.full = True
        with pytest.raises(StorageFull):
            await outbox.append(entry(b"b" * 100_000, checkpoint="c2"))

        assert [batch.payload for batch in await all_pending(outbox)] == [b"a"]
        assert await outbox.checkpoint(STREAM) == "c1"
        assert outbox.pending_bytes == 1

        failures.full = False
        assert await outbox.append(entry(b"c", checkpoint="c2")) == (2,)


async def test_a_prune_that_meets_a_full_disk_works_later(tmp_path):
    failures = Failures("full-prune")
    limits = Limits(replay_bytes=0)
    async with opened(tmp_path / "outbox.db", vfs="full-prune", limits=limits) as outbox:
        await outbox.append(entry(b"a" * 50_000, b"b" * 50_000))
        await outbox.mark_acked(STREAM, 2)
        failures.full = True
        with pytest.raises(StorageFull):
            await outbox.prune()
        failures.full = False

        assert await outbox.prune() == 2
        assert (await outbox.stats()).kept_bytes == 0


async def test_a_full_disk_while_the_log_is_copied_loses_no_commit(tmp_path):
    path = tmp_path / "outbox.db"
    failures = Failures("full-copy")
    outbox = await Outbox.open(path, clock=ManualClock(), vfs="full-copy", limits=Limits(wal_bytes=1))
    await outbox.append(entry(b"a"))
    outbox._db.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    original = outbox._db.connection

    class FullWhenCopying:
        def __getattr__(self, name):
            return getattr(original, name)

        def wal_checkpoint(self, **_):
            raise apsw.FullError("no space left on device")

    outbox._db.connection = FullWhenCopying()
    assert await outbox.append(entry(b"b")) == (2,)
    outbox._db.connection = original
    assert await outbox.append(entry(b"c")) == (3,)
    await outbox.aclose()
    assert not failures.full


async def test_after_a_failed_fsync_nothing_more_is_written(tmp_path):
    """The kernel may report success for the next fsync of pages that it dropped."""
    path = tmp_path / "outbox.db"
    failures = Failures("fsync")
    outbox = await Outbox.open(path, clock=ManualClock(), vfs="fsync")
    await outbox.append(entry(b"a", checkpoint="c1"))
    failures.sync = True
    with pytest.raises(StorageDamaged, match="failed") as caught:
        await outbox.append(entry(b"b", checkpoint="c2"))
    assert "disk" in caught.value.hint
    failures.sync = False
    asked = failures.failed_syncs

    assert await asyncio.wait_for(outbox.failure(), 10) is outbox._db.refused
    with pytest.raises(StorageDamaged):
        await outbox.append(entry(b"c", checkpoint="c3"))
    with pytest.raises(StorageDamaged):
        await outbox.mark_acked(STREAM, 1)
    await outbox.aclose()

    assert failures.failed_syncs == asked
    async with opened(path) as again:
        assert await again.checkpoint(STREAM) in ("c1", "c2")
        assert (await all_pending(again))[0].payload == b"a"


async def test_a_failed_fsync_while_the_log_is_copied_stops_the_next_write(tmp_path):
    failures = Failures("fsync-copy")
    outbox = await Outbox.open(
        tmp_path / "outbox.db", clock=ManualClock(), vfs="fsync-copy", limits=Limits(wal_bytes=1)
    )

    class FailsWhenCopying:
        def __init__(self, connection) -> None:
            self._connection = connection

        def __getattr__(self, name):
            return getattr(self._connection, name)

        def wal_checkpoint(self, **arguments):
            failures.sync = True
            try:
                return self._connection.wal_checkpoint(**arguments)
            finally:
                failures.sync = False

    outbox._db.connection = FailsWhenCopying(outbox._db.connection)
    assert await outbox.append(entry(b"a")) == (1,)
    assert isinstance(await asyncio.wait_for(outbox.failure(), 10), StorageDamaged)
    with pytest.raises(StorageDamaged):
        await outbox.append(entry(b"b"))
    await outbox.aclose()

    async with opened(tmp_path / "outbox.db") as again:
        assert [batch.payload for batch in await all_pending(again)] == [b"a"]


async def test_an_outbox_opens_on_a_full_disk_and_hands_out_what_it_holds(tmp_path):
    path = tmp_path / "outbox.db"
    await filled(path)
    failures = Failures("full-opening")
    failures.full = True

    async with opened(path, vfs="full-opening") as outbox:
        assert len(await all_pending(outbox)) == 3
        with pytest.raises(StorageFull):
            await outbox.append(entry(b"a"))
        failures.full = False
        assert await outbox.append(entry(b"a")) == (4,)
