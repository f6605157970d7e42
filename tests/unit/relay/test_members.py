"""Several processes over one store: which of two sessions of an identity counts, and who learns what when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import pytest

from agent.clock import ManualClock
from agent.errors import Unreachable
from relay.bus.memory import MemoryBus
from relay.lifecycle import CommandState
from relay.members import LEASE_SECONDS, Members, Own, new_process
from relay.store import sessions
from relay.store.base import Agent, AppendOutcome
from relay.store.sql import Engine, Sql
from relay.store.sqlite import SqliteStore
from tests.unit.relay.making import NOW, Sender, enrolled, orders
from tests.unit.relay.store.test_commands import command_of

T = TypeVar("T")


@dataclass
class Here:
    """The sessions of one process."""

    sessions: dict[str, Own] = field(default_factory=dict)
    superseded: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def own(self) -> dict[str, Own]:
        return self.sessions

    def supersede(self, agent: str, session: str) -> None:
        self.superseded.append(session)
        self.sessions.pop(agent, None)
        self.came.set()

    async def send_waiting(self, agent: str, command: str) -> None:
        self.asked.append((agent, command))
        self.came.set()


@dataclass
class World:
    store: SqliteStore
    clock: ManualClock
    bus: MemoryBus
    agent: Agent
    sessions: int = 0

    def process(self, *, bus: MemoryBus | None = None) -> Members:
        return Members(
            self.store.engine, bus or self.bus, new_process("r", self.clock), alone=False, clock=self.clock
        )

    async def welcome(self) -> Own:
        """An epoch is offered to the agent, which keeps it."""
        known = await self.store.agent(self.agent.id)
        assert known is not None
        epoch = max(known.epoch, known.pending_epoch or 0)
        assert await self.process().offer(known, epoch, epoch + 1)
        self.sessions += 1
        return Own(self.agent, epoch + 1, f"ses_{self.sessions}")

    async def append(self, sender: Sender, own: Own, key: str) -> AppendOutcome:
        batch = replace(sender.batch(orders([key])), epoch=own.epoch)
        return (await self.store.append_batches([batch]))[0].outcome


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    folder.mkdir(exist_ok=True)
    store = await SqliteStore.open(folder / "relay.db")
    clock = ManualClock(NOW)
    try:
        yield World(store, clock, MemoryBus(clock), await enrolled(store))
    finally:
        await store.aclose()


async def test_what_an_older_session_brings_after_a_newer_was_confirmed_elsewhere_is_not_stored(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as it:
        a, b = it.process(), it.process()
        older = await it.welcome()
        assert await a.confirm(older)
        sender = Sender(it.agent)
        assert await it.append(sender, older, "1") is AppendOutcome.APPENDED
        newer = await it.welcome()
        assert await it.append(sender, older, "2") is AppendOutcome.APPENDED  # offered is not confirmed
        assert await b.confirm(newer)

        assert await it.append(sender, older, "3") is AppendOutcome.SUPERSEDED
        sender.seq, sender.tails = 2, {"nav/purchase_orders": 2}
        assert await it.append(sender, newer, "3") is AppendOutcome.APPENDED
        assert [header.seq for header in await it.store.headers(0, 10)] == [1, 2, 3]


async def test_both_sessions_of_one_identity_at_once_leave_one_chain_without_a_gap_or_a_repeat(
    tmp_path: Path,
) -> None:
    """Whatever the order: every batch that was acked stands in the store once, and the chain has no hole."""
    for cut in range(5):
        async with world(tmp_path / str(cut)) as it:
            a, b = it.process(), it.process()
            older = await it.welcome()
            assert await a.confirm(older)
            sender = Sender(it.agent)
            batches = [replace(sender.batch(orders([str(n)])), epoch=older.epoch) for n in range(4)]
            newer = await it.welcome()

            async def from_a(batches=batches, it=it) -> list[AppendOutcome]:
                return [(await it.store.append_batches([one]))[0].outcome for one in batches]

            async def from_b(batches=batches, it=it, b=b, newer=newer, cut=cut) -> list[AppendOutcome]:
                for _ in range(cut):
                    await it.store.last_position()
                assert await b.confirm(newer)
                again = [replace(one, epoch=newer.epoch) for one in batches]
                return [(await it.store.append_batches([one]))[0].outcome for one in again]

            at_a, at_b = await asyncio.gather(from_a(), from_b())

            assert [header.seq for header in await it.store.headers(0, 10)] == [1, 2, 3, 4]
            assert set(at_b) <= {AppendOutcome.APPENDED, AppendOutcome.REPEATED}
            refused = at_a.index(AppendOutcome.SUPERSEDED) if AppendOutcome.SUPERSEDED in at_a else 4
            assert set(at_a[:refused]) <= {AppendOutcome.APPENDED, AppendOutcome.REPEATED}
            assert set(at_a[refused:]) <= {AppendOutcome.SUPERSEDED}


async def test_a_late_confirmation_does_not_take_back_what_was_offered_since(tmp_path: Path) -> None:
    """Taken for good, it would make the agent's next epoch one that nobody knows: refused for ever."""
    async with world(tmp_path) as it:
        a, b = it.process(), it.process()
        older = await it.welcome()
        newer = await it.welcome()

        assert not await a.confirm(older)
        known = await it.store.agent(it.agent.id)
        assert known is not None
        assert (known.epoch, known.pending_epoch) == (older.epoch, newer.epoch)
        assert await b.confirm(newer)


async def test_two_copies_of_an_identity_that_come_at_once_are_not_both_in_force(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        known = await it.store.agent(it.agent.id)
        assert known is not None
        a, b = it.process(), it.process()
        assert await a.offer(known, 0, 1)
        assert not await b.offer(known, 0, 1)  # what it looked at is not so any more
        again = await it.store.agent(it.agent.id)
        assert again is not None
        assert await b.offer(again, 0, 1)

        confirmed = [await a.confirm(Own(known, 1, "ses_a")), await b.confirm(Own(known, 1, "ses_b"))]

        assert confirmed == [True, False]


async def test_the_older_session_is_ended_with_the_next_look_though_no_hint_came(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        a, b = it.process(bus=MemoryBus(it.clock)), it.process(bus=MemoryBus(it.clock))
        here = Here()
        older = await it.welcome()
        assert await a.confirm(older)
        here.sessions[it.agent.id] = older
        await a.look(here)
        assert here.superseded == []
        assert await b.confirm(await it.welcome())
        await b.look(Here())

        await a.look(here)

        assert here.superseded == [older.session]
        assert a.elsewhere(it.agent.id)


async def test_the_older_session_is_ended_by_the_hint_at_once(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        a, b = it.process(), it.process()
        here = Here()
        older = await it.welcome()
        assert await a.confirm(older)
        here.sessions[it.agent.id] = older
        following = asyncio.ensure_future(a._follow_agents(here))
        await it.store.last_position()

        assert await b.confirm(await it.welcome())
        async with asyncio.timeout(60):
            await here.came.wait()

        assert here.superseded == [older.session]
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_a_hint_that_was_overtaken_does_not_end_the_newest_session(tmp_path: Path) -> None:
    """The agent went to B and came back to A before A heard that it was at B."""
    async with world(tmp_path) as it:
        a, b = it.process(), it.process(bus=MemoryBus(it.clock))
        assert await b.confirm(await it.welcome())
        newest = await it.welcome()
        assert await a.confirm(newest)
        here = Here({it.agent.id: newest})
        following = asyncio.ensure_future(a._follow_agents(here))
        await it.store.last_position()

        it.bus.publish(f"agents.{it.agent.id}", {"relay": b.process.id})
        for _ in range(5):
            await it.store.last_position()

        assert here.superseded == []
        assert not a.elsewhere(it.agent.id)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_a_relay_that_died_gives_its_agents_up_when_its_lease_ends(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        dead, other = it.process(), it.process()
        await dead.join()
        assert await dead.confirm(await it.welcome())
        await other.look(Here())
        assert other.elsewhere(it.agent.id)

        it.clock.advance(LEASE_SECONDS + 1)
        await other.look(Here())

        assert not other.elsewhere(it.agent.id)


async def test_one_that_was_taken_for_dead_has_its_agents_again_or_ends_those_that_went(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as it:
        slow, other = it.process(), it.process()
        stayed = await it.welcome()
        await slow.join()
        assert await slow.confirm(stayed)
        here = Here({it.agent.id: stayed})
        it.clock.advance(LEASE_SECONDS + 1)
        await other.look(Here())

        await slow.look(here)
        await other.look(Here())

        assert here.superseded == []
        assert other.elsewhere(it.agent.id)
        assert await it.append(Sender(it.agent), stayed, "1") is AppendOutcome.APPENDED


async def test_a_command_goes_out_over_the_newest_session_alone(tmp_path: Path) -> None:
    """Marked as sent over a line that is dead it would wait for the agent's next session."""
    async with world(tmp_path) as it:
        a, b = it.process(), it.process()
        older = await it.welcome()
        assert await a.confirm(older)
        newer = await it.welcome()
        assert await b.confirm(newer)
        await it.store.add_command(command_of(it.agent, "cmd_1"), NOW, most_open=10)

        assert await it.store.send_command(it.agent, "cmd_1", NOW, session=older.session) is None
        assert await it.store.send_commands(it.agent, NOW, session=older.session) == []
        sent = await it.store.send_command(it.agent, "cmd_1", NOW, session=newer.session)
        assert sent is not None
        assert sent.state is CommandState.SENT


async def test_a_command_that_came_to_another_relay_is_found_by_the_one_with_the_agent(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as it:
        silent = it.process(bus=MemoryBus(it.clock))
        await silent.join()
        own = await it.welcome()
        assert await silent.confirm(own)
        here = Here({it.agent.id: own})
        await it.store.add_command(command_of(it.agent, "cmd_1"), NOW, most_open=10)

        await silent.look(here)  # no hint came

        assert here.asked == [(it.agent.id, "cmd_1")]


async def test_the_hint_of_a_waiting_command_reaches_the_relay_with_the_agent(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        a, b = it.process(), it.process()
        own = await it.welcome()
        assert await a.confirm(own)
        here, elsewhere = Here({it.agent.id: own}), Here()
        following = [asyncio.ensure_future(one._follow_commands(h)) for one, h in ((a, here), (b, elsewhere))]
        await it.store.last_position()

        b.announce(it.agent.id, "cmd_1")
        async with asyncio.timeout(60):
            await here.came.wait()

        assert (here.asked, elsewhere.asked) == ([(it.agent.id, "cmd_1")], [])
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)


async def test_a_session_that_ended_is_nobodys_and_its_end_does_not_end_the_next(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        a, b = it.process(), it.process()
        older = await it.welcome()
        assert await a.confirm(older)
        newer = await it.welcome()
        assert await b.confirm(newer)

        await a.left(it.agent, older.session)
        assert (await it.store.engine.read(lambda db: sessions.current(db, it.agent.id))).id == newer.session
        await b.left(it.agent, newer.session)
        assert await it.store.engine.read(lambda db: sessions.current(db, it.agent.id)) is None


class Away:
    """An engine of a store that answers nothing for a while."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.away = False

    async def read(self, work: Callable[[Sql], T]) -> T:
        return await self.engine.read(work)

    async def recall(self, name: Hashable, work: Callable[[Sql], T]) -> T:
        return await self.engine.recall(name, work)

    async def write(self, work: Callable[[Sql], T]) -> T:
        if self.away:
            raise Unreachable("The database does not answer.")
        return await self.engine.write(work)


async def test_an_agent_that_left_while_the_store_was_away_is_nobodys_once_it_is_back(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        engine = Away(it.store.engine)
        a = Members(engine, it.bus, new_process("r", it.clock), alone=False, clock=it.clock)
        await a.join()
        own = await it.welcome()
        assert await a.confirm(own)

        engine.away = True
        with pytest.raises(Unreachable):
            await a.left(it.agent, own.session)
        with pytest.raises(Unreachable):
            await a.look(Here())
        engine.away = False
        await a.look(Here())

        assert await it.store.engine.read(lambda db: sessions.current(db, it.agent.id)) is None


async def test_the_embedded_relay_begins_without_the_sessions_of_its_life_before(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        assert await it.process().confirm(await it.welcome())

        alone = Members(it.store.engine, it.bus, new_process("r", it.clock), alone=True, clock=it.clock)
        await alone.join()

        assert await it.store.engine.read(lambda db: sessions.current(db, it.agent.id)) is None
