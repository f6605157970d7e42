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

    async def advance(self, seconds: float) -> None:
        self.elapsed += seconds
        for until, future in self.sleepers:
            if until <= self.elapsed and not future.done():
                future.set_result(None)
        await settle()


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)  # noqa: TID251 - turns of the loop, no time
    await asyncio.to_thread(lambda: None)
    for _ in range(50):
        await asyncio.sleep(0)  # noqa: TID251 - turns of the loop, no time


class SilentChannel:
    """Takes everything and says nothing."""

    def __init__(self) -> None:
        self.sent: list[str | bytes] = []
        self.closed: int | None = None

    async def send(self, message: str | bytes, progress: Callable[[], None]) -> None:
        self.sent.append(message)

    async def receive(self) -> str | bytes:
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
        await settle()
        assert bench.tries == 1
        waits = []
        for _ in range(8):
            state = bench.link.state
            assert state.phase is LinkPhase.WAITING
            assert state.retry_at is not None
            wait = (state.retry_at - bench.clock.utcnow()).total_seconds()
            waits.append(wait)
            before = bench.tries
            await bench.clock.advance(wait)
            assert bench.tries == before + 1
        await bench.link.drain()
        await task

    assert waits == [2.5, 5, 10, 20, 40, 45, 45, 45]
    assert bench.link.state.phase is LinkPhase.STOPPED


async def test_a_relay_that_stays_away_is_logged_once(bench: Bench) -> None:
    with capture_logs() as logs:
        async with asyncio.TaskGroup() as group:
            group.create_task(bench.link.run())
            await settle()
            for _ in range(5):
                await bench.clock.advance(90)
            await bench.link.drain()

    assert [line["event"] for line in logs] == ["relay_unavailable"]
    assert bench.link.state.error == "relay: nothing there"
    assert bench.link.state.hint


async def test_a_pause_that_was_asked_for_is_kept(bench: Bench) -> None:
    bench.outcomes = [Throttled("busy", retry_after=300)]
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.link.run())
        await settle()
        await bench.clock.advance(300)
        assert bench.tries == 1
        await bench.clock.advance(2.5)
        assert bench.tries == 2
        await bench.link.drain()


async def test_a_handshake_without_answer_ends_and_is_tried_again(bench: Bench) -> None:
    silent = SilentChannel()
    bench.outcomes = [silent]
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.link.run())
        await settle()
        assert bench.link.state.phase is LinkPhase.CONNECTING
        assert len(silent.sent) == 1
        await bench.clock.advance(20)
        assert "handshake" in bench.link.state.error
        assert silent.closed is not None
        await bench.link.drain()


async def test_drain_while_connecting_or_waiting_ends_at_once(bench: Bench) -> None:
    bench.outcomes = [SilentChannel()]
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.link.run())
        await settle()
        await bench.link.drain()

    assert bench.link.state.phase is LinkPhase.STOPPED


async def test_a_cancelled_link_leaves_nothing_running(bench: Bench) -> None:
    silent = SilentChannel()
    bench.outcomes = [silent]
    task = asyncio.ensure_future(bench.link.run())
    await settle()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert silent.closed is not None
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_full_disk_is_waited_out(bench: Bench) -> None:
    bench.outcomes = [StorageFull(where="state")]
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.link.run())
        await settle()
        assert bench.link.state.error_code == "storage_full"
        await bench.clock.advance(2.5)
        assert bench.tries == 2
        await bench.link.drain()


async def test_an_agent_that_is_not_enrolled_waits_for_a_person(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "state")
    bench.store.path.unlink()
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.link.run())
        await settle()
        assert bench.link.state.error_code == "configuration"
        assert "groundwire enroll" in bench.link.state.hint
        assert bench.tries == 0
        await bench.link.drain()
