"""A source that is away for a day: what the log says of it."""

from __future__ import annotations

import structlog
from structlog.testing import capture_logs

from agent.errors import SourceChanged, Unreachable
from agent.model.run import RunTrigger
from agent.telemetry.spans import trace_of_run
from tests.unit.sync.test_supervisor import ScriptedRunner, World, alive

TRIES = 300  # one every five minutes is a day


async def test_a_source_that_is_away_for_a_day_is_two_lines_and_a_count() -> None:
    world = World()
    for stream in ("a", "b"):
        world.scripts[stream] = [Unreachable("nobody there") for _ in range(TRIES)]

    with capture_logs() as logs:
        async with alive(world):
            for stream in ("a", "b"):
                world.supervisor.look(stream)
            for runs in range(1, 2 * TRIES + 3):
                await world.settle(lambda runs=runs: len(world.calls) >= runs)  # type: ignore[misc]
            await world.settle(
                lambda: world.supervisor.views["b"].error is None is world.supervisor.views["a"].error
            )

    told = [line["event"] for line in logs if line["log_level"] != "debug"]
    assert told == ["source_unavailable", "source_available"]
    assert logs[-1]["tries"] == 2 * TRIES
    assert logs[-1]["away_seconds"] > 80_000


async def test_every_try_but_the_first_is_told_as_a_repetition() -> None:
    world = World()
    world.scripts["a"] = [Unreachable("nobody there")] * 2

    async with alive(world):
        world.supervisor.look("a")
        await world.settle(lambda: len(world.calls) == 3)

    assert [options["again"] for _, _, options in world.calls] == [False, True, True]


async def test_a_trouble_of_one_stream_is_told_of_that_stream() -> None:
    world = World()
    world.scripts["a"] = [SourceChanged("no such column")] * 3

    with capture_logs() as logs:
        async with alive(world):
            for calls in (1, 2, 3, 4):
                world.supervisor.look("a")
                await world.settle(lambda calls=calls: len(world.calls) == calls)  # type: ignore[misc]
                await world.settle(lambda: world.state("a").value != "running")

    assert [(line["event"], line["stream"]) for line in logs] == [
        ("stream_failed", "erp/a"),
        ("stream_recovered", "erp/a"),
    ]
    assert logs[-1]["tries"] == 3


async def test_whatever_is_logged_inside_of_a_run_names_the_run_and_its_trace() -> None:
    world = World()
    seen: list[dict[str, object]] = []

    class Looking(ScriptedRunner):
        async def run(self, run: str, trigger: RunTrigger, **options: object) -> object:  # type: ignore[override]
            seen.append(structlog.contextvars.get_contextvars())
            return await super().run(run, trigger, **options)

    world.supervisor.make_runner = lambda stream, _source, _progress: Looking(world, stream)  # type: ignore[assignment,arg-type,return-value]
    async with alive(world):
        world.supervisor.look("a")
        await world.settle(lambda: len(seen) == 1)

    assert seen == [{"run": "r", "stream": "erp/a", "trace": trace_of_run("r").hex()}]
    assert structlog.contextvars.get_contextvars() == {}
