from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.configuration.hours import parse_quiet_hours
from agent.errors import (
    ConfigurationError,
    CredentialsRefused,
    GroundwireError,
    QuietHours,
    SourceChanged,
    Throttled,
    UnexpectedError,
    Unreachable,
)
from agent.model.run import Differences, RunMode, RunReport, RunStatus, RunTrigger
from agent.sync.cursor import Reconciled
from agent.sync.quiet import OnlyWithin, Rest
from agent.sync.reconciliation import ReconcileSettings
from agent.sync.runner import RunResult
from agent.sync.supervisor import HOLD_MOST_SECONDS, RETRY_MOST_SECONDS, StreamState, Supervisor, retry_pause


class FakeStream:
    def __init__(self, name: str) -> None:
        self.address = f"erp/{name}"
        self.name = name
        self.rest = Rest()
        self.reconcile = ReconcileSettings()
        self.facts = type("Facts", (), {"connection": "erp", "entity": "vendor"})


class ScriptedRunner:
    """Ends each run as scripted for its stream; without a script it succeeds."""

    def __init__(self, world: World, stream: FakeStream) -> None:
        self._world, self._stream = world, stream

    async def run(self, run: str, trigger: RunTrigger, **options: Any) -> RunResult:
        self._world.calls.append((self._stream.name, trigger, options))
        self._world.under_way += 1
        self._world.most_at_once = max(self._world.most_at_once, self._world.under_way)
        try:
            if self._world.hold is not None:
                await self._world.hold.wait()
            await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
            script = self._world.scripts.get(self._stream.name, [])
            error = script.pop(0) if script else None
            if isinstance(error, GroundwireError | None):
                return RunResult(_report(self._stream.address, trigger), error)
            raise error
        finally:
            self._world.under_way -= 1


def _report(address: str, trigger: RunTrigger) -> RunReport:
    now = ManualClock().utcnow()
    return RunReport(
        "r", address, "erp", "vendor", trigger, RunMode.INCREMENTAL, RunStatus.SUCCEEDED, now, now
    )


class World:
    def __init__(
        self, faults: dict[str, GroundwireError] | None = None, *, parallel: int = 1, rest: Rest | None = None
    ) -> None:
        self.calls: list[tuple[str, RunTrigger, dict[str, Any]]] = []
        self.scripts: dict[str, list[Any]] = {}
        self.hold: asyncio.Event | None = None
        self.under_way = self.most_at_once = 0
        self.clock = ManualClock()
        streams = {name: FakeStream(name) for name in ("a", "b") if name not in (faults or {})}
        for stream in streams.values():
            stream.rest = rest or Rest()
        self.supervisor = Supervisor(
            connection="erp",
            streams=streams,  # type: ignore[arg-type]
            source=object(),  # type: ignore[arg-type]
            make_runner=lambda stream, _source, _progress: ScriptedRunner(self, stream),  # type: ignore[arg-type,return-value]
            new_run=lambda: "r",
            clock=self.clock,
            gate=asyncio.Semaphore(4),
            faults=faults or {},
            further=[None] * (parallel - 1),  # type: ignore[list-item]
        )

    def ran(self) -> list[str]:
        return [name for name, _, _ in self.calls]

    def state(self, stream: str) -> StreamState:
        return self.supervisor.views[stream].state

    async def settle(self, until: Callable[[], bool]) -> None:
        for _ in range(200):
            if until():
                return
            await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
        raise AssertionError("it never came to that")


@asynccontextmanager
async def alive(world: World) -> AsyncIterator[World]:
    task = asyncio.create_task(world.supervisor.run())
    try:
        yield world
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_streams_of_one_connection_run_one_at_a_time() -> None:
    async with alive(World()) as world:
        await asyncio.gather(*(world.supervisor.ask(name, RunTrigger.MANUAL) for name in ("a", "b")))

        assert world.ran() == ["a", "b"]
        assert world.most_at_once == 1


async def test_wishes_during_a_run_become_one_run_after_it() -> None:
    async with alive(World()) as world:
        world.hold = asyncio.Event()
        first = world.supervisor.ask("a", RunTrigger.MANUAL)
        await world.settle(lambda: world.ran() == ["a"])
        world.supervisor.look("a")
        later = [world.supervisor.ask("a", RunTrigger.COMMAND, full=full) for full in (True, False)]
        world.hold.set()
        await asyncio.gather(first, *later)

        assert world.ran() == ["a", "a"]
        assert world.calls[1][2]["full"] is True


async def test_a_transient_error_is_retried_with_growing_pauses_until_it_works() -> None:
    async with alive(World()) as world:
        world.scripts["a"] = [Unreachable("down")] * 3
        began = world.clock.monotonic()
        world.supervisor.look("a")
        await world.settle(lambda: len(world.calls) == 4 and world.state("a") is StreamState.IDLE)

        assert world.clock.monotonic() - began == pytest.approx(5 + 10 + 20)


async def test_ticks_of_the_schedule_do_not_cut_the_pause_behind_a_failure_short() -> None:
    """Or a source in trouble would be asked as often as its schedule says, however long it has been in trouble."""
    async with alive(World()) as world:
        world.scripts["a"] = [Unreachable("down")] * 3
        world.hold = asyncio.Event()
        began = world.clock.monotonic()
        world.supervisor.look("a")
        await world.settle(lambda: world.ran() == ["a"])
        world.supervisor.look("a")  # while it runs
        world.hold.set()
        await world.settle(lambda: world.state("a") is StreamState.RETRYING)
        world.supervisor.look("a")  # while it waits
        await world.settle(lambda: len(world.calls) == 4 and world.state("a") is StreamState.IDLE)

        assert world.clock.monotonic() - began == pytest.approx(5 + 10 + 20)


async def test_somebody_who_asks_does_not_wait_for_the_next_try() -> None:
    async with alive(World()) as world:
        world.scripts["a"] = [Unreachable("down")]
        world.clock.sleep = lambda _seconds: asyncio.Event().wait()  # type: ignore[assignment,method-assign]
        world.supervisor.look("a")
        await world.settle(lambda: world.state("a") is StreamState.RETRYING)
        result = await world.supervisor.ask("a", RunTrigger.COMMAND)

        assert result.error is None


async def test_refused_credentials_stop_the_whole_connection_until_somebody_asks() -> None:
    """Nothing may hammer an account into a lock."""
    async with alive(World()) as world:
        world.scripts["a"] = [CredentialsRefused("no")]
        world.supervisor.look("a")
        await world.settle(lambda: world.state("a") is StreamState.NEEDS_REAUTHORISATION)
        world.supervisor.look("a")
        world.supervisor.look("b")
        for _ in range(20):
            await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
        assert world.ran() == ["a"]

        await world.supervisor.ask("b", RunTrigger.MANUAL)
        await world.settle(lambda: world.ran() == ["a", "b", "a"] and world.state("a") is StreamState.IDLE)


async def test_a_retry_that_refused_credentials_put_off_is_made_up_for_once_they_work() -> None:
    async with alive(World()) as world:
        world.clock.sleep = lambda _seconds: asyncio.Event().wait()  # type: ignore[assignment,method-assign]
        world.scripts = {"a": [Unreachable("down")], "b": [CredentialsRefused("no")]}
        world.supervisor.look("a")
        await world.settle(lambda: world.state("a") is StreamState.RETRYING)
        world.supervisor.look("b")
        await world.settle(lambda: world.state("b") is StreamState.NEEDS_REAUTHORISATION)
        assert world.state("a") is StreamState.NEEDS_REAUTHORISATION

        await world.supervisor.ask("b", RunTrigger.MANUAL)
        await world.settle(lambda: world.ran() == ["a", "b", "b", "a"])


async def test_refused_credentials_end_every_run_that_waits_without_another_try() -> None:
    async with alive(World()) as world:
        world.hold = asyncio.Event()
        world.scripts["a"] = [CredentialsRefused("no")]
        runs = [world.supervisor.ask(name, RunTrigger.MANUAL) for name in ("a", "b")]
        await world.settle(lambda: world.ran() == ["a"])
        world.hold.set()

        ended = await asyncio.gather(*runs)

        assert [type(result.error) for result in ended] == [CredentialsRefused, CredentialsRefused]
        assert world.ran() == ["a"]
        assert world.state("b") is StreamState.NEEDS_REAUTHORISATION


async def test_the_relay_cannot_have_refused_credentials_tried_again() -> None:
    async with alive(World()) as world:
        world.scripts["a"] = [CredentialsRefused("no")]
        await world.supervisor.ask("a", RunTrigger.COMMAND)

        with pytest.raises(CredentialsRefused):
            world.supervisor.require_credentials()
        with pytest.raises(CredentialsRefused):
            world.supervisor.ask("b", RunTrigger.COMMAND)
        with pytest.raises(CredentialsRefused):
            world.supervisor.fetch("b", RunTrigger.COMMAND, ("k",))

        assert world.ran() == ["a"]


async def test_a_run_that_had_signed_in_before_does_not_prove_that_the_credentials_work() -> None:
    async with alive(World()) as world:
        world.hold = asyncio.Event()
        run = world.supervisor.ask("a", RunTrigger.SCHEDULE)
        await world.settle(lambda: world.ran() == ["a"])
        world.supervisor.refuse(CredentialsRefused("no"))
        world.hold.set()

        assert (await run).error is None
        assert world.state("a") is StreamState.NEEDS_REAUTHORISATION
        with pytest.raises(CredentialsRefused):
            world.supervisor.require_credentials()


async def test_a_refusal_is_told_once_and_so_is_its_end() -> None:
    async with alive(World()) as world:
        told: list[str] = []
        world.supervisor.on_refused = lambda error: told.append(error.message)
        world.supervisor.on_restored = lambda: told.append("restored")
        world.scripts = {"a": [CredentialsRefused("first"), CredentialsRefused("second")]}

        await world.supervisor.ask("a", RunTrigger.MANUAL)
        await world.supervisor.ask("a", RunTrigger.MANUAL)
        await world.supervisor.ask("a", RunTrigger.MANUAL)

        assert told == ["first", "restored"]


async def test_a_trouble_of_another_kind_does_not_have_refused_credentials_tried_again() -> None:
    async with alive(World()) as world:
        world.scripts["a"] = [CredentialsRefused("no"), Unreachable("down")]
        await world.supervisor.ask("a", RunTrigger.MANUAL)
        await world.supervisor.ask("a", RunTrigger.MANUAL)
        for _ in range(20):
            await world.clock.sleep(1_000)

        assert world.ran() == ["a", "a"]
        assert world.state("a") is StreamState.NEEDS_REAUTHORISATION


async def test_what_needs_a_person_is_looked_at_again_by_the_schedule() -> None:
    async with alive(World()) as world:
        world.scripts["a"] = [SourceChanged("no such column")]
        world.supervisor.look("a")
        await world.settle(lambda: world.state("a") is StreamState.NEEDS_PERSON)

        world.supervisor.look("a")
        await world.settle(lambda: world.state("a") is StreamState.IDLE)
        assert world.ran() == ["a", "a"]


async def test_a_fault_in_the_program_is_the_error_of_one_stream() -> None:
    async with alive(World()) as world:
        world.scripts["a"] = [ZeroDivisionError()]

        broken = await world.supervisor.ask("a", RunTrigger.MANUAL)
        fine = await world.supervisor.ask("b", RunTrigger.MANUAL)

        assert isinstance(broken.error, UnexpectedError)
        assert fine.error is None


async def test_a_stream_that_is_misconfigured_never_runs_and_says_why() -> None:
    fault = ConfigurationError("no such field", where="erp/b")
    async with alive(World({"b": fault})) as world:
        world.supervisor.look("b")
        await world.supervisor.ask("a", RunTrigger.MANUAL)

        with pytest.raises(ConfigurationError, match="no such field"):
            world.supervisor.ask("b", RunTrigger.MANUAL)
        assert world.ran() == ["a"]
        assert world.supervisor.views["b"].error is fault


async def test_stopping_cancels_who_waits() -> None:
    world = World()
    world.hold = asyncio.Event()
    async with alive(world):
        running = world.supervisor.ask("a", RunTrigger.MANUAL)
        waiting = world.supervisor.ask("b", RunTrigger.MANUAL)
        await world.settle(lambda: world.ran() == ["a"])

    assert running.cancelled()
    assert waiting.cancelled()


@pytest.mark.parametrize(
    ("failures", "error", "pause"),
    [
        (1, Unreachable(), 5.0),
        (3, Unreachable(), 20.0),
        (1_000_000, Unreachable(), RETRY_MOST_SECONDS),
        (1, Throttled(retry_after=90), 90.0),
        (9, Throttled(retry_after=1), RETRY_MOST_SECONDS),
    ],
)
def test_pauses_grow_to_a_limit_and_heed_what_the_source_asks_for(
    failures: int, error: GroundwireError, pause: float
) -> None:
    assert retry_pause(failures, error) == pause


async def test_a_connection_may_let_streams_be_read_beside_each_other_and_no_more_than_it_says() -> None:
    async with alive(World(parallel=2)) as world:
        world.hold = asyncio.Event()
        runs = [world.supervisor.ask(name, RunTrigger.MANUAL) for name in ("a", "b")]
        await world.settle(lambda: world.under_way == 2)
        again = world.supervisor.ask("a", RunTrigger.MANUAL)
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
        assert world.under_way == 2
        world.hold.set()
        await asyncio.gather(*runs, again)

        assert sorted(world.ran()) == ["a", "a", "b"]
        assert world.most_at_once == 2


async def test_pausing_ends_every_run_that_is_under_way() -> None:
    async with alive(World(parallel=2)) as world:
        world.hold = asyncio.Event()
        runs = [world.supervisor.ask(name, RunTrigger.MANUAL) for name in ("a", "b")]
        await world.settle(lambda: world.under_way == 2)
        world.supervisor.pause()

        ends = await asyncio.gather(*runs)
        assert [end.error.code if end.error else None for end in ends] == ["paused", "paused"]
        assert world.under_way == 0


def resting(world: World, minutes: int) -> Rest:
    """Quiet hours that the clock stands in now, for so long."""
    ends = world.clock.utcnow() + timedelta(minutes=minutes)
    return Rest(
        "UTC", (parse_quiet_hours(f"{world.clock.utcnow() - timedelta(hours=1):%H:%M}-{ends:%H:%M}"),)
    )


async def test_in_quiet_hours_the_schedule_waits_and_who_asks_does_not() -> None:
    world = World()
    for stream in world.supervisor.streams.values():
        stream.rest = resting(world, 30)  # type: ignore[misc]
    began = world.clock.monotonic()
    async with alive(world):
        world.supervisor.look("a")
        await world.supervisor.ask("b", RunTrigger.COMMAND)
        assert world.ran()[0] == "b"
        await world.settle(lambda: "a" in world.ran())

    assert 30 * 60 <= world.clock.monotonic() - began <= 32 * 60


async def test_a_run_that_quiet_hours_cut_short_is_no_failure_and_goes_on_after_them() -> None:
    world = World()
    world.scripts["a"] = [QuietHours("quiet hours until 05:00 UTC")]
    async with alive(world):
        world.supervisor.look("a")
        await world.settle(lambda: len(world.ran()) == 2 and world.state("a") is StreamState.IDLE)

        assert world.supervisor.views["a"].failures == 0


async def test_a_source_that_wants_a_pause_is_left_alone_by_all_of_its_streams() -> None:
    world = World()
    world.scripts["a"] = [Throttled("busy", retry_after=900.0)]
    began = world.clock.monotonic()
    async with alive(world):
        await world.supervisor.ask("a", RunTrigger.MANUAL)
        assert 890 <= world.supervisor.held_seconds <= 900
        waits = world.supervisor.ask("b", RunTrigger.COMMAND)
        await waits

    assert world.clock.monotonic() - began >= 900


async def test_a_person_at_the_host_need_not_wait_for_the_pause_that_a_source_wants() -> None:
    world = World()
    world.scripts["a"] = [Throttled("busy", retry_after=900.0)]
    async with alive(world):
        both = [world.supervisor.ask(name, RunTrigger.MANUAL) for name in ("a", "b")]
        await world.settle(lambda: world.ran() == ["a", "b"])

        assert world.clock.monotonic() < 900
        await asyncio.gather(*both)


def test_a_pause_that_a_source_wants_is_bounded() -> None:
    assert retry_pause(1, Throttled("busy", retry_after=10_000_000.0)) == HOLD_MOST_SECONDS


def reconciling(world: World, minutes: int, *, quiet: int = 300) -> None:
    """Hours for reconciling, inside of quiet hours, that end in so many minutes."""
    ends = world.clock.utcnow() + timedelta(minutes=minutes)
    hours = (parse_quiet_hours(f"{world.clock.utcnow() - timedelta(hours=1):%H:%M}-{ends:%H:%M}"),)
    for stream in world.supervisor.streams.values():
        stream.rest = resting(world, quiet)  # type: ignore[misc]
        stream.reconcile = ReconcileSettings(hours=OnlyWithin("UTC", hours))  # type: ignore[misc]


def compared(world: World) -> list[bool]:
    """Of each run, whether the whole set was to be compared."""
    return [options["reconcile"] is not None for _, _, options in world.calls]


async def test_in_its_hours_a_stream_is_reconciled_though_they_lie_in_the_quiet_hours() -> None:
    world = World()
    reconciling(world, 60)
    async with alive(world):
        world.supervisor.look_to_reconcile("a")
        await world.settle(lambda: len(world.ran()) == 1)

    assert compared(world) == [True]


async def test_it_is_not_reconciled_again_before_its_time() -> None:
    world = World()
    reconciling(world, 60)
    last = Reconciled(world.clock.utcnow() - timedelta(days=2), Differences())
    world.supervisor.views["a"] = replace(world.supervisor.views["a"], reconciled=last)
    async with alive(world):
        world.supervisor.look_to_reconcile("a")
        await world.supervisor.ask("a", RunTrigger.MANUAL)

    assert compared(world) == [False]


async def test_without_a_time_between_two_it_is_reconciled_once_for_each_beginning_of_its_hours() -> None:
    """`reconcile_every = "0s"`: one does not lead to the next."""
    world = World()
    reconciling(world, 60)
    there = world.supervisor.streams["a"]
    there.reconcile = replace(there.reconcile, every=timedelta(0))  # type: ignore[misc]
    just_now = Reconciled(world.clock.utcnow(), Differences())
    world.supervisor.views["a"] = replace(world.supervisor.views["a"], reconciled=just_now)
    async with alive(world):
        for times in (1, 2):
            world.supervisor.look_to_reconcile("a")
            await world.settle(lambda times=times: len(world.ran()) == times)  # type: ignore[misc]
        await world.supervisor.ask("a", RunTrigger.MANUAL)

    assert compared(world) == [True, True, False]


async def test_a_failure_that_may_pass_is_followed_by_another_try_to_reconcile() -> None:
    world = World()
    reconciling(world, 60)
    world.scripts["a"] = [Unreachable("gone")]
    async with alive(world):
        world.supervisor.look_to_reconcile("a")
        await world.settle(lambda: len(world.ran()) == 2)

    assert compared(world) == [True, True]


async def test_what_waits_until_the_hours_are_over_is_synced_and_not_reconciled() -> None:
    world = World()
    reconciling(world, 1, quiet=3)
    world.scripts["a"] = [Unreachable("gone")] * 5
    async with alive(world):
        world.supervisor.look_to_reconcile("a")
        await world.settle(lambda: world.state("a") is StreamState.IDLE and bool(world.ran()))

    found = compared(world)
    assert found[0]
    assert not found[-1]


async def test_somebody_who_asks_has_it_reconciled_at_any_hour() -> None:
    world = World()
    async with alive(world):
        await world.supervisor.ask("a", RunTrigger.MANUAL, reconcile=True)

    assert compared(world) == [True]
