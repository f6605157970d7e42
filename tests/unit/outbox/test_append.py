from __future__ import annotations

import apsw
import pytest

from agent.errors import ConfigurationError, StorageDamaged
from agent.outbox.store import BatchTooLarge, Limits
from tests.unit.outbox.making import STREAM, all_pending, entry, letter, opened, segment


async def test_batches_get_growing_numbers_and_name_the_one_before_in_their_stream(outbox):
    assert await outbox.append(entry(b"a", b"b")) == (1, 2)
    assert await outbox.append(entry(b"c", stream="erp/vendors")) == (3,)
    assert await outbox.append(entry(b"d")) == (4,)

    chain = [(batch.stream, batch.seq, batch.prev) for batch in await all_pending(outbox)]
    assert chain == [(STREAM, 1, 0), (STREAM, 2, 1), ("erp/vendors", 3, 0), (STREAM, 4, 2)]


async def test_everything_of_an_entry_is_there_after_a_restart(path):
    async with opened(path) as outbox:
        await outbox.append(
            entry(b"a", checkpoint="c1", fingerprints=segment({"k1": 5}), letters=[letter("k2")])
        )

    async with opened(path) as outbox:
        assert [batch.payload for batch in await all_pending(outbox)] == [b"a"]
        assert await outbox.checkpoint(STREAM) == "c1"
        assert (await outbox.fingerprints(STREAM)).content_hashes.tolist() == [5]
        assert [found.key for found in await outbox.dead_letters()] == ["k2"]


async def test_an_entry_that_fails_half_way_leaves_nothing(outbox):
    await outbox.append(entry(b"a", checkpoint="c1"))
    broken = entry(b"b", checkpoint="c2", letters=[letter("\ud800")])  # a lone surrogate is no UTF-8

    with pytest.raises(Exception, match="surrogate"):
        await outbox.append(broken)

    assert len(await all_pending(outbox)) == 1
    assert await outbox.checkpoint(STREAM) == "c1"
    assert outbox.pending_bytes == 1
    assert await outbox.append(entry(b"b")) == (2,)


async def test_an_entry_without_a_checkpoint_leaves_it(outbox):
    await outbox.append(entry(checkpoint="c1"))
    await outbox.append(entry(b"a"))

    assert await outbox.checkpoint(STREAM) == "c1"
    assert await outbox.checkpoint("erp/vendors") is None


async def test_a_batch_that_no_frame_can_carry_is_refused(path):
    async with opened(path, limits=Limits(batch_bytes=10)) as outbox:
        with pytest.raises(BatchTooLarge, match="11 bytes"):
            await outbox.append(entry(b"x" * 11))

        assert await outbox.append(entry(b"x" * 10)) == (1,)


async def test_numbers_go_on_after_everything_was_pruned_and_the_file_reopened(path, clock):
    limits = Limits(replay_bytes=0)
    async with opened(path, clock=clock, limits=limits) as outbox:
        await outbox.append(entry(b"a", b"b"))
        await outbox.mark_acked(STREAM, 2)
        assert await outbox.prune() == 2

    async with opened(path, clock=clock, limits=limits) as outbox:
        await outbox.append(entry(b"c"))

        assert [(batch.seq, batch.prev) for batch in await all_pending(outbox)] == [(3, 2)]


@pytest.mark.parametrize(("low", "high"), [(2, 1), (-1, 1), (0, 0)])
def test_water_marks_that_cannot_work_are_refused(low, high):
    with pytest.raises(ConfigurationError, match="low-water mark"):
        Limits(low_water_bytes=low, high_water_bytes=high)


async def test_a_commit_waits_for_the_disk(outbox):
    """FULL: in a write-ahead log anything less keeps the newest commits in memory alone."""
    assert await outbox._run(lambda: outbox._db.connection.pragma("synchronous")) == 2


async def test_a_batch_whose_bytes_changed_on_the_disk_is_left_out_and_counted(outbox):
    await outbox.append(entry(b"right", b"other"))
    await outbox._run(lambda: outbox._db.run("UPDATE payload SET bytes = ? WHERE seq = 1", (b"wrong",)))

    assert [batch.payload for batch in await all_pending(outbox)] == [b"other"]
    assert outbox.damaged == 1


async def test_after_an_error_of_the_disk_nothing_more_is_written(outbox):
    def fails():
        raise apsw.IOError("disk I/O error")

    with pytest.raises(StorageDamaged):
        await outbox._run(fails)
    with pytest.raises(StorageDamaged):
        await outbox.append(entry(b"a"))
