from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from agent.clock import ManualClock, SystemClock
from agent.errors import StorageFull
from agent.service.liveness import (
    EXTENSION_SECONDS,
    LONGEST_START_SECONDS,
    STATUS_SECONDS,
    Pulse,
    report,
    starting,
)

WATCHDOG = 120.0


@dataclass
class Listening:
    """A manager that writes down what it is told, and when."""

    clock: ManualClock
    watchdog_seconds: float | None = WATCHDOG
    listens: bool = True
    pings: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    asked: list[tuple[float, float]] = field(default_factory=list)  # at, for how long

    def ready(self) -> None:
        self.said.append("READY")

    def status(self, text: str) -> None:
        self.said.append(text)

    def alive(self) -> None:
        self.pings.append(self.clock.monotonic())

    def reloading(self, now: float) -> None:
        self.said.append(f"RELOADING at {now}")

    def needs(self, seconds: float) -> None:
        self.asked.append((self.clock.monotonic(), seconds))

    def stopping(self, seconds: float) -> None:
        self.said.append(f"STOPPING within {seconds}")


async def fine() -> bool:
    return True


async def stuck() -> bool:
    await asyncio.Event().wait()
    return True


async def turn() -> None:
    await SystemClock().sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await turn()


async def reported(
    manager: Listening,
    parts: Mapping[str, Callable[[], Awaitable[bool]]],
    seconds: float,
    saying: Callable[[], Awaitable[str]] | None = None,
) -> None:
    """So much of the manager's time, on its clock."""
    clock = manager.clock
    end = clock.monotonic() + seconds
    task = asyncio.create_task(report(manager, clock, parts, saying))
    try:
        await until(lambda: clock.monotonic() >= end)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_part_hangs_when_it_has_not_answered_for_the_limit() -> None:
    pulse = Pulse(["outbox", "schedule"], limit=60, now=100)
    pulse.answered("outbox", 150)

    assert pulse.hanging(160) == []
    assert pulse.hanging(160.1) == ["schedule"]
    pulse.answered("schedule", 161)
    assert pulse.hanging(210) == []
    assert pulse.hanging(230) == ["outbox", "schedule"]


async def test_a_process_that_lives_says_so_at_least_twice_within_the_limit() -> None:
    manager = Listening(ManualClock())

    await reported(manager, {"outbox": fine, "schedule": fine}, 20 * WATCHDOG)

    gaps = [later - earlier for earlier, later in pairwise(manager.pings)]
    assert manager.pings[0] == 0
    assert len(gaps) > 3
    assert max(gaps) <= WATCHDOG


async def test_a_part_that_hangs_ends_the_pings_although_the_others_answer() -> None:
    manager = Listening(ManualClock())

    await reported(manager, {"outbox": stuck, "schedule": fine}, 20 * WATCHDOG)

    assert max(manager.pings) <= WATCHDOG


async def test_a_part_that_does_not_do_its_work_ends_the_pings_as_one_that_hangs() -> None:
    async def overdue() -> bool:
        return False

    manager = Listening(ManualClock())

    await reported(manager, {"outbox": fine, "schedule": overdue}, 20 * WATCHDOG)

    assert max(manager.pings) <= WATCHDOG


async def test_a_part_that_answers_again_in_time_is_alive_again() -> None:
    refusals = iter([True] + [False] * 8)

    async def slow() -> bool:
        if not next(refusals, True):
            raise StorageFull
        return True

    manager = Listening(ManualClock())

    await reported(manager, {"outbox": slow}, 40 * WATCHDOG)

    gaps = [later - earlier for earlier, later in pairwise(manager.pings)]
    assert max(gaps) > WATCHDOG  # it had stopped
    assert manager.pings[-1] > 20 * WATCHDOG


async def test_without_a_watchdog_there_are_no_pings() -> None:
    async def saying() -> str:
        return "fine"

    manager = Listening(ManualClock(), watchdog_seconds=None)

    await reported(manager, {"outbox": fine}, 20 * STATUS_SECONDS, saying)

    assert manager.pings == []
    assert manager.said == ["fine"]


async def test_the_status_is_told_when_it_changes_and_a_store_that_cannot_say_is_asked_again() -> None:
    answers = iter(["connected", "connected", None, "away", "away"])

    async def saying() -> str:
        found = next(answers, "connected")
        if found is None:
            raise StorageFull
        return found

    manager = Listening(ManualClock(), watchdog_seconds=None)

    await reported(manager, {}, 20 * STATUS_SECONDS, saying)

    assert manager.said == ["connected", "away", "connected"]


async def test_a_start_asks_for_more_time_before_what_it_has_is_over_and_not_for_ever() -> None:
    clock = ManualClock()
    manager = Listening(clock)

    async with starting(manager, clock):
        await until(lambda: len(manager.asked) > 0 and clock.monotonic() >= LONGEST_START_SECONDS)
        asked = list(manager.asked)

    gaps = [later[0] - earlier[0] for earlier, later in pairwise(asked)]
    assert asked[0] == (0, EXTENSION_SECONDS)
    assert max(gaps) < EXTENSION_SECONDS
    assert asked[-1][0] < LONGEST_START_SECONDS
    await turn()
    assert manager.asked == asked


async def test_nobody_who_does_not_listen_is_asked_for_time() -> None:
    clock = ManualClock()
    manager = Listening(clock, listens=False)

    async with starting(manager, clock):
        for _ in range(10):
            await turn()

    assert manager.asked == []
