"""Outbox, feed, both sessions and the relay's store over a line that loses, swaps and repeats, in any order of events.

In one example either the agent's file or the relay's may be put back from a copy. The law: once everything has
calmed down, the relay holds all of the source; and, if nothing was put back, each of it exactly once and in order.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import tempfile
from collections import deque
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.clock import ManualClock
from agent.outbox.store import Limits, Outbox
from agent.protocol.events import Acked, AgentProved, BatchReceived, GapReported, Refused, Welcomed
from agent.protocol.frames import Hello
from agent.protocol.session import AgentSession, KnownAgent, RelaySession
from agent.tunnel.feed import BatchFeed
from relay.store.base import AppendOutcome, NewBatch
from relay.store.sqlite import SqliteStore
from tests.unit.outbox.making import entry
from tests.unit.relay.making import NOW, enrolled

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
NAMES = ("erp/orders", "erp/vendors")
STREAMS = st.sampled_from(NAMES)
LIMITS = Limits(replay_window=timedelta(hours=1), replay_bytes=200, wal_bytes=200_000)
CREDIT = 4


class Line:
    """One session of both sides, and what is on its way between them."""

    def __init__(self, outbox: Outbox) -> None:
        self.agent = AgentSession(Hello(1, 1, "agent-1", 1, "test"), sign=KEY.sign, now=0.0)
        self.relay = RelaySession(relay="r", nonce=bytes(32), now=0.0)
        self.feed = BatchFeed(outbox, self.agent)
        self.up: deque[str | bytes] = deque()
        self.down: deque[str | bytes] = deque()

    def write(self) -> None:
        self.up += self.agent.messages_to_send()
        self.down += self.relay.messages_to_send()


class TunnelMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.scratch = tempfile.TemporaryDirectory()
        self.folder = Path(self.scratch.name)
        self.clock = ManualClock(NOW)
        self.source = dict.fromkeys(NAMES, 0)  # so many records; a record is its number
        self.line: Line | None = None
        self.put_back = False

    @initialize(agent_may_go_back=st.booleans())
    def begin(self, agent_may_go_back) -> None:
        self.copied = "outbox.db" if agent_may_go_back else "relay.db"
        self._do(self._open())
        self.identity = self._do(enrolled(self.store))
        self.take_a_copy()

    @rule(stream=STREAMS, more=st.integers(0, 3))
    def run(self, stream, more) -> None:
        """What a run does: everything behind the checkpoint, in one transaction with the next one."""
        self.source[stream] += more
        self._do(self._sync(stream))

    @precondition(lambda self: self.line is None)
    @rule()
    def connect(self) -> None:
        self.line = Line(self.outbox)
        self.line.write()

    @precondition(lambda self: self.line is not None)
    @rule(count=st.integers(1, 6))
    def send(self, count) -> None:
        self._do(self._send(count))

    @precondition(lambda self: self.line is not None)
    @rule(count=st.integers(1, 6))
    def arrive_at_relay(self, count) -> None:
        self._do(self._at_relay(count))

    @precondition(lambda self: self.line is not None)
    @rule(count=st.integers(1, 6))
    def arrive_at_agent(self, count) -> None:
        self._do(self._at_agent(count))

    @precondition(lambda self: self.line is not None)
    @rule(data=st.data())
    def lose_repeat_or_swap_acks(self, data) -> None:
        assert self.line is not None
        down = list(self.line.down)
        acks = [place for place, message in enumerate(down) if '"type":"ack"' in str(message)]
        if not acks:
            return
        place = data.draw(st.sampled_from(acks))
        fate = data.draw(st.sampled_from(["lost", "repeated", "swapped"]))
        if fate == "lost":
            del down[place]
        elif fate == "repeated":
            down.insert(place, down[place])
        else:
            down[place], down[acks[-1]] = down[acks[-1]], down[place]
        self.line.down = deque(down)

    @rule()
    def cut(self) -> None:
        self.line = None

    @rule(minutes=st.integers(0, 90))
    def prune(self, minutes) -> None:
        self.clock.advance(minutes * 60)
        self._do(self.outbox.prune())

    @rule()
    def both_start_anew(self) -> None:
        self.line = None
        self._do(self._close())
        self._do(self._open())

    @rule()
    def take_a_copy(self) -> None:
        self._do(self._close())
        self._copy()
        self.line = None
        self._do(self._open())

    @rule()
    def put_the_copy_back(self) -> None:
        self.line = None
        self.put_back = True
        self._do(self._close())
        for file in self.folder.glob(f"{self.copied}*"):
            file.unlink()
        shutil.copy(self.folder / "copy", self.folder / self.copied)
        self._do(self._open())

    @invariant()
    def what_is_stored_is_what_was_sent_once_and_in_order(self) -> None:
        if hasattr(self, "store") and not self.put_back:
            for stream, stored in self._do(self._stored()).items():
                assert stored == list(range(len(stored))), stream
                assert len(stored) <= self.source[stream]

    def teardown(self) -> None:
        try:
            if hasattr(self, "store"):
                self._do(self._calm_down())
                for stream, stored in self._do(self._stored()).items():
                    assert set(stored) == set(range(self.source[stream])), stream
                stats = self._do(self.outbox.stats())
                assert stats.pending_batches == 0
                self._do(self._close())
        finally:
            self.loop.close()
            self.scratch.cleanup()

    async def _calm_down(self) -> None:
        for _ in range(3):  # a session may end in a word of its own; what it then asks for is a run
            self.line = Line(self.outbox)
            for _ in range(200):
                self.line.write()
                if self.line.agent.open:
                    for stream in NAMES:
                        await self._sync(stream)
                await self._send(CREDIT)
                await self._at_relay(CREDIT)
                await self._at_agent(2 * CREDIT)
                if self.line is None:
                    break

    async def _sync(self, stream: str) -> None:
        checkpoint = await self.outbox.checkpoint(stream)
        numbers = list(range(int(checkpoint or 0), self.source[stream]))
        payloads = [json.dumps(numbers).encode()] if numbers else []
        await self.outbox.append(entry(*payloads, stream=stream, checkpoint=str(self.source[stream])))

    async def _send(self, count: int) -> None:
        assert self.line is not None
        self.line.feed.more()
        for _ in range(count):
            if not await self.line.feed.queue_next():
                break
        self.line.write()

    async def _at_relay(self, count: int) -> None:
        line = self.line
        assert line is not None
        for _ in range(min(count, len(line.up))):
            for event in line.relay.receive(line.up.popleft(), 0.0):
                if isinstance(event, AgentProved):
                    line.relay.authenticate(KnownAgent(KEY.public_key().public_bytes_raw(), 1))
                    ends = await self.store.stream_ends(self.identity)
                    line.relay.send_welcome(
                        session="s",
                        positions={stream: end.seq for stream, end in ends.items()},
                        hashes={stream: end.hash for stream, end in ends.items()},
                        credit=CREDIT,
                        now=0.0,
                    )
                elif isinstance(event, BatchReceived):
                    await self._store(line, event)
            line.write()

    async def _store(self, line: Line, event: BatchReceived) -> None:
        batch = event.batch
        new = NewBatch(
            tenant=self.identity.tenant, agent=self.identity.id, lineage=self.identity.lineage,
            epoch=self.identity.epoch,             stream=batch.stream, entity=batch.entity, run=batch.run, kind=batch.kind, seq=batch.seq,
            prev=batch.prev, count=batch.count, hash=hashlib.sha256(batch.payload).hexdigest(),
            payload=batch.payload, received_at=NOW,
        )  # fmt: skip
        (outcome,) = await self.store.append_batches([new])
        assert outcome.outcome is AppendOutcome.APPENDED
        line.relay.acknowledge(batch.stream, batch.seq)
        line.relay.grant(1)

    async def _at_agent(self, count: int) -> None:
        line = self.line
        assert line is not None
        for _ in range(min(count, len(line.down))):
            for event in line.agent.receive(line.down.popleft(), 0.0):
                if isinstance(event, Welcomed):
                    await line.feed.begin(event.positions, event.hashes)
                    line.agent.confirm(0.0)
                elif isinstance(event, Acked):
                    await self.outbox.mark_acked(event.stream, event.seq)
                elif isinstance(event, GapReported):
                    line.feed.gap(event.stream, event.last)
                else:
                    assert not isinstance(event, Refused), event
            line.write()

    async def _stored(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {stream: [] for stream in NAMES}
        for header in await self.store.headers(0, 10_000):
            batch = await self.store.batch(header.position)
            assert batch is not None
            found[header.stream] += json.loads(batch.payload)
        return found

    async def _open(self) -> None:
        self.outbox = await Outbox.open(self.folder / "outbox.db", clock=self.clock, limits=LIMITS)
        self.store = await SqliteStore.open(self.folder / "relay.db")

    async def _close(self) -> None:
        await self.outbox.aclose()
        await self.store.aclose()

    def _copy(self) -> None:
        shutil.copy(self.folder / self.copied, self.folder / "copy")

    def _do(self, work):
        return self.loop.run_until_complete(work)


TunnelMachine.TestCase.settings = settings(stateful_step_count=30, max_examples=15)
test_whatever_happens_the_relay_ends_with_all_of_the_source = TunnelMachine.TestCase
