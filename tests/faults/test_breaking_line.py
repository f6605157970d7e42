"""A line that breaks around a command again and again: it is carried out once, and its outcome gets through (K44).

Both ends are real but for the socket between them: the relay's store of commands, the agent's box of results, its
executor and its journal on disk. A frame crosses, or the line breaks and it is lost with everything behind it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent.clock import ManualClock
from agent.commands.ports import Answer, Call, State
from agent.outbox.store import Outbox
from agent.protocol.frames import Result
from agent.tunnel.results import ResultBox
from relay.lifecycle import Command, CommandState, Step
from relay.store.base import Agent
from relay.store.sqlite import SqliteStore
from relay.wire import command_frame
from tests.unit.commands.making import World, working
from tests.unit.relay import making as relay_making
from tests.unit.relay.making import NOW

BREAKS = 1_000
A_STEP = 0.1  # how often the work goes on between two sessions
AT_ONCE = 2  # commands under way: so few that their frames have a chance to cross between two breaks


class Tunnelled(World):
    """An agent's executor whose answers wait in the box of its tunnel."""

    def __init__(self, outbox: Outbox) -> None:
        self.box = ResultBox()
        super().__init__(outbox, ManualClock(NOW))

    async def _send(self, command: str, state: str, result: Mapping[str, Any]) -> None:
        await self.box.put(Result(command, state, dict(result)))


class Broken(Exception):
    pass


class Line:
    def __init__(self, world: Tunnelled, store: SqliteStore, agent: Agent) -> None:
        self._world, self._store, self._agent = world, store, agent
        self._left = 0
        self.breaks = 0
        self.answered: set[str] = set()

    async def session(self, frames: int) -> None:
        """From one connection to its end: when `frames` have crossed, the next one is lost."""
        self._left = frames
        try:
            await self._talk()
        except Broken:
            self.breaks += 1

    async def _talk(self) -> None:
        world = self._world
        world.box.begin_session()
        for command in await self._store.send_commands(self._agent, NOW):
            self._cross()
            await world.executor.handle(command_frame(command))
        for result in world.box.take_unsent():
            self._cross()
            state = CommandState(result.state)
            await self._store.answer_command(self._agent.id, result.command, state, result.result, NOW)
            if not state.open:
                self.answered.add(result.command)
            self._cross()
            world.box.settle(result.command, result.state)
            await world.executor.result_acked(result.command, result.state)

    def _cross(self) -> None:
        if self._left == 0:
            raise Broken
        self._left -= 1


async def test_a_thousand_breaks_around_commands_give_each_of_them_one_effect(tmp_path: Path) -> None:
    chance = random.Random(44)
    effects: Counter[str] = Counter()
    steps = asyncio.Semaphore(0)  # what is being carried out goes on by one step for each

    async def carry_out(call: Call, _arguments: object) -> Answer:
        await steps.acquire()
        effects[call.id] += 1
        await steps.acquire()
        return Answer(State.SUCCEEDED, {"made": call.id})

    async with (
        await Outbox.open(tmp_path / "outbox.db", clock=ManualClock(NOW)) as outbox,
        relay_making.opened(tmp_path) as relay,
    ):
        agent = await relay_making.enrolled(relay.store)
        world = Tunnelled(outbox)
        world.create.work = carry_out
        line = Line(world, relay.store, agent)
        async with working(world):
            asked = 0
            while line.breaks < BREAKS:
                if asked - len(line.answered) < AT_ONCE:
                    await relay.store.add_command(wished(agent, asked), NOW, most_open=AT_ONCE)
                    asked += 1
                if chance.random() < A_STEP:
                    steps.release()
                await line.session(chance.randrange(5))
            for _ in range(2 * AT_ONCE):
                steps.release()
            async with asyncio.timeout(60):
                while len(line.answered) < asked:
                    await line.session(10 * AT_ONCE)

        states = {n: await state_of(relay.store, n) for n in range(asked)}

    assert asked > BREAKS // 50
    assert effects == {f"cmd_{number:04}": 1 for number in range(asked)}
    assert set(states.values()) == {CommandState.SUCCEEDED}


def wished(agent: Agent, number: int) -> Command:
    return Command(
        id=f"cmd_{number:04}", tenant=agent.tenant, agent=agent.id, connection="erp", kind="create",
        args={"connection": "erp", "number": number}, idempotency_key=None, request_hash=b"", state=CommandState.QUEUED,
        created_at=NOW, updated_at=NOW, deadline=NOW + timedelta(hours=1), history=(Step(CommandState.QUEUED, NOW),),
    )  # fmt: skip


async def state_of(store: SqliteStore, number: int) -> CommandState | None:
    command = await store.command("acme", f"cmd_{number:04}")
    return None if command is None else command.state
