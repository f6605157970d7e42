"""Commands that find no room on the disk, or no audit log."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from agent.commands.ports import Answer, Call, State
from agent.errors import StorageFull
from agent.policy.decision import Decision
from tests.unit.commands.making import opened, until, working


async def test_without_an_audit_log_nothing_is_done_until_it_is_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        world.trail.available = False
        async with working(world):
            await world.executor.handle(world.command(seconds=10**6))
            await until(lambda: world.clock.monotonic() > 20)
            assert (world.sync.begun, await world.state_of()) == ([], "received")
            world.trail.available = True

        assert world.answer()[0] == "succeeded"
        assert world.sync.judged > 2  # the policy may have changed meanwhile


async def test_a_command_that_waits_for_the_audit_log_expires(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        world.trail.available = False
        async with working(world):
            await world.executor.handle(world.command())
            await until(lambda: world.states() != [])
            assert world.answer() == ("expired", {})
            world.trail.available = True

        assert world.sync.begun == []
        assert world.trail.actions() == ["command_finished"]
        assert await world.outbox.journal.unaudited() == []


async def test_an_outcome_that_could_not_be_audited_is_told_and_audited_later(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:

        async def break_the_log(_call: Call, _arguments: Any) -> Answer:
            world.trail.available = False
            return Answer(State.SUCCEEDED, {})

        world.sync.work = break_the_log
        async with asyncio.TaskGroup() as group:
            await world.executor.start(group)
            await world.executor.handle(world.command())
            await until(lambda: world.states()[-1:] == ["succeeded"])
            await world.executor.stop()
        assert len(await world.outbox.journal.unaudited()) == 1
    async with opened(tmp_path) as after:
        async with working(after):
            pass

        assert after.trail.actions() == ["command_finished"]
        assert await after.outbox.journal.unaudited() == []


async def test_a_full_disk_delays_start_and_answer_and_loses_neither(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        journal = world.outbox.journal
        for name in ("start", "finish"):
            setattr(journal, name, _full_twice(getattr(journal, name)))
        async with working(world):
            await world.executor.handle(world.command())

        assert world.answer()[0] == "succeeded"
        assert world.sync.begun == ["c1"]
        assert world.clock.monotonic() >= 40
        assert [record.state for record in await journal.unacked()] == ["succeeded"]


def _full_twice(write: Any) -> Any:
    tries = 0

    async def refusing(*arguments: Any) -> None:
        nonlocal tries
        tries += 1
        if tries <= 2:
            raise StorageFull
        await write(*arguments)

    return refusing


async def test_a_command_that_finds_no_room_to_start_before_its_deadline_expires(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:

        async def full(_command: str) -> None:
            raise StorageFull

        world.outbox.journal.start = full  # type: ignore[method-assign]
        async with working(world):
            await world.executor.handle(world.command())

        assert world.states() == ["expired"]
        assert world.sync.begun == []


async def test_a_command_that_waited_for_room_is_judged_again(tmp_path: Path) -> None:
    """Quiet hours may have begun meanwhile, or the policy may be another."""
    async with opened(tmp_path) as world:
        start = world.outbox.journal.start

        async def full_once(command: str) -> None:
            world.outbox.journal.start = start  # type: ignore[method-assign]
            world.sync.decision = Decision(allowed=False, code="quiet_hours", why="it is late")
            raise StorageFull

        world.outbox.journal.start = full_once  # type: ignore[method-assign]
        async with working(world):
            await world.executor.handle(world.command())

        assert world.answer() == ("refused", {"code": "quiet_hours"})
        assert world.sync.begun == []
