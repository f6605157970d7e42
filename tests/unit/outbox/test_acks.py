from __future__ import annotations

import asyncio
import hashlib
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.outbox.limits import MAX_SEQ
from agent.outbox.store import BatchKind, Limits, UnknownAck
from tests.unit.outbox.making import STREAM, all_pending, entry, opened, segment

OTHER = "erp/vendors"


def chain(batches):
    return [(batch.seq, batch.prev) for batch in batches]


async def test_an_ack_settles_everything_of_its_stream_up_to_it(outbox):
    await outbox.append(entry(b"a", b"b"))
    await outbox.append(entry(b"c", stream=OTHER))
    await outbox.append(entry(b"d"))

    assert await outbox.mark_acked(STREAM, 2) == 2
    assert [batch.seq for batch in await all_pending(outbox)] == [3, 4]


async def test_repeated_and_late_acks_change_nothing(outbox):
    await outbox.append(entry(b"a", b"b", b"c"))
    await outbox.mark_acked(STREAM, 2)

    assert await outbox.mark_acked(STREAM, 2) == 0
    assert await outbox.mark_acked(STREAM, 1) == 0
    assert [batch.seq for batch in await all_pending(outbox)] == [3]


@pytest.mark.parametrize(("stream", "seq"), [(STREAM, 3), (STREAM, -1), ("erp/unknown", 1), (OTHER, 4)])
async def test_an_ack_of_what_was_never_enqueued_is_refused(outbox, stream, seq):
    await outbox.append(entry(b"a", b"b"))
    await outbox.append(entry(b"c", stream=OTHER))

    with pytest.raises(UnknownAck, match="never enqueued"):
        await outbox.mark_acked(stream, seq)

    assert len(await all_pending(outbox)) == 3


async def test_pending_is_bounded_by_count_and_bytes_and_never_empty_handed(outbox):
    await outbox.append(entry(b"x" * 100, b"y" * 10, b"z" * 10))

    async def seqs(after: int, batches: int, size: int) -> list[int]:
        found = await outbox.pending(after, limit_batches=batches, limit_bytes=size)
        return [batch.seq for batch in found]

    assert await seqs(0, 10, 5) == [1]
    assert await seqs(0, 10, 119) == [1, 2]
    assert await seqs(0, 10, 120) == [1, 2, 3]
    assert await seqs(0, 2, 1_000) == [1, 2]
    assert await seqs(1, 10, 1_000) == [2, 3]
    assert await seqs(3, 10, 1_000) == []


async def test_a_pending_batch_is_what_was_enqueued(outbox, clock):
    await outbox.append(entry(b"", kind=BatchKind.TOMBSTONES, run="run-7"))

    (batch,) = await all_pending(outbox)

    assert (batch.kind, batch.payload, batch.count, batch.run) == (BatchKind.TOMBSTONES, b"", 1, "run-7")
    assert batch.enqueued_at == clock.utcnow()
    assert batch.hash == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


async def test_behind_a_relay_that_is_ahead_numbers_go_on_and_the_stream_is_read_again(path):
    """The file came from a backup: what it numbers next, the relay must not take for a repeat."""
    async with opened(path) as outbox:
        await outbox.append(entry(b"a", checkpoint="c1", fingerprints=segment({"k1": 1})))
        await outbox.append(entry(b"other", stream=OTHER, checkpoint="o1"))
        with pytest.raises(UnknownAck):
            await outbox.mark_acked(STREAM, 500)

        await outbox.rewound(STREAM, 500)

        assert [batch.stream for batch in await all_pending(outbox)] == [OTHER]
        assert outbox.pending_bytes == len(b"other")
        assert (await outbox.fingerprints(STREAM)).content_hashes.tolist() == [0]
        assert await outbox.checkpoint(STREAM) is None
        assert await outbox.checkpoint(OTHER) == "o1"

    async with opened(path) as outbox:
        assert await outbox.append(entry(b"again")) == (501,)
        assert chain(await all_pending(outbox)) == [(2, 0), (501, 500)]
        assert await outbox.mark_acked(STREAM, 500) == 0


async def test_an_empty_outbox_goes_on_behind_the_relay(outbox):
    await outbox.rewound(STREAM, 9)

    assert await outbox.append(entry(b"a")) == (10,)
    assert chain(await all_pending(outbox)) == [(10, 9)]


async def test_a_position_that_is_acked_rewinds_nothing(outbox):
    await outbox.append(entry(b"a", b"b", checkpoint="c1"))
    await outbox.mark_acked(STREAM, 1)

    await outbox.rewound(STREAM, 1)

    assert await outbox.checkpoint(STREAM) == "c1"
    assert len(await all_pending(outbox)) == 1


async def test_what_another_copy_sent_under_our_numbers_is_not_ours(outbox):
    """A restored file that went on alone: the relay's batch 2 is not the 2 that waits here."""
    await outbox.append(entry(b"a", b"mine", b"more"))
    await outbox.append(entry(b"other", stream=OTHER))
    await outbox.mark_acked(STREAM, 1)
    mine = hashlib.sha256(b"mine").hexdigest()[:16]

    assert await outbox.holds(STREAM, 2, mine)
    assert await outbox.holds(STREAM, 2, None)
    assert await outbox.holds(STREAM, 1, "0" * 16)  # acked here: the relay is merely behind
    assert not await outbox.holds(STREAM, 2, "0" * 16)
    assert not await outbox.holds(STREAM, 4, None)  # another stream's number
    assert not await outbox.holds(STREAM, 9, None)
    assert not await outbox.holds("erp/unknown", 1, None)


async def test_behind_another_copy_s_batch_numbers_go_on_and_the_stream_is_read_again(outbox):
    await outbox.append(entry(b"a", b"b", b"c", checkpoint="c1"))

    await outbox.rewound(STREAM, 2)

    assert await outbox.checkpoint(STREAM) is None
    assert await outbox.append(entry(b"again")) == (4,)
    assert chain(await all_pending(outbox)) == [(4, 2)]
    assert await outbox.mark_acked(STREAM, 4) == 1


@pytest.mark.parametrize("seq", [-1, MAX_SEQ, 2**63])
async def test_an_impossible_position_is_refused(outbox, seq):
    with pytest.raises(UnknownAck, match="out of range"):
        await outbox.rewound(STREAM, seq)


async def test_a_relay_that_lost_acked_batches_gets_them_again(outbox):
    await outbox.append(entry(b"a", b"b", b"c", checkpoint="c1"))
    await outbox.mark_acked(STREAM, 3)
    outbox.changed.clear()

    assert await outbox.replay(STREAM, 1) == 2

    assert chain(await all_pending(outbox)) == [(2, 1), (3, 2)]
    assert await outbox.checkpoint(STREAM) == "c1"
    assert outbox.changed.is_set()
    assert await outbox.mark_acked(STREAM, 3) == 2


async def test_behind_what_is_pruned_already_the_chain_is_closed_and_the_stream_read_again(path, clock):
    async with opened(path, clock=clock, limits=Limits(replay_window=timedelta(hours=1))) as outbox:
        await outbox.append(entry(b"a", b"b", checkpoint="c1"))
        await outbox.mark_acked(STREAM, 2)
        clock.advance(3_601)
        await outbox.prune()
        await outbox.append(entry(b"c", b"d"))
        await outbox.mark_acked(STREAM, 3)

        assert await outbox.replay(STREAM, 1) == 1

        assert chain(await all_pending(outbox)) == [(3, 1), (4, 3)]
        assert await outbox.checkpoint(STREAM) is None


async def test_a_relay_that_forgot_a_fully_pruned_stream_is_followed_from_zero(path, clock):
    async with opened(path, clock=clock, limits=Limits(replay_bytes=0)) as outbox:
        await outbox.append(entry(b"a", checkpoint="c1"))
        await outbox.mark_acked(STREAM, 1)
        await outbox.prune()

        assert await outbox.replay(STREAM, 0) == 0

        assert await outbox.checkpoint(STREAM) is None
        await outbox.append(entry(b"b"))
        assert chain(await all_pending(outbox)) == [(2, 0)]


async def test_a_replay_of_a_whole_chain_changes_nothing(outbox):
    await outbox.append(entry(b"a", b"b", checkpoint="c1"))
    await outbox.mark_acked(STREAM, 1)

    assert await outbox.replay(STREAM, 1) == 0

    assert chain(await all_pending(outbox)) == [(2, 1)]
    assert await outbox.checkpoint(STREAM) == "c1"


@pytest.mark.parametrize("seq", [2, -1])
async def test_a_replay_from_what_was_never_enqueued_is_refused(outbox, seq):
    await outbox.append(entry(b"a"))

    with pytest.raises(UnknownAck):
        await outbox.replay(STREAM, seq)


@settings(max_examples=25)
@given(
    course=st.permutations(range(1, 9)),
    owners=st.lists(st.sampled_from([STREAM, OTHER]), min_size=8, max_size=8),
)
def test_acks_in_any_order_settle_what_the_highest_of_each_stream_says(course, owners):
    """The last one to come says nothing, the highest does (K15); what was settled never comes back."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_acked_in_order(Path(folder) / "outbox.db", course, owners))


async def _acked_in_order(path, course, owners):
    async with opened(path) as outbox:
        for owner in owners:
            await outbox.append(entry(b"a", stream=owner))
        highest = {STREAM: 0, OTHER: 0}
        for seq in course:
            owner = owners[seq - 1]
            highest[owner] = max(highest[owner], seq)
            await outbox.mark_acked(owner, seq)

            waiting = [number for number, each in enumerate(owners, 1) if number > highest[each]]
            assert [batch.seq for batch in await all_pending(outbox)] == waiting
