"""When a stream is looked at: missed ticks and quiet hours. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from agent.configuration.hours import QuietHours

MAX_QUIET_PARTS: Final = 24  # parts of a day that may follow each other without a gap

NextFire = Callable[[datetime], datetime | None]


def first_look(now: datetime, last_started: datetime | None, next_fire: NextFire) -> datetime | None:
    """When to look first after a start: at once if a tick was missed while the agent was down, otherwise at the next.

    `next_fire` gives the first tick after a moment. A last start in the future (the clock was set back) counts as
    missed, so that a wrong clock never silences a stream.
    """
    if last_started is None or last_started > now:
        return now
    missed = next_fire(last_started)
    if missed is not None and missed <= now:
        return now
    return missed


def quiet_until(now: datetime, zone: ZoneInfo, quiet: Sequence[QuietHours]) -> datetime | None:
    """The end of the quiet hours that `now` lies in, in UTC; None outside of them. Parts that touch count as one."""
    moment = now.astimezone(zone)
    for _ in range(MAX_QUIET_PARTS):
        part = next((part for part in quiet if part.covers(moment.timetz().replace(tzinfo=None))), None)
        if part is None:
            break
        moment = _next_time(moment, part, zone)
    ended = moment.astimezone(UTC)
    return ended if ended > now else None


def _next_time(moment: datetime, part: QuietHours, zone: ZoneInfo) -> datetime:
    """The next local `part.end` after `moment`; a time that a change of the clocks skips is taken an hour later."""
    day = moment.date()
    if moment.time() >= part.end:
        day += timedelta(days=1)
    # By way of UTC, so that a local time that does not exist becomes one that does.
    return datetime.combine(day, part.end, zone).astimezone(UTC).astimezone(zone)
