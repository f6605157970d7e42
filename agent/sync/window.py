"""What to read next: from where, up to where, in which order. Pure.

The signpost comes from the source before the first page; the agent's own clock decides nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from agent.sync.cursor import Checkpoint, Pass, PassKind
from drivers.contract import Mark, MarkKind, ReadMode

NOTHING: Final = timedelta(0)
ONE_DAY: Final = timedelta(days=1)
PUT_FORWARD: Final = timedelta(hours=1)  # of clocks, at most
FURTHEST_BEHIND: Final = timedelta(hours=12)  # of local times: the clocks of UTC-12:00
FURTHEST_AHEAD: Final = timedelta(hours=14)
MIN_YEAR, MAX_YEAR = 1900, 9000  # of a moment that somebody names: far from where times cannot be moved

Since = datetime | date  # a moment with its time zone, or a day as the source counts days


@dataclass(frozen=True, slots=True)
class WindowSettings:
    initial_window: timedelta | None  # None: everything
    overlap: timedelta  # how far a read starts before the floor
    lag: timedelta  # how far the signpost is held back, for changes that become visible late


def next_pass(
    checkpoint: Checkpoint,
    signpost: Mark | None,
    settings: WindowSettings,
    *,
    full: bool = False,
    since: Since | None = None,
    reading: str = "",
) -> Pass:
    """Choose the next pass over a stream; `reading` names what is read, see `Stream.reading`.

    A pass under way goes on with the bounds it began with, unless a full re-sync is asked for, or something else is
    read by now: then its cursor says nothing about what was passed, and the pass begins anew.

    `since` asks for everything again that changed at or after it. Where the stream has no column that could say so,
    or has not been read once, that is everything.
    """
    under_way = checkpoint.under_way
    if since is not None and not full:
        step = _resend(checkpoint, signpost, settings, since, reading)
        if step is not None:
            return step
        full = True
    if under_way is not None and not full and under_way.reading == reading:
        return under_way
    resend = full or (under_way is not None and under_way.resend)
    step = _initial(signpost, settings) if resend else _new_pass(checkpoint, signpost, settings)
    return replace(step, resend=resend, reading=reading)


def _new_pass(checkpoint: Checkpoint, signpost: Mark | None, settings: WindowSettings) -> Pass:
    if not checkpoint.initial_done:
        return _initial(signpost, settings)
    if signpost is None or checkpoint.floor is None:
        return Pass(PassKind.COMPARE, ReadMode.SCAN, end=_held_back(signpost, settings.lag))
    return _changes(checkpoint.floor, signpost, settings)


def _initial(signpost: Mark | None, settings: WindowSettings) -> Pass:
    end = _held_back(signpost, settings.lag)
    if signpost is None or settings.initial_window is None or not _is_time(signpost):
        # A counter says nothing about days: such a stream is read whole.
        return Pass(PassKind.INITIAL, ReadMode.SCAN, end=end)
    return Pass(
        PassKind.INITIAL, ReadMode.WINDOW, start=move_back(signpost, settings.initial_window), end=end
    )


def _changes(floor: Mark, signpost: Mark, settings: WindowSettings) -> Pass:
    if not comparable(floor, signpost):
        # The change column was retyped: positions can no longer be compared, hashes can.
        return Pass(PassKind.COMPARE, ReadMode.SCAN, end=_held_back(signpost, settings.lag))
    # A source clock that stepped back must not pull the floor back with it.
    end = later(floor, move_back(signpost, settings.lag))
    return Pass(PassKind.CHANGES, ReadMode.CHANGES, start=begin_of_changes(floor, settings), end=end)


def begin_of_changes(floor: Mark, settings: WindowSettings) -> Mark:
    """Where changes are read from: an overlap before the floor.

    When a local clock is put forward, the floor that was held back by the lag leaps too, over rows that are stamped
    before the leap and not committed yet.
    """
    leap = (
        PUT_FORWARD if settings.lag and floor.kind is MarkKind.TIMESTAMP and not _is_zoned(floor) else NOTHING
    )
    return move_back(floor, settings.overlap + leap)


def _resend(
    checkpoint: Checkpoint, signpost: Mark | None, settings: WindowSettings, since: Since, reading: str
) -> Pass | None:
    """The pass that reads again what changed since then; None: only the whole stream would be enough."""
    under_way = checkpoint.under_way
    resending = under_way is not None and under_way.resend
    if not checkpoint.initial_done or checkpoint.floor is None or signpost is None or not _is_time(signpost):
        return None
    step = _changes(checkpoint.floor, signpost, settings)
    if step.kind is not PassKind.CHANGES or step.start is None:
        return None
    # From the floor at the latest: the floor moves to this pass's end, and nothing may be passed over.
    start = earlier(step.start, mark_of(since, signpost))
    if under_way is not None and resending:
        if under_way.kind is not PassKind.RESEND or under_way.reading != reading or under_way.start is None:
            return None
        start = earlier(start, under_way.start)
    return replace(step, kind=PassKind.RESEND, start=start, resend=True, reading=reading)


def mark_of(since: Since, like: Mark) -> Mark:
    """A moment as a mark of the source's kind of time; where its time zone is not known, the earliest it can be."""
    if isinstance(since, datetime):
        if like.kind is MarkKind.DATE:
            return Mark(like.kind, (since.astimezone(UTC) - FURTHEST_BEHIND).date().isoformat())
        if _is_zoned(like):
            return Mark(like.kind, since.isoformat())
        return Mark(like.kind, (since.astimezone(UTC) - FURTHEST_BEHIND).replace(tzinfo=None).isoformat())
    if like.kind is MarkKind.DATE:
        return Mark(like.kind, since.isoformat())
    midnight = datetime.combine(since, time())
    if _is_zoned(like):
        return Mark(like.kind, (midnight.replace(tzinfo=UTC) - FURTHEST_AHEAD).isoformat())
    return Mark(like.kind, midnight.isoformat())


def read_since(text: str) -> Since:
    """An RFC 3339 moment or an ISO date. Raises ValueError."""
    found: Since = (
        date.fromisoformat(text) if len(text) <= len("2026-01-05") else datetime.fromisoformat(text)
    )
    if isinstance(found, datetime) and found.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    if not MIN_YEAR <= found.year <= MAX_YEAR:
        raise ValueError("a moment is out of range")
    return found


def joined_since(one: Since | None, other: Since | None) -> tuple[Since | None, bool]:
    """The earlier of two wishes; True: only everything would be enough for both."""
    if one is None or other is None:
        return one or other, False
    if isinstance(one, datetime) and isinstance(other, datetime):
        return min(one, other), False
    if isinstance(one, datetime) or isinstance(other, datetime):
        return None, True  # a moment and a day of a place that is not known
    return min(one, other), False


def comparison_due(checkpoint: Checkpoint, now: datetime, every: timedelta) -> bool:
    """Whether keys should be compared now; a clock that stepped back counts as due."""
    if checkpoint.compared_at is None:
        return True
    return not timedelta(0) <= now - checkpoint.compared_at < every


def move_back(mark: Mark, span: timedelta) -> Mark:
    """`mark` moved back by `span`. A date moves by whole days, rounded up; a counter does not move."""
    if span <= timedelta(0):
        return mark
    if mark.kind is MarkKind.TIMESTAMP:
        return Mark(mark.kind, (datetime.fromisoformat(mark.value) - span).isoformat())
    if mark.kind is MarkKind.DATE:
        days = -(-span // ONE_DAY)
        return Mark(mark.kind, (date.fromisoformat(mark.value) - timedelta(days=days)).isoformat())
    return mark


def comparable(one: Mark, other: Mark) -> bool:
    """Whether two marks have an order; they have none once the change column was retyped."""
    return one.kind is other.kind and _is_zoned(one) is _is_zoned(other)


def later(one: Mark, other: Mark) -> Mark:
    """The later of two marks of one kind."""
    return one if _order(one) >= _order(other) else other


def earlier(one: Mark, other: Mark) -> Mark:
    """The earlier of two marks of one kind."""
    return one if _order(one) <= _order(other) else other


def _order(mark: Mark) -> Any:
    if mark.kind is MarkKind.TIMESTAMP:
        return datetime.fromisoformat(mark.value)
    if mark.kind is MarkKind.DATE:
        return date.fromisoformat(mark.value)
    return int(mark.value, 16 if mark.kind is MarkKind.BINARY else 10)


def _is_zoned(mark: Mark) -> bool:
    return mark.kind is MarkKind.TIMESTAMP and datetime.fromisoformat(mark.value).tzinfo is not None


def _held_back(signpost: Mark | None, lag: timedelta) -> Mark | None:
    return None if signpost is None else move_back(signpost, lag)


def _is_time(mark: Mark) -> bool:
    return mark.kind in (MarkKind.TIMESTAMP, MarkKind.DATE)
