from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from agent.errors import GroundwireError
from agent.outbox.store import Limits, Outbox, OutboxClosed
from tests.unit.outbox.making import STREAM, all_pending, entry, opened, turn

MARKS = Limits(high_water_bytes=100, low_water_bytes=50)


async def has_room(outbox: Outbox) -> bool:
    waiting = asyncio.ensure_future(outbox.wait_for_room())
    await turn()
    done = waiting.done()
    waiting.cancel()
    assert outbox.reading_paused is not done
    return done


async def test_reading_pauses_at_the_high_mark_and_goes_on_at_the_low_one(path):
    async with opened(path, limits=MARKS) as outbox:
        await outbox.append(entry(b"x" * 40, b"x" * 59))
        assert await has_room(outbox)
        await outbox.append(entry(b"x"))
        assert not await has_room(outbox)
        await outbox.mark_acked(STREAM, 1)
        assert not await has_room(outbox)
        waiting = asyncio.ensure_future(outbox.wait_for_room())
        await outbox.mark_acked(STREAM, 2)
        await waiting
        assert await has_room(outbox)


async def test_an_outbox_that_holds_more_than_its_new_limit_opens_and_drains(path):
    """Halve the limit, restart: what is stored is sent, nothing new is read meanwhile."""
    async with opened(path) as outbox:
        await outbox.append(entry(b"x" * 90, b"y" * 90))

    async with opened(path, limits=MARKS) as outbox:
        assert not await has_room(outbox)
        assert len(await all_pending(outbox)) == 2
        await outbox.mark_acked(STREAM, 2)
        assert await has_room(outbox)


async def test_between_the_marks_a_restarted_agent_reads(path):
    async with opened(path) as outbox:
        await outbox.append(entry(b"x" * 70))

    async with opened(path, limits=MARKS) as outbox:
        assert await has_room(outbox)


async def test_the_link_is_woken_by_what_becomes_pending_and_by_nothing_else(outbox):
    assert not outbox.changed.is_set()
    await outbox.append(entry(checkpoint="c1"))
    assert not outbox.changed.is_set()

    waiting = asyncio.ensure_future(outbox.changed.wait())
    await outbox.append(entry(b"a"))
    await waiting

    outbox.changed.clear()
    await outbox.mark_acked(STREAM, 1)
    assert not outbox.changed.is_set()


async def test_after_a_restart_the_link_finds_what_is_pending(path):
    async with opened(path) as outbox:
        await outbox.append(entry(b"a"))

    async with opened(path) as outbox:
        assert outbox.changed.is_set()


async def test_acked_batches_are_pruned_after_the_replay_window(path, clock):
    async with opened(path, clock=clock, limits=Limits(replay_window=timedelta(hours=1))) as outbox:
        await outbox.append(entry(b"aaa", b"bb", b"c"))
        await outbox.mark_acked(STREAM, 2)
        clock.advance(3_600)
        assert await outbox.prune() == 0
        clock.advance(1)

        assert await outbox.prune() == 2
        stats = await outbox.stats()
        assert (stats.kept_bytes, stats.pending_bytes) == (0, 1)


async def test_a_prune_of_many_batches_takes_many_small_transactions(path, monkeypatch):
    monkeypatch.setattr("agent.outbox.pruning.PRUNE_BATCHES", 2)
    async with opened(path, limits=Limits(replay_bytes=0)) as outbox:
        await outbox.append(entry(*[b"x"] * 5))
        await outbox.mark_acked(STREAM, 5)

        assert await outbox.prune() == 5


async def test_space_beyond_what_is_kept_for_reuse_goes_back_to_the_file_system(path, monkeypatch):
    monkeypatch.setattr("agent.outbox.pruning.FREE_BYTES_KEPT", 100_000)
    monkeypatch.setattr("agent.outbox.pruning.VACUUM_PAGES", 8)
    async with opened(path, limits=Limits(replay_bytes=0, wal_bytes=1)) as outbox:
        await outbox.append(entry(b"x" * 1_000_000))
        grown = path.stat().st_size
        await outbox.mark_acked(STREAM, 1)
        await outbox.prune()

        assert path.stat().st_size < grown - 800_000


async def test_freed_pages_are_used_again(path):
    async with opened(path, limits=Limits(replay_bytes=0, wal_bytes=1)) as outbox:
        sizes = []
        for seq in range(1, 20):
            await outbox.append(entry(b"x" * 500_000))
            await outbox.mark_acked(STREAM, seq)
            await outbox.prune()
            sizes.append(path.stat().st_size)

        assert max(sizes[5:]) == sizes[5]


async def test_counts_after_a_restart_equal_those_kept_along_the_way(path, clock):
    limits = Limits(replay_bytes=5)
    async with opened(path, clock=clock, limits=limits) as outbox:
        await outbox.append(entry(b"aaaa", b"bbb"))
        clock.advance(1)
        await outbox.append(entry(b"cc", stream="erp/vendors"))
        await outbox.mark_acked(STREAM, 1)
        await outbox.append(entry(b"d"))
        await outbox.mark_acked(STREAM, 2)
        await outbox.prune()
        before = (await outbox.stats(), outbox._db.levels.pending_bytes, outbox._db.levels.kept_bytes)

    async with opened(path, clock=clock, limits=limits) as outbox:
        after = await outbox.stats()
        assert after.streams == before[0].streams
        assert (after.pending_bytes, after.kept_bytes) == before[1:] == (3, 3)
        assert (outbox.pending_bytes, outbox._db.levels.kept_bytes) == (3, 3)
        assert after.streams["erp/vendors"].oldest_enqueued_at == after.oldest_enqueued_at


CALLS = {
    "append": lambda outbox: outbox.append(entry(b"new", checkpoint="c2")),
    "mark_acked": lambda outbox: outbox.mark_acked(STREAM, 1),
    "rewound": lambda outbox: outbox.rewound(STREAM, 70),
    "prune": lambda outbox: outbox.prune(),
    "pending": lambda outbox: outbox.pending(0, limit_batches=9, limit_bytes=9),
    "reset": lambda outbox: outbox.reset_stream(STREAM),
    "requeue": lambda outbox: outbox.requeue([1]),
    "stats": lambda outbox: outbox.stats(),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
async def test_a_cancelled_call_has_happened_whole_or_not_at_all_and_the_store_goes_on(path, name, turns):
    async with opened(path) as outbox:
        await outbox.append(entry(b"first", checkpoint="c1"))
        call = asyncio.ensure_future(CALLS[name](outbox))
        for _ in range(turns):
            await turn()
        call.cancel()
        call.cancel()
        await asyncio.wait([call])

        assert outbox._db.levels.pending_bytes == (await outbox.stats()).pending_bytes
        if name == "append":
            new = [batch for batch in await all_pending(outbox) if batch.payload == b"new"]
            assert (await outbox.checkpoint(STREAM) == "c2") == bool(new)
        await outbox.append(entry(b"after"))
        assert (await all_pending(outbox))[-1].payload == b"after"


async def test_a_commit_that_began_runs_to_its_end_and_is_announced_though_its_caller_is_cancelled(outbox):
    call = asyncio.ensure_future(outbox.append(entry(b"a", checkpoint="c1")))
    await turn()  # handed over to the store's thread
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call

    assert outbox.changed.is_set()
    assert outbox.pending_bytes == 1
    assert await outbox.checkpoint(STREAM) == "c1"


async def test_closing_waits_for_what_was_handed_over_and_is_harmless_again(path, clock):
    outbox = await Outbox.open(path, clock=clock)
    late = asyncio.ensure_future(outbox.append(entry(b"a")))
    await turn()
    await outbox.aclose()
    assert await late == (1,)
    await outbox.aclose()

    with pytest.raises(OutboxClosed) as caught:
        await outbox.stats()
    assert isinstance(caught.value, GroundwireError)


async def test_the_outbox_closes_behind_a_with_block(path, clock):
    async with await Outbox.open(path, clock=clock) as outbox:
        await outbox.append(entry(b"a"))

    assert not path.with_name("outbox.db-wal").exists()


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
async def test_an_opening_that_is_cancelled_leaves_nothing_open(path, clock, turns):
    opening = asyncio.ensure_future(Outbox.open(path, clock=clock))
    for _ in range(turns):
        await turn()
    opening.cancel()
    await asyncio.wait([opening])

    async with opened(path) as outbox:
        assert await outbox.append(entry(b"a")) == (1,)
