"""Ticks: APScheduler behind one file.

A tick means "look", never "the work to do": what is read is decided by the checkpoint, so a tick that was missed costs
time and never a record. Missed ticks are caught up by one look.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from agent.clock import Clock
from agent.settings import SyncSettings
from agent.sync.hours import MAX_QUIET_PARTS, first_look, quiet_until

log = structlog.get_logger(__name__)

WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
AFTER_QUIET: Final = "/after-quiet-hours"
RECONCILING: Final = "/reconciling/"
CLOCK_LOOK_SECONDS: Final = 60.0  # between two looks at the wall clock
OVERDUE_SECONDS: Final = 3 * CLOCK_LOOK_SECONDS  # a stream that is due for so long is not looked at any more


class Schedule:
    """Calls `look(address)` when a stream is due. Needs a running event loop between `start` and `stop`."""

    def __init__(
        self,
        look: Callable[[str], None],
        clock: Clock,
        *,
        reconcile: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`reconcile(address)` is called where the hours of a stream begin in which all of it may be compared."""
        self._look = look
        self._reconcile = reconcile
        self._clock = clock
        self._planned = clock.utcnow()  # the latest time of the wall clock by which a next look was reckoned
        # Trigger objects are handed over, never their names: names are resolved through package metadata, which a
        # frozen build may lack.
        self._scheduler = AsyncIOScheduler(
            timezone=ZoneInfo("UTC"),
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def add(self, address: str, settings: SyncSettings, last_started: datetime | None) -> None:
        """Schedule a stream, or change its schedule. A tick missed while the agent was down is due at once."""
        self.remove(address)
        self._planned = max(self._planned, self._clock.utcnow())
        self._add_reconciling(address, settings)
        trigger = trigger_for(settings)
        if trigger is None:
            return

        def next_fire(after: datetime) -> datetime | None:
            return trigger.get_next_fire_time(after, after + timedelta(microseconds=1))

        self._scheduler.add_job(
            self._tick,
            trigger,
            args=(address, settings),
            id=address,
            next_run_time=first_look(self._clock.utcnow(), last_started, next_fire),
        )

    def _add_reconciling(self, address: str, settings: SyncSettings) -> None:
        for number, part in enumerate(settings.reconcile_hours):
            zone = ZoneInfo(settings.time_zone)
            self._scheduler.add_job(
                self._hours_begin,
                CronTrigger(hour=part.start.hour, minute=part.start.minute, timezone=zone),
                args=(address,),
                id=f"{address}{RECONCILING}{number}",
                next_run_time=self._clock.utcnow(),  # they may have begun; whoever is told looks
            )

    async def _hours_begin(self, address: str) -> None:
        self._planned = max(self._planned, self._clock.utcnow())
        self._reconcile(address)

    def remove(self, address: str) -> None:
        reconciling = [f"{address}{RECONCILING}{number}" for number in range(MAX_QUIET_PARTS)]
        for name in (address, address + AFTER_QUIET, *reconciling):
            if self._scheduler.get_job(name) is not None:
                self._scheduler.remove_job(name)

    def next_look(self, address: str) -> datetime | None:
        """When the stream is looked at next; None: only when asked."""
        jobs = (self._scheduler.get_job(name) for name in (address, address + AFTER_QUIET))
        times = [job.next_run_time for job in jobs if job is not None and job.next_run_time is not None]
        return min(times) if times else None

    def keeps_time(self) -> bool:
        """Whether streams are looked at when they are due: with a clock that jumps, at the latest after OVERDUE_SECONDS."""
        late = self._clock.utcnow() - timedelta(seconds=OVERDUE_SECONDS)
        due = (job.next_run_time for job in self._scheduler.get_jobs())
        return self._scheduler.running and all(time is None or time > late for time in due)

    async def mind_the_clock(self) -> None:
        """Until cancelled: make good for a wall clock that jumps.

        The scheduler sleeps until a time of the wall clock, on a clock that no correction moves and that stands still
        while the host is suspended. Without this, ticks missed meanwhile would wait for the rest of that sleep, and
        after a step back every stream would be silent until the old time returns. A step back shows against the last
        tick, and not against the last time that somebody looked: that may have been before the host slept.
        """
        while True:
            await self._clock.sleep(CLOCK_LOOK_SECONDS)
            now = self._clock.utcnow()
            if now < self._planned:
                log.warning("clock_stepped_back", seconds=round((self._planned - now).total_seconds()))
                for job in self._scheduler.get_jobs():
                    job.modify(next_run_time=now)
            self._planned = now
            self._scheduler.wakeup()

    async def _tick(self, address: str, settings: SyncSettings) -> None:
        # A coroutine, though it waits for nothing: APScheduler runs any other function on a thread of its own.
        now = self._clock.utcnow()
        self._planned = max(self._planned, now)
        quiet_end = quiet_until(now, ZoneInfo(settings.time_zone), settings.quiet_hours)
        if quiet_end is None:
            self._look(address)
            return
        log.info("look_postponed", stream=address, until=quiet_end.isoformat())
        self._scheduler.add_job(
            self._tick,
            DateTrigger(quiet_end),
            args=(address, settings),
            id=address + AFTER_QUIET,
            replace_existing=True,
        )


def trigger_for(settings: SyncSettings) -> Any:
    """APScheduler's trigger for a stream's schedule; None for one that runs only when asked."""
    if settings.manual:
        return None
    if settings.cron is not None:
        minute, hour, day, month, weekday = settings.cron.split()
        return CronTrigger(
            minute=minute,
            hour=hour,
            day=day,
            month=month,
            day_of_week=_weekdays(weekday),
            timezone=ZoneInfo(settings.time_zone),
        )
    every = settings.every or timedelta(0)
    return IntervalTrigger(seconds=max(1, round(every.total_seconds())), timezone=ZoneInfo("UTC"))


def _weekdays(field: str) -> str:
    """Cron's weekday field (0 and 7 are Sunday, ranges from Sunday on) as APScheduler's list of names."""
    if field == "*":
        return field
    days: set[str] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = ("0", "", "6") if span == "*" else span.partition("-")
        start = _weekday(first)
        # A single day with a step runs to the end of the week, as cron has it.
        end = _weekday(last) if last else (6 if step else start)
        days |= {WEEKDAYS[number % 7] for number in range(start, end + 1, int(step or 1))}
    return ",".join(day for day in (*WEEKDAYS[1:], WEEKDAYS[0]) if day in days)


def _weekday(text: str) -> int:
    return WEEKDAYS.index(text) if text in WEEKDAYS else int(text)
