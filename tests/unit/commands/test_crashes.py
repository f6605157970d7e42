"""The executor on a real journal, with the process dying between any two steps."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.audit.trail import Actor, Origin
from agent.clock import ManualClock
from agent.commands.ports import Answer, Call, State
from agent.policy.decision import Decision
from tests.unit.commands.making import ALLOWED, World, opened

FINAL = {one.value for one in State} - {"running"}
FORBIDDEN = Decision(allowed=False, code="not_allowed", why="")
STEPS = ("receive", "start", "finish", "settle", "audited", "acked")


@dataclass(frozen=True)
class Wanted:
    name: str  # sync or create
    allowed: bool
    breaks: bool  # its kind ends with something unforeseen, after the effect
    cancelled: bool


@dataclass
class Source:
    """What outlives every process."""

    effects: list[str] = field(default_factory=list)
    told: dict[str, list[str]] = field(default_factory=dict)


class Mortal:
    """Lets a number of steps happen; then none ever returns, as in a process that is gone."""

    def __init__(self, steps: int) -> None:
        self._left = steps
        self.dead = asyncio.Event()
        self._buried = asyncio.Event()

    def bury(self) -> None:
        """What waits in the dead process goes: nothing of it may be waited for."""
        self._buried.set()

    async def step(self, work: Callable[[], Awaitable[Any]]) -> Any:
        await self._live()
        result = await work()
        await self._live()
        return result

    async def _live(self) -> None:
        if self._left <= 0:
            self.dead.set()
            await self._buried.wait()
            raise asyncio.CancelledError
        self._left -= 1


def mortal(world: World, source: Source, life: Mortal, wanted: Sequence[Wanted]) -> None:
    """Put the process's end between all that the executor does."""
    for name in STEPS:
        original = getattr(world.outbox.journal, name)
        setattr(world.outbox.journal, name, _dying(original, life))
    world.trail.record = _dying(world.trail.record, life)  # type: ignore[method-assign]
    named = {f"c{number}": one for number, one in enumerate(wanted)}

    async def judge(arguments: Any, _now: Any) -> Decision:
        return ALLOWED if named[f"c{arguments.number}"].allowed else FORBIDDEN

    async def work(call: Call, _arguments: Any) -> Answer:
        await life.step(_nothing)
        source.effects.append(call.id)
        await life.step(_nothing)
        if named[call.id].breaks:
            raise RuntimeError
        return Answer(State.SUCCEEDED, {})

    async def recover(call: Call, _arguments: Any) -> Answer:
        await life.step(_nothing)
        there = call.id in source.effects
        return Answer(State.SUCCEEDED if there else State.FAILED, {})

    for kind in (world.sync, world.create):
        kind.judge, kind.work, kind.on_recover = judge, work, recover  # type: ignore[method-assign]

    async def send(command: str, state: str, _result: Any) -> None:
        source.told.setdefault(command, []).append(str(state))

    world._send = send  # type: ignore[method-assign]
    world.executor = world.make()


def _dying(method: Callable[..., Awaitable[Any]], life: Mortal) -> Callable[..., Awaitable[Any]]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        return await life.step(lambda: method(*args, **kwargs))

    return call


async def _nothing() -> None:
    pass


async def process(
    folder: Path, clock: ManualClock, source: Source, wanted: Sequence[Wanted], steps: int
) -> bool:
    """One life of the agent; whether it came to its end by itself. The relay repeats every command to it."""
    async with opened(folder, clock) as world:
        life = Mortal(steps)
        mortal(world, source, life, wanted)
        living = asyncio.create_task(_work(world, wanted))
        dying = asyncio.create_task(life.dead.wait())
        await asyncio.wait({living, dying}, return_when=asyncio.FIRST_COMPLETED)
        survived = living.done()
        world.executor._group = None  # a killed process winds nothing up
        dying.cancel()
        living.cancel()
        life.bury()
        await asyncio.gather(living, dying, return_exceptions=True)
        return survived and living.exception() is None if living.done() and not living.cancelled() else False


async def _work(world: World, wanted: Sequence[Wanted]) -> None:
    async with asyncio.TaskGroup() as group:
        await world.executor.start(group)
        for number, one in enumerate(wanted):
            args = {"connection": "erp", "number": number}
            await world.executor.handle(world.command(f"c{number}", name=one.name, args=args, seconds=10**7))
            if one.cancelled:
                group.create_task(world.executor.cancel(f"c{number}"))


async def history(folder: Path, wanted: Sequence[Wanted], lives: Sequence[int]) -> tuple[Source, World]:
    clock, source = ManualClock(), Source()
    states: dict[str, list[str]] = {f"c{number}": [] for number in range(len(wanted))}

    async def note() -> None:
        async with opened(folder, clock) as world:
            for command, seen in states.items():
                known = await world.outbox.journal.get(command)
                if known is not None:
                    seen.append(known.state)

    for steps in itertools.chain(lives, [10**9]):
        survived = await process(folder, clock, source, wanted, steps)
        await note()
    assert survived
    async with opened(folder, clock) as world:
        check(source, states, wanted)
        await settle_doubts(world, states)
    return source, world


def check(source: Source, states: dict[str, list[str]], wanted: Sequence[Wanted]) -> None:
    order = {"received": 0, "started": 1}
    for number, one in enumerate(wanted):
        command = f"c{number}"
        seen = states[command]
        ranks = [order.get(state, 2) for state in seen]
        assert ranks == sorted(ranks), f"{command} went backwards: {seen}"
        ended = [state for state in seen if state in FINAL]
        assert len(set(ended)) == 1, f"{command} has not one final state: {seen}"
        told = [state for state in source.told[command] if state != "running"]
        assert set(told) == set(ended), f"{command} was told {told}, stored {ended}"
        assert source.told[command].index(told[0]) + len(told) == len(source.told[command]), (
            "running after the end"
        )
        effects = source.effects.count(command)
        assert effects <= 1, f"{command} ran {effects} times"
        if ended[0] == "succeeded":
            assert effects == 1
        if ended[0] in ("refused", "expired") or (
            one.name == "create" and ended[0] in ("failed", "cancelled")
        ):
            assert effects == 0, f"{command} is {ended[0]} and had its effect"
        if not one.allowed:
            assert effects == 0


async def settle_doubts(world: World, states: dict[str, list[str]]) -> None:
    person = Actor(Origin.LOCAL, "anna")
    for command, seen in states.items():
        if seen[-1] == "in_doubt":
            await world.executor.settle(command, State.SUCCEEDED, {}, person)
            assert await world.state_of(command) == "succeeded"


@given(
    wanted=st.lists(
        st.builds(
            Wanted,
            name=st.sampled_from(["sync", "create"]),
            allowed=st.sampled_from([True, True, True, False]),
            breaks=st.sampled_from([False, False, True]),
            cancelled=st.sampled_from([False, False, True]),
        ),
        min_size=1,
        max_size=4,
    ),
    lives=st.lists(st.integers(0, 40), max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_nothing_runs_twice_and_everything_ends_once_wherever_the_process_dies(
    wanted: list[Wanted], lives: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(history(Path(folder), wanted, lives))


def test_every_single_step_of_one_write_may_be_the_last() -> None:
    """The same law, without leaving the place of the crash to chance."""
    wanted = [Wanted("create", allowed=True, breaks=False, cancelled=False)]
    for steps in range(30):
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(history(Path(folder), wanted, [steps]))
