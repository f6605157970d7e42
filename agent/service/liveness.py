"""Whether a process lives, and telling its service manager so.

A process that waits for a relay or an ERP lives; one whose event loop stands, or whose store does not answer, does not,
and its manager ends it. `Pulse` is the rule and reads no clock; `report` asks the parts and tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog

from agent.clock import Clock
from agent.errors import GroundwireError
from agent.service.notify import Manager

log = structlog.get_logger(__name__)

STATUS_SECONDS: Final = 5.0  # between two looks at what there is to say
EXTENSION_SECONDS: Final = 60.0  # asked for at a time while the process starts
LONGEST_START_SECONDS: Final = 3600.0  # a store of hundreds of gigabytes is checked and brought forward in it

Question = Callable[[], Awaitable[bool]]  # whether a part does its work; one that hangs does not answer
Saying = Callable[[], Awaitable[str]]


class Pulse:
    """Which parts of a process have answered lately."""

    def __init__(self, parts: Iterable[str], limit: float, now: float) -> None:
        """`limit`: seconds without an answer after which a part is taken to hang."""
        self._limit = limit
        self._answered = dict.fromkeys(parts, now)

    def answered(self, part: str, now: float) -> None:
        self._answered[part] = now

    def hanging(self, now: float) -> list[str]:
        return [part for part, at in self._answered.items() if now - at > self._limit]


async def report(
    manager: Manager, clock: Clock, parts: Mapping[str, Question], saying: Saying | None = None
) -> None:
    """Until cancelled: say that this process lives as long as all `parts` do, and how it stands when that changes."""
    async with asyncio.TaskGroup() as group:
        if manager.listens and saying is not None:
            group.create_task(_say(manager, clock, saying))
        if manager.watchdog_seconds is not None:
            group.create_task(_live(manager, clock, parts, manager.watchdog_seconds))


@asynccontextmanager
async def starting(manager: Manager, clock: Clock) -> AsyncIterator[None]:
    """Inside, the manager waits: it would end a start that takes longer than most, and the next would take as long."""
    if not manager.listens:
        yield
        return
    asking = asyncio.create_task(_ask_for_time(manager, clock))
    try:
        yield
    finally:
        asking.cancel()


async def _ask_for_time(manager: Manager, clock: Clock) -> None:
    began = clock.monotonic()
    while clock.monotonic() - began < LONGEST_START_SECONDS:
        manager.needs(EXTENSION_SECONDS)
        await clock.sleep(EXTENSION_SECONDS / 3)


async def _live(manager: Manager, clock: Clock, parts: Mapping[str, Question], limit: float) -> None:
    """Asked four times and told twice within the limit: one that comes late is not the end."""
    pulse = Pulse(parts, limit / 2, clock.monotonic())
    hung: list[str] = []
    async with asyncio.TaskGroup() as group:
        for part, question in parts.items():
            group.create_task(_ask(pulse, clock, part, question, limit / 4))
        while True:
            found = pulse.hanging(clock.monotonic())
            if not found:
                manager.alive()
            elif found != hung:
                log.error(
                    "watchdog_withheld",
                    parts=found,
                    hint="The service manager ends this process and starts it anew; nothing that was answered is lost.",
                )
            hung = found
            await clock.sleep(limit / 2)


async def _ask(pulse: Pulse, clock: Clock, part: str, question: Question, every: float) -> None:
    """One question at a time: a part that hangs is not asked again before it has answered."""
    while True:
        with suppress(GroundwireError):  # is no answer
            if await question():
                pulse.answered(part, clock.monotonic())
        await clock.sleep(every)


async def _say(manager: Manager, clock: Clock, saying: Saying) -> None:
    said = ""
    while True:
        try:
            text = await saying()
        except Exception as error:  # noqa: BLE001 - what cannot be said must not end what it would be said of
            log.warning("status_not_told", error=str(error))
        else:
            if text != said:
                manager.status(text)
                said = text
        await clock.sleep(STATUS_SECONDS)
