"""What to read next: from where, up to where, in which order. Pure.

The signpost comes from the source before the first page; the agent's own clock decides nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from agent.sync.cursor import Checkpoint, Pass, PassKind
from drivers.contract import Mark, MarkKind, ReadMode

ONE_DAY: Final = timedelta(days=1)


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
    reading: str = "",
) -> Pass:
    """Choose the next pass over a stream; `reading` names what is read, see `Stream.reading`.

    A pass under way goes on with the bounds it began with, unless a full re-sync is asked for, or something else is
    read by now: then its cursor says nothing about what was passed, and the pass begins anew.
    """
    under_way = checkpoint.under_way
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
    if floor.kind is not signpost.kind or _is_zoned(floor) is not _is_zoned(signpost):
        # The change column was retyped: positions can no longer be compared, hashes can.
        return Pass(PassKind.COMPARE, ReadMode.SCAN, end=_held_back(signpost, settings.lag))
    # A source clock that stepped back must not pull the floor back with it.
    end = later(floor, move_back(signpost, settings.lag))
    return Pass(PassKind.CHANGES, ReadMode.CHANGES, start=move_back(floor, settings.overlap), end=end)


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


def later(one: Mark, other: Mark) -> Mark:
    """The later of two marks of one kind."""
    return one if _order(one) >= _order(other) else other


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
