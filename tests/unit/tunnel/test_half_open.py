"""A line that is dead in one direction or both, with the heartbeat as it is shipped, in time that the test moves."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.errors import Unreachable
from agent.identity import Identity, IdentityStore
from agent.protocol.events import AgentProved, BatchReceived
from agent.protocol.session import KnownAgent, RelaySession
from agent.tunnel.endpoint import Endpoint, make_endpoint
from agent.tunnel.link import Link, LinkPhase
from relay.settings import Gateway
from tests.integration.tunnel_peer import FakeOutbox, FakeSink, FakeStatus
from tests.unit.tunnel.test_link import SteppedClock, until

STEP_SECONDS = 2.5
LONG = b"x" * 40_000  # travels in parts


class RelayEnd:
    """The relay behind a channel in memory; once it is cut off, whatever is sent to it is taken by a buffer."""

    certificate_ends = None

    def __init__(self, clock: SteppedClock, key: bytes) -> None:
        self.session = RelaySession(
            relay="r", nonce=bytes(32), now=0.0, heartbeat_seconds=Gateway().heartbeat_seconds
        )
        self.cut_off = False
        self.broken = False
        self.taken_by_buffer = 0
        self._clock = clock
        self._key = key
        self._down: deque[str | bytes] = deque()
        self._arrived = asyncio.Event()

    async def send(self, message: str | bytes) -> None:
        if self.cut_off:
            self.taken_by_buffer += 1
            return
        for event in self.session.receive(message, self._clock.monotonic()):
            if isinstance(event, AgentProved):
                self.session.authenticate(KnownAgent(self._key, event.hello.epoch))
                self.session.send_welcome(
                    session="s",
                    positions={},
                    credit=Gateway().credit_batches,
                    now=self._clock.monotonic(),
                )
            elif isinstance(event, BatchReceived):
                self.session.acknowledge(event.batch.stream, event.batch.seq)
                self.session.grant(1)
        self._down += self.session.messages_to_send()
        self._arrived.set()

    async def receive(self, arrived: Callable[[], None]) -> str | bytes:
        while not self._down or self.cut_off:
            self._arrived.clear()
            await self._arrived.wait()
            if self.broken:
                raise Unreachable("the connection broke")
        arrived()
        return self._down.popleft()

    async def close(self, code: int) -> None:
        self.cut_off = True

    def break_line(self) -> None:
        self.broken = True
        self._arrived.set()


class Bench:
    def __init__(self, folder: Path) -> None:
        self.clock = SteppedClock()
        self.outbox = FakeOutbox()
        self.relays: list[RelayEnd] = []
        self._key = Ed25519PrivateKey.generate()
        store = IdentityStore(folder)
        store.save(Identity("agent-1", "acme", "wss://relay.example:443/agent", 1, self._key))
        self.link = Link(
            make_endpoint("wss://relay.example"),
            store,
            self.outbox,
            sink=FakeSink(),
            status=FakeStatus(),
            clock=self.clock,
            software="test",
            opener=self._open,
            fraction=lambda: 0.5,
        )

    async def _open(self, endpoint: Endpoint) -> RelayEnd:
        self.relays.append(RelayEnd(self.clock, self._key.public_key().public_bytes_raw()))
        return self.relays[-1]

    async def connected(self) -> RelayEnd:
        await until(lambda: self.link.state.phase is LinkPhase.CONNECTED and self.relays[-1].session.open)
        await self._settled()
        return self.relays[-1]

    async def pass_time(self, seconds: float) -> None:
        await self._settled()
        for _ in range(round(seconds / STEP_SECONDS)):
            self.clock.advance(STEP_SECONDS)
            await self._settled()

    async def _settled(self) -> None:
        for _ in range(8):
            await asyncio.to_thread(lambda: None)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "state")


@pytest.mark.parametrize("trickling", [False, True])
async def test_a_half_open_line_is_noticed_within_45_seconds_whatever_a_buffer_still_takes(
    bench: Bench, trickling: bool
) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.link.run())
        relay = await bench.connected()
        await bench.pass_time(60)  # four heartbeats, all answered
        assert bench.link.state.phase is LinkPhase.CONNECTED
        relay.cut_off, began = True, bench.clock.monotonic()

        while bench.link.state.phase is LinkPhase.CONNECTED and bench.clock.monotonic() - began < 600:
            if trickling:
                bench.outbox.add("erp/orders", LONG)
            await bench.pass_time(STEP_SECONDS)

        noticed = bench.clock.monotonic() - began
        await bench.link.drain()

    assert noticed <= 45
    assert "did not say anything" in bench.link.state.error
    assert relay.taken_by_buffer >= 2


async def test_an_idle_line_is_never_quiet_for_longer_than_a_heartbeat(bench: Bench) -> None:
    """Proxies and firewalls forget what is quiet for a minute."""
    said: list[float] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.link.run())
        relay = await bench.connected()
        send = relay.send

        async def noted(message: str | bytes) -> None:
            said.append(bench.clock.monotonic())
            await send(message)

        relay.send = noted  # type: ignore[method-assign]
        await bench.pass_time(600)
        await bench.link.drain()

    gaps = [later - sooner for sooner, later in pairwise(said)]
    assert len(bench.relays) == 1
    assert max(gaps) <= 16
    assert len(said) >= 38


@pytest.mark.parametrize("turns", range(8))
async def test_a_link_that_is_cancelled_while_its_line_breaks_ends(bench: Bench, turns: int) -> None:
    running = asyncio.ensure_future(bench.link.run())
    relay = await bench.connected()
    relay.break_line()
    for _ in range(turns):  # of the loop: the break goes through the tasks of the connection
        await asyncio.sleep(0)  # noqa: TID251 - waits for nothing
    running.cancel()

    ended, _ = await asyncio.wait({running}, timeout=10)
    assert ended
