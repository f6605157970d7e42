"""When a stream is looked at: missed ticks and quiet hours. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
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
        moment = _next_time(moment, part.end, zone)
    ended = moment.astimezone(UTC)
    return ended if ended > now else None


def closed_until(now: datetime, zone: ZoneInfo, open_parts: Sequence[QuietHours]) -> datetime | None:
    """When the next of these parts of a day begins, in UTC; None inside of one, and where there are none."""
    moment = now.astimezone(zone)
    if any(part.covers(moment.timetz().replace(tzinfo=None)) for part in open_parts):
        return None
    begins = [_next_time(moment, part.start, zone).astimezone(UTC) for part in open_parts]
    return min(begins, default=None)


def _next_time(moment: datetime, wanted: time, zone: ZoneInfo) -> datetime:
    """The next local `wanted` after `moment`; a time that a change of the clocks skips is taken an hour later."""
    day = moment.date()
    if moment.time() >= wanted:
        day += timedelta(days=1)
    # By way of UTC, so that a local time that does not exist becomes one that does.
    return datetime.combine(day, wanted, zone).astimezone(UTC).astimezone(zone)
