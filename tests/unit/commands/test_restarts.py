"""Commands whose agent stops, dies or starts again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.policy.decision import Decision
from tests.unit.commands.making import opened, until, working


async def test_what_had_started_when_the_process_died_is_not_run_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        world.sync.gate = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            await world.executor.start(group)
            await world.executor.handle(world.command())
            await until(lambda: world.sync.begun != [])
            await world.executor.stop()
    async with opened(tmp_path) as after:
        async with working(after):
            pass

        assert (after.sync.begun, after.sync.recovered) == ([], ["c1"])
        assert after.answer() == ("failed", {"code": "interrupted"})


async def test_what_had_only_been_received_is_judged_again_and_run(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await world.executor.handle(world.command())  # not started yet
        await world.executor.handle(world.command("c2", name="create"))
    async with opened(tmp_path) as after:
        after.create.decision = Decision(allowed=False, code="not_allowed", why="")
        async with working(after):
            pass

        assert (after.sync.begun, after.create.begun) == (["c1"], [])
        assert (after.answer("c1")[0], after.answer("c2")[0]) == ("succeeded", "refused")


async def test_an_answer_is_repeated_after_a_restart_until_the_relay_has_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as world, working(world):
        await world.executor.handle(world.command())
    async with opened(tmp_path) as after:
        async with working(after):
            pass
        assert after.states() == ["succeeded"]
        await after.executor.result_acked("c1", "running")
        assert len(await after.outbox.journal.unacked()) == 1
        await after.executor.result_acked("c1", "succeeded")
    async with opened(tmp_path) as settled:
        async with working(settled):
            pass

        assert settled.sent == []


async def test_answers_that_wait_for_the_relay_do_not_keep_the_agent_from_starting(tmp_path: Path) -> None:
    """Of very many the last ones wait for acks, which need a link, which is made after the start."""
    async with opened(tmp_path) as world, working(world):
        await world.executor.handle(world.command())
    async with opened(tmp_path) as after:
        acked = asyncio.Event()

        async def wait_for_acks(_command: str, _state: str, _result: Mapping[str, Any]) -> None:
            await acked.wait()

        after._send = wait_for_acks  # type: ignore[method-assign]
        after.executor = after.make()
        async with asyncio.timeout(30), working(after):
            acked.set()


async def test_an_answer_that_waits_for_the_relay_takes_no_room_from_others(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        acked = asyncio.Event()

        async def wait_for_acks(_command: str, _state: str, _result: Mapping[str, Any]) -> None:
            await acked.wait()

        world._send = wait_for_acks  # type: ignore[method-assign]
        world.executor = world.make()
        async with working(world):
            for number in range(40):
                await world.executor.handle(world.command(f"c{number}", name="create"))
            await until(lambda: len(world.create.begun) == 40)
            acked.set()


async def test_a_body_that_the_disk_changed_is_not_carried_out(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await world.executor.handle(world.command("c1"))
        await world.executor.handle(world.command("c2", name="create"))
        await world.outbox.journal.start("c2")
        world.outbox._db.run("UPDATE command SET body = CAST(replace(body, 'erp', 'mes') AS BLOB)")
        async with working(world):
            pass

        assert world.sync.begun == []
        assert world.create.recovered == []
        assert world.answer("c1") == ("failed", {"code": "storage_damaged"})
        assert world.answer("c2") == ("in_doubt", {"code": "storage_damaged"})


async def test_an_agent_that_stops_waits_for_a_write_that_has_begun(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        held = world.create.gate = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            await world.executor.start(group)
            await world.executor.handle(world.command("c1", name="create"))
            await world.executor.handle(world.command("c2", name="create"))
            await until(lambda: world.create.begun == ["c1"])
            stopping = asyncio.create_task(world.executor.stop())
            await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
            await world.executor.handle(world.command("c3"))
            held.set()
            await stopping

        states = [await world.state_of(command) for command in ("c1", "c2", "c3")]
        assert states == ["succeeded", "received", "received"]
