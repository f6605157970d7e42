"""A connection that is paused, and runs that nobody waits for any more."""

from __future__ import annotations

import asyncio

import pytest

from agent.errors import CredentialsRefused, Paused, Unreachable
from agent.model.run import RunTrigger
from agent.sync.supervisor import StreamState
from tests.unit.sync.test_supervisor import World, alive, compared, reconciling


async def _turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop


async def test_a_paused_connection_runs_nothing_and_says_so() -> None:
    async with alive(World()) as world:
        world.supervisor.pause()
        world.supervisor.look("a")
        for trigger in (RunTrigger.MANUAL, RunTrigger.COMMAND):
            with pytest.raises(Paused, match="erp"):
                world.supervisor.ask("a", trigger)
        await _turns()

        assert world.calls == []


async def test_a_pause_ends_the_run_under_way_and_tells_whoever_waits() -> None:
    async with alive(World()) as world:
        world.hold = asyncio.Event()
        waiting = [world.supervisor.ask(name, RunTrigger.MANUAL) for name in ("a", "b")]
        await _turns()
        world.supervisor.pause()
        results = await asyncio.gather(*waiting)

        assert [type(result.error) for result in results] == [Paused, Paused]
        assert world.under_way == 0
        assert world.supervisor.views["a"].state is StreamState.IDLE


async def test_a_resumed_connection_looks_at_every_stream() -> None:
    async with alive(World()) as world:
        world.supervisor.pause()
        world.supervisor.resume()
        await _turns()

        assert sorted(name for name, _, _ in world.calls) == ["a", "b"]


async def test_hours_for_reconciling_that_began_in_a_pause_are_made_use_of_behind_it() -> None:
    world = World()
    reconciling(world, 60)
    async with alive(world):
        world.supervisor.pause()
        world.supervisor.look_to_reconcile("a")
        world.supervisor.resume()
        await world.settle(lambda: len(world.ran()) == 2)

    assert compared(world) == [True, True]


async def test_hours_for_reconciling_that_began_without_a_sign_in_are_made_use_of_behind_it() -> None:
    world = World()
    reconciling(world, 60)
    world.scripts["a"] = [CredentialsRefused("no")]
    async with alive(world):
        await world.supervisor.ask("a", RunTrigger.MANUAL)
        world.supervisor.look_to_reconcile("a")
        await _turns()
        assert compared(world) == [False]
        world.supervisor.restore()
        await world.settle(lambda: len(world.ran()) >= 3)

    assert compared(world) == [False, True, True]


async def test_a_pause_drops_the_retry_that_was_due() -> None:
    async with alive(World()) as world:
        world.scripts["a"] = [Unreachable("away")]
        await world.supervisor.ask("a", RunTrigger.MANUAL)
        world.supervisor.pause()
        world.clock.advance(3_600)
        await _turns()

        assert len(world.calls) == 1


async def test_a_run_that_only_a_cancelled_command_wanted_ends() -> None:
    async with alive(World()) as world:
        world.hold = asyncio.Event()
        under_way = world.supervisor.ask("a", RunTrigger.COMMAND)
        queued = world.supervisor.ask("b", RunTrigger.COMMAND)
        await _turns()
        under_way.cancel()
        queued.cancel()
        await _turns()

        assert world.under_way == 0
        assert [name for name, _, _ in world.calls] == ["a"]
        world.hold.set()
        assert (await world.supervisor.ask("a", RunTrigger.MANUAL)).error is None


@pytest.mark.parametrize("other", [RunTrigger.COMMAND, RunTrigger.MANUAL])
async def test_a_run_that_somebody_else_wants_too_goes_on(other: RunTrigger) -> None:
    world = World()
    first = world.supervisor.ask("a", RunTrigger.COMMAND)
    second = world.supervisor.ask("a", other)
    async with alive(world):
        world.hold = asyncio.Event()
        await _turns()
        first.cancel()
        await _turns()
        world.hold.set()

        assert (await second).error is None


async def test_what_an_operator_or_the_schedule_began_goes_on_without_them() -> None:
    async with alive(World()) as world:
        world.hold = asyncio.Event()
        world.supervisor.ask("a", RunTrigger.MANUAL).cancel()
        await _turns()

        assert world.under_way == 1
