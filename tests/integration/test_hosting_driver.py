"""The agent's end against real child processes whose driver misbehaves in every way it is guarded against."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import structlog

from agent.clock import ManualClock, SystemClock
from agent.errors import ConfigurationError, DriverCrashed, NotPermitted, Throttled
from agent.hosting.driver import HostedDriver
from agent.hosting.limits import HostingLimits
from agent.telemetry.context import of_run
from drivers.contract import (
    Mark,
    MarkKind,
    OperationKind,
    OutcomeStatus,
    ReadMode,
    ReadRequest,
    StreamSpec,
    WriteCommand,
)
from tests.canaries import canary

CHILD = (sys.executable, "-P", str(Path(__file__).parent / "hosting_support" / "faulty_child.py"))
STREAM = StreamSpec("orders", "purchase_order")
SCAN = ReadRequest(STREAM, ReadMode.SCAN)
SECRET = canary("-\u00e9")
LIMITS = HostingLimits(start_seconds=60, seconds_without_page=60, stop_seconds=20, look_seconds=0.05)
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals and descriptors of POSIX")


class RushingClock(ManualClock):
    """A clock by which time passes only because it is looked at."""

    seconds_per_look = 0.0

    def monotonic(self) -> float:
        self.advance(self.seconds_per_look)
        return super().monotonic()


@asynccontextmanager
async def hosted(
    mode: str = "fine", *, limits: HostingLimits = LIMITS, clock=None, **options: object
) -> AsyncIterator[HostedDriver]:
    driver = HostedDriver(
        "erp",
        "faulty",
        {"mode": mode, **options},
        {"password": SECRET},
        limits,
        clock=clock or SystemClock(),
        child_command=CHILD,
    )
    try:
        yield driver
    finally:
        await driver.aclose()


async def keys_of(driver: HostedDriver, request: ReadRequest = SCAN) -> list[str]:
    keys: list[str] = []
    async with aclosing(driver.read(request)) as pages:
        async for page in pages:
            keys += page.table.column("__key").to_pylist()
    return keys


async def note_cursors(driver: HostedDriver, seen: list[str]) -> None:
    async with aclosing(driver.read(SCAN)) as pages:
        async for page in pages:
            seen.append(str(page.cursor))  # noqa: PERF401 - what came before an error counts


async def test_every_verb_crosses_the_boundary():
    command = WriteCommand(OperationKind.CREATE, "vendor", {"name": "O'Brien"}, "key-1", STREAM)
    async with hosted() as driver:
        description = await driver.describe()
        catalogue = await driver.discover()
        outcome = await driver.execute(command)

        assert description.driver == "faulty"
        (operation,) = await driver.operations([STREAM])
        assert (operation.stream, operation.kind) == ("orders", OperationKind.CREATE)
        assert [column.name for column in await driver.columns(STREAM)] == ["amount"]
        assert catalogue.tables[0].columns[0].nullable is False
        assert outcome.status is OutcomeStatus.SUCCEEDED
        assert (outcome.reference, outcome.record) == ("made-key-1", {"name": "O'Brien"})
        assert await driver.find_effect(command) is None
        assert await driver.signpost(STREAM) == Mark(MarkKind.TIMESTAMP, "2026-01-05T12:00:00+00:00")
        assert await driver.signpost(StreamSpec("none", "vendor")) is None


async def test_a_date_among_the_options_arrives_as_one():
    async with hosted(since=datetime(2026, 1, 1, tzinfo=UTC)) as driver:
        assert [step.detail for step in await driver.check()] == ["datetime"]


async def test_pages_arrive_whole_and_in_order():
    async with hosted() as driver, aclosing(driver.read(SCAN)) as reading:
        pages = [page async for page in reading]

    assert [page.cursor for page in pages] == [f"page-{number}" for number in range(5)]
    assert [page.complete for page in pages] == [False] * 4 + [True]
    assert pages[4].table.to_pylist()[9] == {"__key": "00000049", "amount": 49, "lines": [{"no": 1}]}


async def test_large_pages_arrive_whole():
    async with hosted("large") as driver:
        keys = await keys_of(driver, replace(SCAN, page_rows=200_000))

    assert keys == [f"{number:08d}" for number in range(1_000_000)]


async def test_no_more_than_one_page_is_fetched_ahead(tmp_path):
    counter = tmp_path / "pages"
    async with hosted("count_pages", counter=str(counter)) as driver, aclosing(driver.read(SCAN)) as reading:
        await anext(reading)
        await _until(lambda: _lines(counter) >= 2)
        await asyncio.sleep(0.3)  # noqa: TID251 - a page too many would need a moment to be fetched

        assert _lines(counter) <= 3  # the first, one on its way, one behind it


async def test_a_read_that_is_left_early_leaves_the_child_usable():
    async with hosted() as driver:
        async with aclosing(driver.read(SCAN)) as reading:
            await anext(reading)
            pid = driver.pid

        assert len(await keys_of(driver)) == 50
        assert driver.pid == pid


async def test_a_second_call_waits_for_the_read_under_way():
    async with hosted() as driver, asyncio.TaskGroup() as group, aclosing(driver.read(SCAN)) as reading:
        await anext(reading)
        waiting = group.create_task(driver.discover())
        await asyncio.sleep(0.05)  # noqa: TID251 - gives the other call every chance to barge in
        assert not waiting.done()
        remaining = [page async for page in reading]

    assert len(remaining) == 4
    assert waiting.result().tables[0].name == "orders"


@pytest.mark.parametrize(
    ("mode", "reason"),
    [("exit", "exit code 3"), pytest.param("segfault", "SIGSEGV", marks=POSIX)],
)
async def test_a_crash_is_an_error_that_says_how(mode, reason):
    async with hosted(mode) as driver:
        with pytest.raises(DriverCrashed, match=reason) as caught:
            await keys_of(driver)

        assert caught.value.where == "erp"
        assert driver.pid is None
        assert len(await driver.check()) == 1  # started again by the next call


async def test_a_crash_that_lasts_is_logged_once_and_again_when_it_has_worked_between():
    with structlog.testing.capture_logs() as logged:
        async with hosted("exit") as driver:
            for works in (False, True):
                for _ in range(2):
                    with pytest.raises(DriverCrashed):
                        await keys_of(driver)
                if not works:
                    assert len(await driver.check()) == 1

    assert len([one for one in logged if one["event"] == "driver_crashed"]) == 2


async def test_a_crash_at_the_start_is_an_error():
    async with hosted("crash_at_start") as driver:
        with pytest.raises(DriverCrashed, match="exit code 4"):
            await driver.describe()


async def test_a_program_that_is_not_there_is_an_error():
    driver = HostedDriver("erp", "x", {}, {}, clock=SystemClock(), child_command=("/nonexistent/program",))
    with pytest.raises(DriverCrashed, match="could not be started"):
        await driver.describe()
    await driver.aclose()


@pytest.mark.parametrize("mode", ["read_hang", "read_native_hang"])
async def test_a_silent_read_is_ended(mode):
    async with hosted(mode, limits=replace(LIMITS, seconds_without_page=2)) as driver:
        seen: list[str] = []
        with pytest.raises(DriverCrashed, match="gave no answer for 2 s and was ended"):
            await note_cursors(driver, seen)

        assert seen == ["page-0", "page-1"]


async def test_silence_is_measured_by_the_clock_it_was_given():
    clock = RushingClock()
    async with hosted("hang", clock=clock) as driver:
        await driver.start()
        clock.seconds_per_look = 10.0
        with pytest.raises(DriverCrashed, match="gave no answer for 60 s"):
            await driver.discover()


async def test_memory_without_end_is_ended():
    limits = replace(LIMITS, resident_bytes=250 * 1024 * 1024)
    async with hosted("grow", limits=limits) as driver:
        with pytest.raises(DriverCrashed, match="past its limit of 250 MiB"):
            await keys_of(driver)


@POSIX
async def test_garbage_on_the_pipe_is_an_error():
    async with hosted("garbage") as driver:
        with pytest.raises(DriverCrashed, match="sent a header of 4294967295 bytes"):
            await driver.check()


async def test_a_page_above_the_limit_is_an_error_and_not_memory():
    async with hosted("huge", limits=replace(LIMITS, resident_bytes=8 * 1024**3)) as driver:
        with pytest.raises(DriverCrashed, match="the limit is 268435456"):
            await keys_of(driver)


async def test_a_page_that_breaks_the_contract_ends_the_child():
    async with hosted("no_key") as driver:
        with pytest.raises(DriverCrashed, match="without exactly one column __key"):
            await keys_of(driver)

        assert driver.pid is None


async def test_a_read_cut_short_is_not_taken_for_complete():
    async with hosted("cut_short") as driver:
        with pytest.raises(DriverCrashed, match="before its last page"):
            await keys_of(driver)


async def test_what_a_driver_prints_is_logged_bounded_and_without_secrets():
    with structlog.testing.capture_logs() as logs:
        async with hosted("talkative") as driver:
            steps = await driver.check()

    printed = [entry["line"] for entry in logs if entry["event"] == "driver_printed"]
    assert [step.name for step in steps] == ["connect"]
    assert "connecting with Pwd=[redacted];" in printed
    assert "native library says hello" in printed
    assert len(printed) <= 60
    assert sum(entry["lines"] for entry in logs if entry["event"] == "driver_output_suppressed") > 400
    assert SECRET not in repr(logs)


@pytest.mark.parametrize(("started_in", "asked_in"), [("run-1", None), (None, "run-2"), ("run-1", "run-2")])
async def test_what_a_driver_prints_names_the_run_that_asks_and_not_the_one_that_started_it(
    started_in: str | None, asked_in: str | None
):
    def within(run: str | None):
        return of_run(run, "erp/orders") if run else nullcontext()

    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        async with hosted("talkative") as driver:
            with within(started_in):
                await driver.start()
            with within(asked_in):
                await driver.check()

    assert {entry.get("run") for entry in logs if entry["event"] == "driver_printed"} == {asked_in}


async def test_a_driver_error_becomes_the_agents_error_of_that_code():
    async with hosted("throttled") as driver:
        with pytest.raises(Throttled, match="slow down") as caught:
            await driver.check()

    assert (caught.value.retry_after, caught.value.where) == (7.5, "erp: api")


async def test_a_driver_error_inside_a_read_comes_after_the_pages_before_it():
    async with hosted("refuses") as driver:
        seen: list[str] = []
        with pytest.raises(NotPermitted, match="select denied"):
            await note_cursors(driver, seen)

        assert seen == ["page-0", "page-1"]
        assert driver.pid is not None


async def test_a_secret_in_a_drivers_error_is_taken_out():
    async with hosted("leaky") as driver:
        with pytest.raises(NotPermitted) as caught:
            await driver.check()

    assert caught.value.message == "login with [redacted] refused"
    assert SECRET not in repr(caught.value) + caught.value.hint


async def test_a_secret_in_a_step_a_plan_or_the_answer_to_a_write_is_taken_out():
    command = WriteCommand(OperationKind.CREATE, "vendor", {}, "k", StreamSpec("vendors", "vendor"))
    async with hosted("leaky_steps") as driver:
        (step,) = await driver.check()
        plan = await driver.plan(SCAN)
        outcome = await driver.execute(command)

    assert (step.detail, step.hint) == ("[redacted] was refused", "not [redacted]")
    assert plan.notes == ("No count with [redacted].",)
    assert outcome.messages[0].text == "the account [redacted] may not"


async def test_a_driver_that_crashes_behind_its_last_page_has_given_every_page():
    async with hosted("crash_behind_the_last") as driver:
        assert len(await keys_of(driver)) == 50
        assert len(await driver.check()) == 1  # started again by the next call


async def test_an_answer_above_the_limit_is_an_error_that_says_so_and_costs_no_child():
    async with hosted("endless") as driver:
        with pytest.raises(DriverCrashed, match="the limit is 33554432"):
            await driver.discover()

        assert driver.pid is not None


async def test_an_unforeseen_exception_is_named_without_its_values():
    with structlog.testing.capture_logs() as logs:
        async with hosted("exception") as driver:
            with pytest.raises(DriverCrashed, match="failed with KeyError") as caught:
                await driver.check()

    assert "4711" not in str(caught.value)
    traces = [entry for entry in logs if entry["event"] == "driver_raised"]
    assert [entry["log_level"] for entry in traces] == ["debug"]
    assert "4711" in traces[0]["traceback"]


async def test_options_that_cannot_work_are_a_configuration_error():
    async with hosted("bad_configuration") as driver:
        with pytest.raises(ConfigurationError, match="no such thing") as caught:
            await driver.describe()

    assert (caught.value.where, caught.value.hint) == ("erp: options.mode", "Say something else.")


async def test_neither_options_nor_secrets_are_visible_from_outside(monkeypatch):
    monkeypatch.setenv("AW_PASSWORD", SECRET)
    async with hosted("environment", marker="option-value") as driver:
        environment = {step.name: step.detail for step in await driver.check()}
        command_line = " ".join(psutil.Process(driver.pid).cmdline())

    assert "AW_PASSWORD" not in environment
    assert SECRET not in command_line + repr(environment)
    assert "option-value" not in command_line + repr(environment)


async def test_an_idle_child_is_ended_and_started_again_by_the_next_call(tmp_path):
    farewell = tmp_path / "farewell"
    async with hosted("pid", limits=replace(LIMITS, idle_seconds=0.05), farewell=str(farewell)) as driver:
        first = (await driver.check())[0].detail
        await _until(farewell.exists)
        second = (await driver.check())[0].detail

    assert first != second


async def test_closing_lets_the_driver_sign_off(tmp_path):
    farewell = tmp_path / "farewell"
    async with hosted(farewell=str(farewell)) as driver:
        await driver.describe()

    assert farewell.read_text() == "closed"


async def test_closing_does_not_wait_for_ever():
    async with hosted("hang_at_end", limits=replace(LIMITS, stop_seconds=0.2)) as driver:
        await driver.describe()
        process = psutil.Process(driver.pid)

    assert not process.is_running()


async def test_closing_twice_or_before_the_start_is_fine():
    async with hosted() as driver:
        await driver.aclose()
        await driver.aclose()
        with pytest.raises(DriverCrashed, match="was closed"):
            await driver.describe()


async def test_a_cancelled_call_leaves_no_child_behind():
    async with hosted("native_hang") as driver:
        await driver.start()
        process = psutil.Process(driver.pid)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(driver.discover(), timeout=0.2)

        await _until(lambda: _gone(process))
        assert driver.pid is None


async def test_a_cancelled_read_that_does_not_stop_is_killed():
    async with hosted("read_native_hang", limits=replace(LIMITS, stop_seconds=0.2)) as driver:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(keys_of(driver), timeout=3)

        assert driver.pid is None


@POSIX
async def test_the_child_ends_when_the_agent_is_killed(tmp_path):
    script = tmp_path / "agent_side.py"
    script.write_text(
        "import asyncio, sys\n"
        "from agent.clock import SystemClock\n"
        "from agent.hosting.driver import HostedDriver\n"
        "async def run():\n"
        f"    driver = HostedDriver('erp', 'faulty', {{'mode': 'native_hang'}}, {{}}, clock=SystemClock(), child_command={CHILD!r})\n"
        "    await driver.start()\n"
        "    print(driver.pid, flush=True)\n"
        "    await driver.discover()\n"
        "asyncio.run(run())\n"
    )
    root = Path(__file__).resolve().parents[2]
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), env={"PYTHONPATH": str(root)}, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    while not (line := await process.stdout.readline()).strip().isdigit():
        pass
    child = psutil.Process(int(line))
    process.send_signal(signal.SIGKILL)
    await process.wait()

    await _until(lambda: _gone(child))


async def _until(happened) -> None:
    async with asyncio.timeout(60):
        while not happened():
            await asyncio.sleep(0.02)  # noqa: TID251 - waits for a real process


def _gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


async def test_a_driver_closed_while_its_child_is_being_started_leaves_no_child() -> None:
    before = set(psutil.Process().children())
    async with hosted() as driver:
        starting = asyncio.create_task(driver.start())
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop: the child is on its way
        await driver.aclose()

        with pytest.raises(DriverCrashed, match="was closed with its connection"):
            await starting
        assert driver.pid is None
    assert set(psutil.Process().children()) <= before
