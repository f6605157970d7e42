from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.commands.executor import Executor
from agent.errors import ConfigurationError, StorageFull, Unreachable
from agent.model.run import RunMode, RunReport, RunStatus, RunTrigger, rfc3339
from agent.outbox.store import Outbox
from agent.protocol.frames import Command
from agent.sync.runner import RunResult

ARGS = {"connection": "erp", "streams": ["orders"], "full": True}


class FakeSyncs:
    """Counts the runs it is asked for and ends them as scripted."""

    def __init__(self) -> None:
        self.started: list[tuple[tuple[str, str], bool]] = []
        self.error: Unreachable | None = None
        self.hold = False

    def choose(
        self, connection: str, streams: Sequence[str] | None = None, entities: Sequence[str] | None = None
    ) -> list[tuple[str, str]]:
        if connection != "erp":
            raise ConfigurationError(f"there is no connection named {connection!r}")
        return [(connection, stream) for stream in streams or ("orders", "vendors")]

    def start_syncs(
        self, wanted: Sequence[tuple[str, str]], trigger: RunTrigger, *, full: bool
    ) -> list[asyncio.Future[RunResult]]:
        futures = []
        for pair in wanted:
            self.started.append((pair, full))
            future: asyncio.Future[RunResult] = asyncio.get_running_loop().create_future()
            if not self.hold:
                future.set_result(RunResult(_report("/".join(pair)), self.error))
            futures.append(future)
        return futures


def _report(address: str) -> RunReport:
    now = ManualClock().utcnow()
    return RunReport(
        "r1", address, "erp", "vendor", RunTrigger.COMMAND, RunMode.RESYNC, RunStatus.SUCCEEDED, now, now
    )


class World:
    def __init__(self, outbox: Outbox, clock: ManualClock) -> None:
        self.syncs = FakeSyncs()
        self.sent: list[tuple[str, str, Mapping[str, Any]]] = []
        self.outbox, self.clock = outbox, clock
        self.executor = Executor(outbox.journal, self.syncs, clock, self._send)

    async def _send(self, command: str, state: str, result: Mapping[str, Any]) -> None:
        self.sent.append((command, state, result))

    def states(self) -> list[str]:
        return [state for _, state, _ in self.sent]

    def command(self, name: str = "sync", args: dict[str, Any] | None = None, seconds: float = 60) -> Command:
        deadline = rfc3339(self.clock.utcnow() + timedelta(seconds=seconds))
        return Command("c1", name, ARGS if args is None else args, deadline)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[World]:
    clock = ManualClock()
    async with await Outbox.open(path / "outbox.db", clock=clock) as outbox:
        yield World(outbox, clock)


@asynccontextmanager
async def working(world: World) -> AsyncIterator[World]:
    async with asyncio.TaskGroup() as group:
        await world.executor.start(group)
        yield world


async def test_a_sync_runs_and_its_outcome_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        async with working(world):
            await world.executor.handle(world.command())

        assert world.states() == ["running", "succeeded"]
        assert world.syncs.started == [(("erp", "orders"), True)]
        assert world.sent[-1][2]["runs"][0]["stream"] == "erp/orders"


async def test_a_repeat_is_answered_from_the_journal_and_runs_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        async with working(world):
            await world.executor.handle(world.command())
        for _ in range(3):
            await world.executor.handle(world.command())

        assert len(world.syncs.started) == 1
        assert world.states() == ["running", "succeeded", "succeeded", "succeeded", "succeeded"]


async def test_the_same_id_with_another_body_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        async with working(world):
            await world.executor.handle(world.command())
        await world.executor.handle(world.command(args={"connection": "erp", "full": False}))

        assert world.sent[-1] == ("c1", "refused", {"code": "conflict"})
        assert len(world.syncs.started) == 1


@pytest.mark.parametrize(
    ("name", "args", "code"),
    [
        ("delete_everything", {}, "unknown_command"),
        ("sync", {}, "bad_arguments"),
        ("sync", {"connection": "erp", "surprise": 1}, "bad_arguments"),
        ("sync", {"connection": "erp", "full": "yes"}, "bad_arguments"),
        ("sync", {"connection": "other"}, "configuration"),
    ],
)
async def test_what_cannot_be_done_is_refused_before_anything_runs(
    tmp_path: Path, name: str, args: dict[str, Any], code: str
) -> None:
    async with opened(tmp_path) as world:
        async with working(world):
            await world.executor.handle(world.command(name, args))

        assert (world.states()[-1], world.sent[-1][2]["code"]) == ("refused", code)
        assert world.syncs.started == []


async def test_a_command_behind_its_deadline_expires(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        async with working(world):
            await world.executor.handle(world.command(seconds=0))

        assert world.states() == ["expired"]
        assert world.syncs.started == []


async def test_a_failed_run_fails_the_command_without_the_words_of_its_error(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        world.syncs.error = Unreachable("host secret-erp is down")
        async with working(world):
            await world.executor.handle(world.command())

        assert world.states()[-1] == "failed"
        assert world.sent[-1][2]["runs"][0]["error"] == "unreachable"
        assert "secret-erp" not in str(world.sent)


async def test_what_had_started_when_the_process_died_is_not_run_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        world.syncs.hold = True
        task = asyncio.create_task(_handle_and_hang(world))
        while not world.syncs.started:
            await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with opened(tmp_path) as after:
        async with working(after):
            pass

        assert after.syncs.started == []
        assert after.sent[0] == ("c1", "failed", {"code": "interrupted"})


async def _handle_and_hang(world: World) -> None:
    async with working(world):
        await world.executor.handle(world.command())
        await asyncio.Event().wait()


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

        after.executor = Executor(after.outbox.journal, after.syncs, after.clock, wait_for_acks)
        async with asyncio.timeout(30), working(after):
            acked.set()


async def test_an_answer_waits_for_room_on_the_disk(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        original, tries = world.outbox.journal.finish, 0

        async def full_twice(*arguments: Any) -> None:
            nonlocal tries
            tries += 1
            if tries <= 2:
                raise StorageFull
            await original(*arguments)

        world.outbox.journal.finish = full_twice  # type: ignore[method-assign]
        async with working(world):
            await world.executor.handle(world.command())

        assert world.states() == ["running", "succeeded"]
        assert tries == 3
        assert [record.state for record in await world.outbox.journal.unacked()] == ["succeeded"]
