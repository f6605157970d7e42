from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from agent.errors import StorageFull
from agent.protocol.frames import Batch, ProtocolFault
from agent.protocol.session import AgentSession
from agent.tunnel.feed import MAX_GAPS_PER_STREAM, BatchFeed
from tests.integration.tunnel_peer import FakeOutbox


class OpenSession:
    """As much of a session as the feed touches, always open."""

    def __init__(self, credit: int = 100, largest: int = 10**9) -> None:
        self.open = True
        self.credit = credit
        self.largest = largest
        self.held_back: frozenset[str] = frozenset()
        self.sent: list[Batch] = []

    def fits(self, batch: Batch) -> bool:
        return len(batch.payload) <= self.largest

    def takes(self, stream: str) -> bool:
        return stream.partition("/")[0] not in self.held_back

    def send_batch(self, batch: Batch) -> None:
        self.credit -= 1
        self.sent.append(batch)

    @property
    def seqs(self) -> list[int]:
        return [batch.seq for batch in self.sent]


class Bench:
    def __init__(self, **session: int) -> None:
        self.outbox = FakeOutbox()
        self.session = OpenSession(**session)
        as_session: AgentSession = self.session  # type: ignore[assignment]
        self.policy: int | None = 1
        self.feed = BatchFeed(self.outbox, as_session, lambda: self.policy)

    async def begin(
        self, positions: Mapping[str, int] | None = None, hashes: Mapping[str, str] | None = None
    ) -> None:
        await self.feed.begin(positions or {}, hashes or {})

    async def drain(self) -> list[int]:
        while await self.feed.queue_next():
            pass
        return self.session.seqs


async def test_oldest_first_over_all_streams() -> None:
    bench = Bench()
    for stream in ("e/a", "e/b", "e/a", "e/b"):
        bench.outbox.add(stream)
    await bench.begin()

    assert await bench.drain() == [1, 2, 3, 4]


async def test_a_backlog_of_many_reads_goes_out_whole() -> None:
    bench = Bench(credit=1_000)
    for _ in range(200):
        bench.outbox.add("e/a")
    await bench.begin()

    assert await bench.drain() == list(range(1, 201))


async def test_no_more_than_credit() -> None:
    bench = Bench(credit=2)
    for _ in range(5):
        bench.outbox.add("e/a")
    await bench.begin()

    assert await bench.drain() == [1, 2]
    bench.session.credit = 1
    assert await bench.drain() == [1, 2, 3]


async def test_what_the_relay_has_is_settled_and_not_sent() -> None:
    bench = Bench()
    for _ in range(4):
        bench.outbox.add("e/a")
    await bench.begin({"e/a": 3})

    assert await bench.drain() == [4]
    assert bench.outbox.acked == {"e/a": 3}


async def test_an_empty_outbox_is_asked_again_only_when_it_changed() -> None:
    bench = Bench()
    await bench.begin()
    await bench.drain()
    bench.outbox.add("e/a")
    assert await bench.drain() == []

    bench.feed.more()
    assert await bench.drain() == [1]


async def test_a_gap_sends_its_stream_again_and_no_other() -> None:
    bench = Bench()
    for stream in ("e/a", "e/b", "e/a", "e/b"):
        bench.outbox.add(stream)
    await bench.begin()
    await bench.drain()
    bench.session.sent.clear()
    bench.feed.gap("e/a", 1)

    assert await bench.drain() == [3]


async def test_gaps_without_end_end_the_session() -> None:
    bench = Bench()
    for _ in range(MAX_GAPS_PER_STREAM):
        bench.feed.gap("e/a", 1)
    with pytest.raises(ProtocolFault):
        bench.feed.gap("e/a", 1)


async def test_a_relay_behind_what_it_acked_gets_the_rest_again() -> None:
    bench = Bench()
    for _ in range(4):
        bench.outbox.add("e/a")
    await bench.outbox.mark_acked("e/a", 4)
    await bench.begin({"e/a": 2})

    assert await bench.drain() == [3, 4]
    assert bench.outbox.replays == [("e/a", 2)]


async def test_a_relay_that_knows_nothing_gets_everything_again() -> None:
    """A new relay, or an agent enrolled anew."""
    bench = Bench()
    bench.outbox.add("e/a")
    await bench.outbox.mark_acked("e/a", 1)
    await bench.begin({})

    assert await bench.drain() == [1]


async def test_a_relay_ahead_makes_the_outbox_number_on() -> None:
    bench = Bench()
    bench.outbox.add("e/a")
    await bench.begin({"e/a": 70})
    bench.outbox.add("e/a")

    assert await bench.drain() == [71]
    assert bench.outbox.rewinds == [("e/a", 70)]
    assert bench.session.sent[0].prev == 70


async def test_a_chain_that_cannot_be_mended_holds_up_its_stream_alone() -> None:
    bench = Bench()
    bench.outbox.last["e/a"] = 7  # the first batch names one that never was
    bench.outbox.next_seq = 8
    bench.outbox.add("e/a")
    bench.outbox.add("e/b")
    await bench.begin()

    assert await bench.drain() == [9]


async def test_a_batch_above_the_relays_limit_holds_up_its_stream_alone() -> None:
    bench = Bench(largest=10)
    bench.outbox.add("e/a", bytes(11))
    bench.outbox.add("e/a")
    bench.outbox.add("e/b")
    await bench.begin()

    assert await bench.drain() == [3]


async def test_nothing_is_sent_once_the_session_is_not_open() -> None:
    bench = Bench()
    bench.outbox.add("e/a")
    await bench.begin()
    bench.session.open = False

    assert await bench.drain() == []


async def test_another_copy_s_batch_under_our_number_is_not_taken_for_ours() -> None:
    bench = Bench()
    bench.outbox.add("e/a", b"mine")
    ours = bench.outbox.batches[0].hash

    await bench.begin({"e/a": 1}, {"e/a": "0" * 16})

    assert bench.outbox.rewinds == [("e/a", 1)]

    bench = Bench()
    bench.outbox.add("e/a", b"mine")
    await bench.begin({"e/a": 1}, {"e/a": ours[:16]})
    assert bench.outbox.rewinds == []
    assert await bench.drain() == []


async def test_while_no_policy_is_in_force_nothing_is_sent_not_even_what_was_read_ahead() -> None:
    bench = Bench(credit=1)
    for _ in range(3):
        bench.outbox.add("e/a")
    await bench.begin()
    await bench.drain()
    bench.session.credit, bench.policy = 10, None

    assert await bench.drain() == [1]
    bench.policy = 2
    assert await bench.drain() == [1, 2, 3]


async def test_what_was_taken_back_under_another_policy_is_not_sent_though_it_was_read_ahead() -> None:
    bench = Bench(credit=1)
    for _ in range(3):
        bench.outbox.add("e/a")
    await bench.begin()
    await bench.drain()
    del bench.outbox.batches[1]
    bench.outbox.batches[1] = replace(bench.outbox.batches[1], prev=1)
    bench.session.credit, bench.policy = 10, 2

    assert await bench.drain() == [1, 3]


async def test_on_a_full_disk_what_the_relay_has_is_passed_over_and_the_rest_is_sent() -> None:
    """The ack cannot be noted; sending goes on all the same."""
    bench = Bench()
    for _ in range(4):
        bench.outbox.add("e/a")

    async def full(stream: str, seq: int) -> int:
        raise StorageFull(where=f"{stream} {seq}")

    bench.outbox.mark_acked = full  # type: ignore[method-assign]
    await bench.begin({"e/a": 2})

    assert await bench.drain() == [3, 4]


async def test_what_a_refused_connection_has_stays_and_the_others_go_on() -> None:
    """G168."""
    bench = Bench()
    for stream in ("nav/a", "erp/a", "nav/a", "erp/a"):
        bench.outbox.add(stream)
    bench.session.held_back = frozenset({"nav"})
    await bench.begin()
    assert await bench.drain() == [2, 4]

    bench.session.held_back = frozenset()
    bench.feed.taken_again()
    assert await bench.drain() == [2, 4, 1, 3]
