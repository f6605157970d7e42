"""A command is not begun behind its deadline, whatever it was waiting for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent.clock import ManualClock
from tests.unit.commands.making import opened, until, working


async def test_a_write_whose_turn_comes_behind_its_deadline_is_neither_judged_nor_begun(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as world:
        held = world.create.gate = asyncio.Event()
        async with working(world):
            for number in range(3):
                seconds = 60 if number == 1 else 10_000
                await world.executor.handle(world.command(f"c{number}", name="create", seconds=seconds))
            await until(lambda: world.create.begun == ["c0"])
            world.clock.advance(61)
            held.set()

        assert world.create.begun == ["c0", "c2"]
        assert world.create.judged == 2
        assert world.answer("c1") == ("expired", {})


@pytest.mark.parametrize(("down", "state"), [(59, "succeeded"), (60, "expired")])
async def test_a_deadline_holds_over_a_restart(tmp_path: Path, down: float, state: str) -> None:
    clock = ManualClock()
    async with opened(tmp_path, clock) as world:
        await world.executor.handle(world.command(seconds=60))
    clock.advance(down)
    async with opened(tmp_path, clock) as after:
        async with working(after):
            pass

        assert after.answer()[0] == state
        assert after.sync.begun == (["c1"] if state == "succeeded" else [])


async def test_what_has_begun_is_not_ended_by_its_deadline(tmp_path: Path) -> None:
    """Nor is it called expired by the next process: it may have had its effect."""
    clock = ManualClock()
    async with opened(tmp_path, clock) as world:
        await world.executor.handle(world.command("c1", name="create"))
        await world.outbox.journal.start("c1")
        await world.executor.handle(world.command("c2", args={"connection": "mes"}))
        held = world.sync.gate = asyncio.Event()
        async with working(world):
            await until(lambda: world.sync.begun == ["c2"])
            clock.advance(10_000)
            held.set()

        assert world.answer("c2")[0] == "succeeded"
        assert world.create.recovered == ["c1"]


async def test_what_had_begun_is_looked_up_behind_its_deadline_too(tmp_path: Path) -> None:
    clock = ManualClock()
    async with opened(tmp_path, clock) as world:
        await world.executor.handle(world.command(name="create"))
        await world.outbox.journal.start("c1")
    clock.advance(10_000)
    async with opened(tmp_path, clock) as after:
        async with working(after):
            pass

        assert after.create.recovered == ["c1"]
        assert after.answer()[0] == "failed"
