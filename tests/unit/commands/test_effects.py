"""What is believed of a write, what is looked up, and when an absence is final."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from agent.audit.trail import AGENT
from agent.clock import ManualClock
from agent.commands.effects import LOOK_LIMIT_SECONDS, Effects
from agent.commands.ports import Call
from agent.errors import (
    ConfigurationError,
    CredentialsRefused,
    DriverCrashed,
    NotPermitted,
    RecordError,
    SourceChanged,
    Throttled,
    Unreachable,
)
from drivers.contract import (
    Message,
    Operation,
    OperationKind,
    Outcome,
    OutcomeStatus,
    StreamSpec,
    WriteCommand,
)

STREAM = StreamSpec("orders", "purchase_order")
COMMAND = WriteCommand(OperationKind.CREATE, "purchase_order", {"title": "t"}, "c-1", STREAM)
MADE = Outcome(OutcomeStatus.SUCCEEDED, key="4711", reference="PO-4711")
NO = Outcome(OutcomeStatus.FAILED, messages=(Message("blocked", "E1", "vendorKey"),))


def operation(settles: float | None = 0.0) -> Operation:
    after = None if settles is None else timedelta(seconds=settles)
    return Operation("orders", "purchase_order", OperationKind.CREATE, effect_settles_after=after)


class ScriptedDriver:
    """Answers a call with the next thing of its script: raises an error, returns anything else."""

    def __init__(self, clock: ManualClock, execute: object, *looks: object) -> None:
        self.clock = clock
        self.reply = execute
        self.looks = list(looks)
        self.executed = 0
        self.looked_at: list[float] = []
        self.start_error: Exception | None = None
        self.release: asyncio.Event | None = None

    async def start(self) -> None:
        if self.start_error is not None:
            raise self.start_error

    async def execute(self, command: WriteCommand) -> Outcome:
        self.executed += 1
        if self.release is not None:
            await self.release.wait()
        return self._answer(self.reply)

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        self.looked_at.append(self.clock.monotonic())
        return self._answer(self.looks.pop(0) if len(self.looks) > 1 else self.looks[0])

    def _answer(self, what: Any) -> Any:
        if isinstance(what, Exception):
            raise what
        return what


async def told(_progress: Mapping[str, Any]) -> None: ...


def call(clock: ManualClock) -> Call:
    return Call("c-1", clock.utcnow(), AGENT, told)


async def cause(driver: ScriptedDriver, settles: float | None = 0.0):
    effects = Effects(driver.clock)
    return await effects.cause(COMMAND, operation(settles), lambda: driver, call(driver.clock))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def test_a_reply_is_believed(clock):
    made, refused = ScriptedDriver(clock, MADE), ScriptedDriver(clock, NO)

    assert (await cause(made)).outcome == MADE
    failed = await cause(refused)
    assert (failed.status, failed.code) == (OutcomeStatus.FAILED, "rejected")
    assert failed.messages == NO.messages
    assert made.looked_at == refused.looked_at == []


@pytest.mark.parametrize(
    "error", [CredentialsRefused(), NotPermitted(), ConfigurationError(), SourceChanged(), RecordError()]
)
async def test_the_errors_that_promise_that_nothing_changed_are_failures(clock, error):
    driver = ScriptedDriver(clock, error)

    effect = await cause(driver)

    assert (effect.status, effect.code) == (OutcomeStatus.FAILED, error.code)
    assert driver.looked_at == []


@pytest.mark.parametrize(
    "error",
    [Unreachable(), Throttled(retry_after=5), DriverCrashed(), RuntimeError("a fault of ours"), None],
)
async def test_after_anything_else_the_effect_is_looked_up_and_the_call_is_not_repeated(clock, error):
    reply = error or Outcome(OutcomeStatus.IN_DOUBT)
    found, absent = ScriptedDriver(clock, reply, MADE), ScriptedDriver(clock, reply, None)

    assert (await cause(found)).outcome == MADE
    effect = await cause(absent)

    assert (effect.status, effect.code) == (OutcomeStatus.FAILED, "no_effect")
    assert found.executed == absent.executed == 1


async def test_an_absence_is_final_only_when_an_effect_can_no_longer_appear(clock):
    driver = ScriptedDriver(clock, Unreachable(), None)

    effect = await cause(driver, settles=100)

    assert effect.code == "no_effect"
    assert driver.looked_at == [0, 1, 3, 7, 15, 31, 63, 100]


async def test_an_effect_that_appears_late_is_found(clock):
    driver = ScriptedDriver(clock, Unreachable(), None, None, None, MADE)

    assert (await cause(driver, settles=100)).outcome == MADE


async def test_a_question_that_was_asked_too_early_proves_nothing_however_late_its_answer(clock):
    class SlowDriver(ScriptedDriver):
        async def find_effect(self, command: WriteCommand) -> Outcome | None:
            found = await super().find_effect(command)
            self.clock.advance(200)
            return found

    driver = SlowDriver(clock, Unreachable(), None, MADE)

    assert (await cause(driver, settles=100)).outcome == MADE


async def test_a_failed_look_proves_nothing(clock):
    driver = ScriptedDriver(clock, Unreachable(), *[Unreachable(), RuntimeError("x")] * 2, None)

    effect = await cause(driver, settles=5)

    assert effect.code == "no_effect"
    assert len(driver.looked_at) == 5


async def test_looks_that_keep_failing_end_in_doubt_after_a_while(clock):
    driver = ScriptedDriver(clock, Unreachable(), Unreachable())

    effect = await cause(driver, settles=60)

    assert (effect.status, effect.code) == (OutcomeStatus.IN_DOUBT, "lookup_failed")
    assert LOOK_LIMIT_SECONDS <= clock.monotonic() - 60 <= LOOK_LIMIT_SECONDS + 120


async def test_a_system_that_cannot_tell_leaves_a_doubt_at_once(clock):
    driver = ScriptedDriver(clock, Unreachable())

    effect = await cause(driver, settles=None)

    assert (effect.status, effect.code) == (OutcomeStatus.IN_DOUBT, "no_lookup")


async def test_what_goes_wrong_before_the_call_is_raised(clock):
    driver = ScriptedDriver(clock, MADE)
    driver.start_error = DriverCrashed()

    with pytest.raises(DriverCrashed):
        await cause(driver)

    assert driver.executed == 0


async def test_a_cancellation_waits_for_the_reply(clock):
    driver = ScriptedDriver(clock, MADE)
    driver.release = asyncio.Event()
    task = asyncio.ensure_future(cause(driver))
    await _turns()
    task.cancel()
    await _turns()
    assert not task.done()
    task.cancel()
    await _turns()
    driver.release.set()

    assert (await task).outcome == MADE


async def test_a_cancellation_that_leaves_a_doubt_is_raised(clock):
    driver = ScriptedDriver(clock, Unreachable(), MADE)
    driver.release = asyncio.Event()
    task = asyncio.ensure_future(cause(driver))
    await _turns()
    task.cancel()
    await _turns()
    driver.release.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert driver.looked_at == []


async def test_recovery_never_calls_again(clock):
    driver = ScriptedDriver(clock, MADE, None)

    effect = await Effects(clock).look_up(COMMAND, operation(30), lambda: driver, call(clock))

    assert effect.code == "no_effect"
    assert driver.executed == 0
    assert driver.looked_at[-1] == 30


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)  # noqa: TID251 - gives the loop a turn, waits for nothing
