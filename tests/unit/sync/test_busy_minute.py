"""F23: many streams of many connections are due in the same minute, and due again before they have had their turn."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, Final

from agent.clock import ManualClock
from agent.configuration.model import LimitsTable
from agent.model.run import RunMode, RunReport, RunStatus, RunTrigger
from agent.sync.quiet import Rest
from agent.sync.reconciliation import ReconcileSettings
from agent.sync.runner import RunResult
from agent.sync.supervisor import Supervisor

CONNECTIONS: Final = 25
STREAMS: Final = 20  # of each
RUN_SECONDS: Final = 3.0
AT_ONCE: Final = LimitsTable().parallel_runs


class Due:
    def __init__(self, connection: str, name: str) -> None:
        self.address = f"{connection}/{name}"
        self.rest = Rest()
        self.reconcile = ReconcileSettings()
        self.facts = type("Facts", (), {"connection": connection, "entity": "vendor"})


class Minute:
    """Every run takes three seconds, so those that run together end together."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.starts: list[tuple[str, float]] = []
        self.running: dict[str, asyncio.Event] = {}
        gate = asyncio.Semaphore(AT_ONCE)
        self.supervisors = [self._supervisor(f"c{number}", gate) for number in range(CONNECTIONS)]

    def _supervisor(self, name: str, gate: asyncio.Semaphore) -> Supervisor:
        given: Any = {f"s{number}": Due(name, f"s{number}") for number in range(STREAMS)}
        return Supervisor(
            connection=name,
            streams=given,
            source=object(),  # type: ignore[arg-type]
            make_runner=lambda stream, _source, _progress: self._runner(stream),
            new_run=lambda: "r",
            clock=self.clock,
            gate=gate,
        )

    def _runner(self, stream: Any) -> Any:
        minute = self

        class Runner:
            async def run(self, _run: str, trigger: RunTrigger, **_options: Any) -> RunResult:
                assert stream.address not in minute.running, "a stream runs beside itself"
                minute.starts.append((stream.address, minute.clock.monotonic()))
                minute.running[stream.address] = asyncio.Event()
                await minute.running[stream.address].wait()
                del minute.running[stream.address]
                now = minute.clock.utcnow()
                report = RunReport(
                    "r",
                    stream.address,
                    "c",
                    "vendor",
                    trigger,
                    RunMode.INCREMENTAL,
                    RunStatus.SUCCEEDED,
                    now,
                    now,
                )
                return RunResult(report, None)

        return Runner()

    def tick(self) -> None:
        for supervisor in self.supervisors:
            for stream in supervisor.streams:
                supervisor.look(stream)

    async def play(self, until: int) -> None:
        """Until so many runs have begun and ended."""
        while len(self.starts) < until or self.running:
            for _ in range(40):
                await asyncio.sleep(0)  # noqa: TID251 - turns of the loop, until whoever may begin has begun
            assert self.running, "nobody runs, and somebody waits"
            assert len(self.running) <= AT_ONCE
            assert max(Counter(each.partition("/")[0] for each in self.running).values()) == 1
            self.clock.advance(RUN_SECONDS)
            for ended in list(self.running.values()):
                ended.set()
            for _ in range(10):
                await asyncio.sleep(0)  # noqa: TID251 - turns of the loop


async def test_five_hundred_streams_of_one_minute_have_their_turn_once_and_no_connection_waits_for_another() -> (
    None
):
    minute = Minute()
    lives = [asyncio.create_task(supervisor.run()) for supervisor in minute.supervisors]
    try:
        minute.tick()
        await minute.play(CONNECTIONS * STREAMS // 2)
        minute.tick()  # due again: for most before they have begun
        begun = len(minute.starts)
        await minute.play(begun + CONNECTIONS * STREAMS)
    finally:
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)

    runs = Counter(address for address, _ in minute.starts)
    assert len(runs) == CONNECTIONS * STREAMS
    assert sum(runs.values()) == begun + CONNECTIONS * STREAMS, (
        "a tick that was waited for is one run, not two"
    )
    for upto in range(0, len(minute.starts), CONNECTIONS):
        turns = Counter(address.partition("/")[0] for address, _ in minute.starts[:upto])
        assert not turns or max(turns.values()) - min(turns.values()) <= 1
    # As many at once as may be, from the first to the last: nobody waits for anything but a free place.
    seconds = len(minute.starts) / AT_ONCE * RUN_SECONDS
    assert seconds <= minute.clock.monotonic() <= seconds + 2 * RUN_SECONDS
