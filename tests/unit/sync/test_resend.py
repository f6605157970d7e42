"""A re-sync since a moment: the pass that it makes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sync.cursor import Checkpoint, Pass, PassKind
from agent.sync.window import Since, WindowSettings, joined_since, mark_of, next_pass, read_since
from drivers.contract import Mark, MarkKind, ReadMode

SETTINGS = WindowSettings(initial_window=None, overlap=timedelta(minutes=5), lag=timedelta(0))
NOW = Mark(MarkKind.TIMESTAMP, "2026-06-30T12:00:00+00:00")
FLOOR = Mark(MarkKind.TIMESTAMP, "2026-06-30T11:00:00+00:00")
READ_ONCE = Checkpoint(floor=FLOOR, initial_done=True)
SINCE = datetime(2026, 6, 1, tzinfo=UTC)


def resend(checkpoint: Checkpoint, since: Since = SINCE, signpost: Mark | None = NOW) -> Pass:
    return next_pass(checkpoint, signpost, SETTINGS, since=since, reading="r")


def test_everything_changed_at_or_after_the_moment_travels_again() -> None:
    step = resend(READ_ONCE)

    assert (step.kind, step.mode, step.resend) == (PassKind.RESEND, ReadMode.CHANGES, True)
    assert (step.start, step.end) == (Mark(MarkKind.TIMESTAMP, "2026-06-01T00:00:00+00:00"), NOW)


def test_the_floor_moves_behind_it_and_nothing_between_is_passed_over() -> None:
    step = resend(READ_ONCE, datetime(2026, 6, 30, 11, 59, tzinfo=UTC))

    assert step.start == Mark(MarkKind.TIMESTAMP, "2026-06-30T10:55:00+00:00")
    assert READ_ONCE.completed(step) == replace(READ_ONCE, floor=NOW)


def test_cut_short_it_goes_on_where_it_stood() -> None:
    step = resend(READ_ONCE).at("cursor")
    checkpoint = READ_ONCE.within(step)

    assert next_pass(checkpoint, NOW, SETTINGS, reading="r") == step


def test_asked_for_again_it_reaches_back_as_far_as_either() -> None:
    early = resend(READ_ONCE).at("cursor")

    step = resend(READ_ONCE.within(early), datetime(2026, 6, 20, tzinfo=UTC))

    assert (step.start, step.cursor) == (early.start, None)


@pytest.mark.parametrize(
    ("checkpoint", "signpost"),
    [
        (Checkpoint(), NOW),
        (READ_ONCE, None),
        (replace(READ_ONCE, floor=Mark(MarkKind.INTEGER, "3")), Mark(MarkKind.INTEGER, "9")),
        (READ_ONCE, Mark(MarkKind.TIMESTAMP, "2026-06-30T12:00:00")),
        (READ_ONCE.within(Pass(PassKind.INITIAL, ReadMode.SCAN, resend=True, reading="r")), NOW),
    ],
)
def test_where_a_moment_says_nothing_everything_travels_again(
    checkpoint: Checkpoint, signpost: Mark | None
) -> None:
    step = resend(checkpoint, signpost=signpost)

    assert (step.kind, step.mode, step.resend) == (PassKind.INITIAL, ReadMode.SCAN, True)


@pytest.mark.parametrize(
    ("since", "like", "mark"),
    [
        (SINCE, "2026-06-30T12:00:00", "2026-05-31T12:00:00"),
        (date(2026, 6, 1), "2026-06-30T12:00:00", "2026-06-01T00:00:00"),
        (date(2026, 6, 1), "2026-06-30T12:00:00+00:00", "2026-05-31T10:00:00+00:00"),
        (SINCE, "2026-06-30", "2026-05-31"),
        (date(2026, 6, 1), "2026-06-30", "2026-06-01"),
    ],
)
def test_a_moment_becomes_a_mark_of_the_source_and_never_a_later_one(
    since: Since, like: str, mark: str
) -> None:
    kind = MarkKind.TIMESTAMP if "T" in like else MarkKind.DATE

    assert mark_of(since, Mark(kind, like)) == Mark(kind, mark)


@given(
    moment=st.datetimes(min_value=datetime(1950, 1, 1), max_value=datetime(2090, 1, 1)),
    hours=st.integers(-12, 14),
)
def test_whatever_clock_the_source_has_its_mark_is_not_behind_the_moment(
    moment: datetime, hours: int
) -> None:
    local = timezone(timedelta(hours=hours))
    since = moment.replace(tzinfo=local)

    naive = mark_of(since, Mark(MarkKind.TIMESTAMP, "2026-06-30T12:00:00"))
    day = mark_of(since, Mark(MarkKind.DATE, "2026-06-30"))

    assert datetime.fromisoformat(naive.value) <= moment
    assert date.fromisoformat(day.value) <= moment.date()


@pytest.mark.parametrize(
    ("one", "other", "joined"),
    [
        (None, None, (None, False)),
        (SINCE, None, (SINCE, False)),
        (SINCE, SINCE + timedelta(days=1), (SINCE, False)),
        (date(2026, 6, 2), date(2026, 6, 1), (date(2026, 6, 1), False)),
        (SINCE, date(2026, 6, 1), (None, True)),
    ],
)
def test_two_wishes_are_one_that_is_enough_for_both(
    one: Since | None, other: Since | None, joined: tuple[Since | None, bool]
) -> None:
    assert joined_since(one, other) == joined


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-06-01T00:00:00", "2026-13-01", "0001-01-01", "9999-12-31"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_since(text)


def test_moments_and_days_are_read() -> None:
    assert read_since("2026-06-01") == date(2026, 6, 1)
    assert read_since("2026-06-01T02:00:00+02:00") == SINCE
    assert read_since("2026-06-01T00:00:00Z") == SINCE
