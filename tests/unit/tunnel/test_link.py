"""The link's life over a channel in memory, with a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from agent.errors import GroundwireError, StorageFull, Throttled, Unreachable
from agent.identity import Identity, IdentityStore
from agent.tunnel.endpoint import Endpoint, make_endpoint
from agent.tunnel.link import Link, LinkPhase
from agent.tunnel.transport import Channel
from tests.integration.tunnel_peer import FakeOutbox, FakeSink, FakeStatus


class SteppedClock:
    """Sleeps end when the test moves time past them."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def utcnow(self) -> datetime:
        return datetime(2026, 1, 5, tzinfo=UTC) + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sleepers.append((self.elapsed + seconds, future))
        await future

    def advance(self, seconds: float) -> None:
        self.elapsed += seconds
        for until, future in self.sleepers:
            if until <= self.elapsed and not future.done():
                future.set_result(None)


async def until(condition: Callable[[], bool]) -> None:
    """Give the loop and the thread that reads the identity as many turns as it takes."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.to_thread(lambda: None)


class SilentChannel:
    """Takes everything and says nothing."""

    certificate_ends = None

    def __init__(self) -> None:
        self.sent: list[str | bytes] = []
        self.closed: int | None = None

    async def send(self, message: str | bytes) -> None:
        self.sent.append(message)

    async def receive(self, arrived: Callable[[], None]) -> str | bytes:
        return await asyncio.get_running_loop().create_future()

    async def close(self, code: int) -> None:
        self.closed = code


class Bench:
    def __init__(self, folder: Path) -> None:
        self.clock = SteppedClock()
        self.outcomes: list[GroundwireError | Channel] = []
        self.tries = 0
        key = Ed25519PrivateKey.generate()
        self.store = IdentityStore(folder)
        self.store.save(Identity("agent-1", "acme", "wss://relay.example:443/agent", 1, key))
        self.link = Link(
            make_endpoint("wss://relay.example"),
            self.store,
            FakeOutbox(),
            sink=FakeSink(),
            status=FakeStatus(),
            clock=self.clock,
            software="test",
            opener=self.open,
            fraction=lambda: 0.5,
        )

    async def waiting(self, tries: int) -> None:
        """Until so many tries were made and the link waits for the next."""
        await until(lambda: self.tries == tries and self.link.state.phase is LinkPhase.WAITING)
        await until(lambda: any(not future.done() for _, future in self.clock.sleepers))

    async def open(self, endpoint: Endpoint) -> Channel:
        self.tries += 1
        outcome = self.outcomes.pop(0) if self.outcomes else Unreachable("nothing there", where="relay")
        if isinstance(outcome, GroundwireError):
            raise outcome
        return outcome


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "state")


async def test_tries_at_once_then_ever_more_seldom_and_for_ever(bench: Bench) -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(bench.link.run())
        waits = []
        for tries in range(1, 9):
            await bench.waiting(tries)
            retry_at = bench.link.state.retry_at
            assert retry_at is not None
            waits.append((retry_at - bench.clock.utcnow()).total_seconds())
            bench.clock.advance(waits[-1])
        await bench.waiting(9)
        await bench.link.drain()
        await task

    assert waits == [2.5, 5, 10, 20, 22.5, 22.5, 22.5, 22.5]
    assert bench.link.state.phase is LinkPhase.STOPPED


async def test_a_relay_that_stays_away_is_logged_once(bench: Bench) -> None:
    with capture_logs() as logs:
        async with asyncio.TaskGroup() as group:
            group.create_task(bench.link.run())
            for tries in range(1, 6):
                await bench.waiting(tries)
                bench.clock.advance(90)
            await bench.waiting(6)
            await bench.link.drain()

    assert [line["event"] for line in logs] == ["relay_unavailable"]
    assert bench.link.state.error == "relay: nothing there"
    assert bench.link.state.hint


async def test_a_pause_that_was_asked_for_is_kept(bench: Bench) -> None:
    bench.outcomes = [Throttled("busy", retry_after=300)]
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.link.run())
        await bench.waiting(1)
        bench.clock.advance(300)
        await bench.waiting(1)
        bench.clock.advance(17.5)  # half of 5 s and a tenth of it
        await bench.waiting(2)
        await bench.link.drain()


async def test_a_handshake_without_answer_ends_and_is_tried_again(bench: Bench) -> None:
    silent = SilentChannel()
    bench.outcomes = [silent]
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.link.run())
        await until(lambda: len(silent.sent) == 1 and bool(bench.clock.sleepers))
        assert bench.link.state.phase is LinkPhase.CONNECTING
        bench.clock.advance(20)
        await bench.waiting(1)
        assert "handshake" in bench.link.state.error
        assert silent.closed is not None
        await bench.link.drain()


async def test_drain_while_connecting_or_waiting_ends_at_once(bench: Bench) -> None:
    silent = SilentChannel()
    bench.outcomes = [silent]
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.link.run())
        await until(lambda: bool(silent.sent))
        await bench.link.drain()

    assert bench.link.state.phase is LinkPhase.STOPPED


async def test_a_cancelled_link_leaves_nothing_running(bench: Bench) -> None:
    silent = SilentChannel()
    bench.outcomes = [silent]
    task = asyncio.ensure_future(bench.link.run())
    await until(lambda: bool(silent.sent))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert silent.closed is not None
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_full_disk_is_waited_out(bench: Bench) -> None:
    bench.outcomes = [StorageFull(where="state")]
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.link.run())
        await bench.waiting(1)
        assert bench.link.state.error_code == "storage_full"
        bench.clock.advance(2.5)
        await bench.waiting(2)
        await bench.link.drain()


async def test_an_agent_that_is_not_enrolled_waits_for_a_person(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "state")
    bench.store.path.unlink()
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.link.run())
        await bench.waiting(0)
        assert bench.link.state.error_code == "configuration"
        assert "groundwire enroll" in bench.link.state.hint
        assert bench.tries == 0
        await bench.link.drain()
