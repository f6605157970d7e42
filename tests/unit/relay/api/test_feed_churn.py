"""Everything at once that may happen to a feed, and a reader that ends with an exact copy all the same."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from relay.removal import Remover
from relay.retention import Sweeper
from relay.settings import Retention
from relay.store.administration import Administration
from relay.store.base import AppendOutcome, NewBatch
from tests.feed_reader import FeedReader
from tests.unit.relay.api.serving import Served, served
from tests.unit.relay.making import Sender, dead_letters, enrolled, orders, run_report, tombstones

CHURNS = int(os.environ.get("GROUNDWIRE_CHURNS", "2"))
STEPS = 90
KEYS = 12
KEEPING = Retention(replaced_days=1, run_days=1, dead_letter_days=1, command_days=7)
FEED = "/feed/nav/purchase_order"


@dataclass
class World:
    """One source, its agent, the relay, another tenant, and a reader: what each of them has."""

    folder: Path
    random: Random
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    source: dict[str, str] = field(default_factory=dict)
    sent: list[NewBatch] = field(default_factory=list)  # of this enrolment
    readers: list[FeedReader] = field(default_factory=lambda: [FeedReader()])
    lives: int = 0
    enrolments: int = 0
    written: int = 0
    elapsed: timedelta = timedelta()
    waiting: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    api: Served = field(init=False)
    sender: Sender = field(init=False)

    async def start(self) -> None:
        (self.folder / str(self.lives)).mkdir(exist_ok=True)
        self.api = await self.stack.enter_async_context(served(self.folder / str(self.lives)))
        self.api.relay.clock.step_wall_clock(self.elapsed.total_seconds())

    async def relay_is_killed(self) -> None:
        """What its files hold at that moment is what the next one finds."""
        here = self.folder / str(self.lives)
        self.lives += 1
        shutil.copytree(here, self.folder / str(self.lives))
        if self.random.random() < 0.3:
            for part in (self.folder / str(self.lives)).glob("index.db*"):
                part.unlink()
        await self.stack.aclose()
        await self.start()
        await self.api.relay.materialiser.prepare()
        await self.api.relay.materialiser.catch_up()

    async def agent_is_enrolled_anew(self) -> None:
        """Its batches begin at one again, and it reads everything."""
        self.enrolments += 1
        key = bytes([self.enrolments]) * 32
        agent = await enrolled(self.api.relay.store, bound="plant", key=key)
        self.sender, self.sent = Sender(agent), []
        await self.everything_is_read_again()

    async def agent_is_killed(self) -> None:
        """It had no ack for what it sent last, and sends it again."""
        again = self.sent[-self.random.randrange(1, 4) :]
        outcomes = await self.api.relay.store.append_batches(again)
        assert {one.outcome for one in outcomes} <= {AppendOutcome.REPEATED}

    async def send(self, payload: bytes, kind: str = "records", run: str = "run-1") -> None:
        batch = self.sender.batch(payload, kind=kind, run=run)
        self.sent.append(batch)
        (outcome,) = await self.api.relay.store.append_batches([batch])
        assert outcome.outcome is AppendOutcome.APPENDED
        if self.random.random() < 0.6:
            await self.api.relay.materialiser.catch_up()

    async def records_change(self) -> None:
        for key in self.random.sample(range(KEYS), self.random.randrange(1, 5)):
            self.written += 1
            self.source[f"k{key}"] = str(self.written)
            await self.send(orders([f"k{key}"], note=str(self.written)))

    async def records_go(self) -> None:
        gone = self.random.sample(sorted(self.source), min(len(self.source), 3))
        for key in gone:
            del self.source[key]
        if gone:
            await self.send(tombstones(gone), kind="tombstones")

    async def everything_is_read_again(self) -> None:
        gone = [f"k{number}" for number in range(KEYS) if f"k{number}" not in self.source]
        for key, note in self.source.items():
            await self.send(orders([key], note=note))
        await self.send(tombstones(gone or ["never"]), kind="tombstones")

    async def something_else_comes(self) -> None:
        self.written += 1
        await self.send(run_report(f"run-{self.written}"), kind="run", run=f"run-{self.written}")
        await self.send(dead_letters(f"bad-{self.written}"), kind="dead_letters")

    async def days_go_by(self) -> None:
        self.elapsed += timedelta(days=3)
        clock = self.api.relay.clock
        clock.step_wall_clock(timedelta(days=3).total_seconds())
        await self.api.relay.materialiser.catch_up()
        await Sweeper(self.api.relay.store, self.api.relay.index, KEEPING, clock=Unhurried(clock)).sweep()

    async def another_tenant_goes(self) -> None:
        relay = self.api.relay
        other = f"other-{self.written}-{self.lives}"
        sender = Sender(await enrolled(relay.store, other))
        await relay.store.append_batches([sender.batch(orders(["theirs"]))])
        await relay.materialiser.catch_up()
        now = relay.clock.utcnow()
        await Administration(relay.store.engine).delete_tenant(other, now, now)
        await Remover(relay.store, relay.index, clock=Unhurried(relay.clock)).look()
        assert await relay.store.tenant(other) is None

    async def somebody_reads(self) -> None:
        """A part of an answer, as one that is killed in the middle of it; or a new reader begins."""
        if self.random.random() < 0.2:
            self.readers.append(FeedReader())
        reader = self.random.choice(self.readers)
        answer = await self.api.acme.get(FEED, params=reader.params(limit=self.random.randrange(1, 9)))
        assert answer.status_code == 200, answer.text
        reader.read(answer.content, stop_after=self.random.randrange(1, 9))

    def deed(self) -> Callable[[], Awaitable[None]]:
        often = [
            self.records_change,
            self.records_change,
            self.records_go,
            self.somebody_reads,
            self.somebody_reads,
        ]
        if self.random.random() < 0.8:
            return self.random.choice(often)
        seldom = [
            self.everything_is_read_again, self.something_else_comes, self.agent_is_killed, self.days_go_by,
            self.agent_is_enrolled_anew, self.relay_is_killed, self.another_tenant_goes,
        ]  # fmt: skip
        self.waiting = self.waiting or self.random.sample(seldom, len(seldom))  # each has its turn
        return self.waiting.pop()


class Unhurried:
    """A clock whose pauses are none."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)

    async def sleep(self, _seconds: float) -> None:
        return


@pytest.fixture
async def world(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    made = World(tmp_path, Random(request.param))
    await made.start()
    try:
        yield made
    finally:
        await made.stack.aclose()


@pytest.mark.parametrize("world", range(CHURNS), indirect=True)
async def test_whatever_happens_at_once_every_reader_of_the_feed_ends_with_an_exact_copy(
    world: World,
) -> None:
    world.sender = Sender(await enrolled(world.api.relay.store))
    await world.records_change()
    done: set[str] = set()
    for _ in range(STEPS):
        deed = world.deed()
        done.add(deed.__name__)
        await deed()
    await world.records_go()
    await world.days_go_by()  # nothing that comes later makes up for what is dropped here

    assert len(done) == 10, done
    for reader in world.readers:
        reader.more = True
        while reader.more:
            reader.read((await world.api.acme.get(FEED, params=reader.params(limit=7))).content)
        assert {key: document["notes"] for (_, _, key), document in reader.copy.items()} == world.source
    listed = (await world.api.acme.get("/purchase-orders", params={"limit": 500})).json()["items"]
    assert {item["key"]: item["notes"] for item in listed} == world.source
