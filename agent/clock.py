"""The only place that reads time or sleeps.

Everything else is handed a `Clock`, so a test decides what time it is and no unit test ever waits.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def utcnow(self) -> datetime:
        """The wall clock, aware, in UTC. For stamps and schedules; it may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow. For intervals and deadlines."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def utcnow(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - this is the place

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)  # noqa: TID251 - this is the place


class ManualClock:
    """A clock that stands still until it is told to move; `sleep` moves it."""

    def __init__(self, start: datetime = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._elapsed = 0.0

    def utcnow(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)  # noqa: TID251 - gives the loop a turn, waits for nothing

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._elapsed += max(seconds, 0.0)

    def step_wall_clock(self, seconds: float) -> None:
        """Move the wall clock alone, as an administrator or NTP would."""
        self._now += timedelta(seconds=seconds)


async def wait_at_most(event: asyncio.Event, seconds: float, clock: Clock) -> bool:
    """Return whether the event is set."""
    if event.is_set() or seconds <= 0:
        return event.is_set()
    both = {asyncio.ensure_future(event.wait()), asyncio.ensure_future(clock.sleep(seconds))}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)
    return event.is_set()
