from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.commands.ports import Answer, Call, State
from agent.errors import StorageFull
from tests.unit.commands.making import World, opened, until, working


async def ask(world: World, command: str = "c1", by: str = "x1") -> None:
    await world.executor.handle(world.command(by, name="cancel", args={"command": command}))


@pytest.mark.parametrize("name", ["sync", "create"])
@pytest.mark.parametrize("step", ["judge", "prepare"])
async def test_a_command_that_has_not_begun_is_cancelled_and_changes_nothing(
    tmp_path: Path, name: str, step: str
) -> None:
    async with opened(tmp_path) as world:
        kind = world.sync if name == "sync" else world.create
        reached = asyncio.Event()

        async def hang(*_arguments: Any) -> Any:
            reached.set()
            await asyncio.Event().wait()

        setattr(kind, step, hang)
        async with working(world):
            await world.executor.handle(world.command(name=name))
            await reached.wait()
            await ask(world)

        assert world.answer("c1") == ("cancelled", {})
        assert world.answer("x1") == ("succeeded", {"state": "cancelled"})
        assert kind.begun == []
        assert world.trail.actions("c1")[-1] == "command_finished"


async def test_a_command_that_waits_for_the_audit_log_is_cancelled(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        world.trail.available = False
        async with working(world):
            await world.executor.handle(world.command(seconds=10**7))
            await until(lambda: world.clock.monotonic() > 20)
            state = await world.executor.cancel("c1")
            world.trail.available = True

        assert state is State.CANCELLED
        assert world.sync.begun == []


async def test_a_command_that_waits_for_room_on_the_disk_is_cancelled(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:

        async def full(_command: str) -> None:
            raise StorageFull

        world.outbox.journal.start = full  # type: ignore[method-assign]
        async with working(world):
            await world.executor.handle(world.command(name="create", seconds=10**7))
            await until(lambda: world.clock.monotonic() > 20)
            state = await world.executor.cancel("c1")

        assert state is State.CANCELLED
        assert world.create.begun == []


async def test_a_write_that_waits_behind_another_is_cancelled_and_the_next_one_goes_on(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as world:
        held = world.create.gate = asyncio.Event()
        async with working(world):
            for number in (1, 2, 3):
                await world.executor.handle(world.command(f"c{number}", name="create"))
            await until(lambda: world.create.begun == ["c1"])
            assert await world.executor.cancel("c2") is State.CANCELLED
            held.set()

        assert world.create.begun == ["c1", "c3"]


async def test_a_running_command_is_cancelled(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        world.sync.gate = asyncio.Event()
        async with working(world):
            await world.executor.handle(world.command())
            await until(lambda: world.states() == ["running"])
            await ask(world)

        assert world.answer("c1") == ("cancelled", {})
        assert world.answer("x1") == ("succeeded", {"state": "cancelled"})
        assert await world.state_of("c1") == "cancelled"


async def test_a_write_that_has_begun_is_not_cancelled(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        held = world.create.gate = asyncio.Event()
        async with working(world):
            await world.executor.handle(world.command(name="create"))
            await until(lambda: world.create.begun == ["c1"])
            await ask(world)
            await until(lambda: world.states("x1")[-1:] == ["failed"])
            held.set()

        assert world.answer("x1") == ("failed", {"code": "too_late", "state": "running"})
        assert world.answer("c1")[0] == "succeeded"


async def test_a_kind_that_must_not_be_cut_ends_with_its_own_answer(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:

        async def finish_anyway(_call: Call, _arguments: Any) -> Answer:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return Answer(State.SUCCEEDED, {"done": True})
            raise AssertionError

        world.sync.work = finish_anyway
        async with working(world):
            await world.executor.handle(world.command())
            await until(lambda: world.sync.begun == ["c1"])
            await ask(world)

        assert world.answer("c1") == ("succeeded", {"done": True})
        assert world.answer("x1") == ("failed", {"code": "too_late", "state": "succeeded"})


async def test_what_has_ended_or_was_never_there_cannot_be_cancelled(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        async with working(world):
            await world.executor.handle(world.command())
            await until(lambda: world.states()[-1:] == ["succeeded"])
            await ask(world, "c1", "x1")
            await ask(world, "nobody", "x2")
            await ask(world, "x3", "x3")

        assert world.answer("x1") == ("failed", {"code": "too_late", "state": "succeeded"})
        assert world.answer("x2") == ("failed", {"code": "not_found"})
        assert world.answer("x3") == ("failed", {"code": "too_late", "state": "running"})


async def test_without_a_running_agent_only_what_had_not_begun_is_cancelled(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await world.executor.handle(world.command("c1"))
        await world.executor.handle(world.command("c2"))
        await world.outbox.journal.start("c2")

        assert await world.executor.cancel("c1") is State.CANCELLED
        assert await world.executor.cancel("c2") is State.RUNNING
        assert await world.state_of("c1") == "cancelled"


async def test_a_cancel_cut_short_by_a_restart_is_done_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await ask(world)
        await world.outbox.journal.start("x1")
        await world.executor.handle(world.command("c1"))
    async with opened(tmp_path) as after:
        after.sync.gate = asyncio.Event()
        async with working(after):
            pass

        assert after.answer("c1")[0] == "cancelled"
        assert after.answer("x1")[0] == "succeeded"
