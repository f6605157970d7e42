"""A fleet of light agents: the real link with its TLS, its session and its back-off, over a queue in memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.clock import SystemClock
from agent.identity import Identity, IdentityStore
from agent.model.payload import encode_run
from agent.model.run import RunMode, RunReport, RunStatus, RunTrigger
from agent.protocol.frames import Command, Result
from agent.tunnel.endpoint import make_endpoint
from agent.tunnel.link import Link, LinkPhase
from relay.settings import load_settings
from relay.store.storage import open_store
from tests.integration.tunnel_peer import FakeOutbox, FakeSink, FakeStatus
from tests.unit.relay.making import enrolled

CLOCK: Final = SystemClock()
STREAM: Final = "erp/vendors"
PATIENCE_SECONDS: Final = 300.0
STARTS_PER_SECOND: Final = 20.0
POLL_SECONDS: Final = 0.05


class DutifulSink(FakeSink):
    """Does each command once, however often it comes, and says so whenever it comes."""

    def __init__(self) -> None:
        super().__init__()
        self.link: Link | None = None
        self.effects: Counter[str] = Counter()

    async def handle(self, command: Command) -> None:
        await super().handle(command)
        if not self.effects[command.id]:
            self.effects[command.id] += 1
        assert self.link is not None
        await self.link.send_result(Result(command.id, "succeeded", {"done": True}))


class LightAgent:
    def __init__(self, link: Link, outbox: FakeOutbox, sink: DutifulSink | None = None) -> None:
        self.link, self.outbox = link, outbox
        self.effects: Counter[str] = Counter() if sink is None else sink.effects
        self._runs = 0

    @property
    def connected(self) -> bool:
        return self.link.state.phase is LinkPhase.CONNECTED

    @property
    def delivered(self) -> bool:
        return self.outbox.acked.get(STREAM, 0) == self.outbox.last.get(STREAM, 0)

    def enqueue(self) -> None:
        self._runs += 1
        run = f"run-{self._runs:04}"
        report = RunReport(
            run, STREAM, "erp", "vendor", RunTrigger.SCHEDULE, RunMode.INCREMENTAL, RunStatus.RUNNING,
            CLOCK.utcnow(),
        )  # fmt: skip
        self.outbox.add(STREAM, encode_run(report))
        self.outbox.batches[-1] = replace(self.outbox.batches[-1], kind="run", run=run)


@dataclass
class Return:
    """How a fleet came back to a relay that was up again at `up`."""

    up: datetime
    connected: list[datetime]

    @property
    def seconds(self) -> float:
        return (max(self.connected) - self.up).total_seconds()

    @property
    def peak(self) -> int:
        """The most in one second."""
        return max(Counter(int((at - self.up).total_seconds()) for at in self.connected).values())

    @property
    def peak_to_mean(self) -> float:
        return self.peak / (len(self.connected) / max(self.seconds, 1.0))


class Fleet:
    def __init__(self, agents: list[LightAgent]) -> None:
        self.agents = agents

    async def until(self, what: str, condition: Callable[[LightAgent], bool]) -> None:
        deadline = CLOCK.monotonic() + PATIENCE_SECONDS
        while missing := sum(not condition(agent) for agent in self.agents):
            assert CLOCK.monotonic() < deadline, f"{missing} of {len(self.agents)} agents are not {what}"
            await CLOCK.sleep(POLL_SECONDS)

    async def back(self, up: datetime) -> Return:
        await self.until("connected", lambda agent: agent.connected)
        return Return(up, [agent.link.state.since for agent in self.agents])


async def enrol(
    relay: Path, state: Path, url: str, count: int, *, prefix: str = "site"
) -> list[IdentityStore]:
    """As the relay's store and the agents' folders are after so many enrolments. `relay`: a relay.toml, or its folder.

    An embedded relay must not be running.
    """
    stores = []
    relay_store = await open_store(load_settings(relay if relay.is_file() else relay / "relay.toml"))
    try:
        for number in range(count):
            key = Ed25519PrivateKey.generate()
            agent = await enrolled(
                relay_store, "default", f"{prefix}-{number}", key=key.public_key().public_bytes_raw()
            )
            store = IdentityStore(state / f"{prefix}-{number}")
            store.save(Identity(agent.id, agent.tenant, url, agent.epoch, key))
            stores.append(store)
    finally:
        await relay_store.aclose()
    return stores


async def _started(agent: LightAgent, number: int) -> None:
    """One after the other: this host alone has all of them, and what is looked at is how they come back."""
    await CLOCK.sleep(number / STARTS_PER_SECOND)
    await agent.link.run()


@asynccontextmanager
async def running(stores: list[IdentityStore], url: str, ca_file: Path) -> AsyncIterator[Fleet]:
    agents = []
    for store in stores:
        outbox, sink = FakeOutbox(), DutifulSink()
        link = Link(
            make_endpoint(url, ca_file=ca_file),
            store,
            outbox,
            sink=sink,
            status=FakeStatus(),
            clock=CLOCK,
            software="fleet",
        )
        sink.link = link
        agents.append(LightAgent(link, outbox, sink))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_started(agent, number)) for number, agent in enumerate(agents)]
        try:
            yield Fleet(agents)
        finally:
            for task in tasks:
                task.cancel()
