from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sync.cursor import Checkpoint, Pass, PassKind
from agent.sync.window import WindowSettings, begin_of_changes, comparison_due, later, move_back, next_pass
from drivers.contract import Mark, MarkKind, ReadMode

SETTINGS = WindowSettings(initial_window=timedelta(days=90), overlap=timedelta(minutes=5), lag=timedelta(0))


def timestamp(text: str) -> Mark:
    return Mark(MarkKind.TIMESTAMP, text)


NOW = timestamp("2026-06-30T12:00:00")
FLOOR = timestamp("2026-06-30T11:00:00")


def test_the_first_pass_begins_a_window_before_the_sources_present_time() -> None:
    step = next_pass(Checkpoint(), NOW, SETTINGS)

    assert step == Pass(PassKind.INITIAL, ReadMode.WINDOW, timestamp("2026-04-01T12:00:00"), NOW)


@pytest.mark.parametrize("signpost", [NOW, None, Mark(MarkKind.INTEGER, "12"), Mark(MarkKind.BINARY, "00ff")])
def test_without_a_window_in_days_everything_is_read(signpost: Mark | None) -> None:
    settings = (
        SETTINGS
        if signpost is None or signpost is not NOW
        else WindowSettings(None, timedelta(0), timedelta(0))
    )

    step = next_pass(Checkpoint(), signpost, settings)

    assert (step.mode, step.start, step.end) == (ReadMode.SCAN, None, signpost)


def test_changes_begin_an_overlap_before_the_floor_and_end_at_the_signpost() -> None:
    step = next_pass(Checkpoint(floor=FLOOR, initial_done=True), NOW, SETTINGS)

    assert step == Pass(PassKind.CHANGES, ReadMode.CHANGES, timestamp("2026-06-30T10:55:00"), NOW)


def test_the_signpost_is_held_back_by_the_lag_of_the_source() -> None:
    settings = WindowSettings(None, timedelta(0), lag=timedelta(minutes=15))

    step = next_pass(Checkpoint(floor=FLOOR, initial_done=True), NOW, settings)

    assert step.end == timestamp("2026-06-30T11:45:00")


def test_a_change_column_that_gained_a_time_zone_is_compared_in_full() -> None:
    """Its positions before and after cannot be ordered."""
    step = next_pass(
        Checkpoint(floor=FLOOR, initial_done=True), timestamp("2026-06-30T12:00:00+00:00"), SETTINGS
    )

    assert (step.kind, step.mode) == (PassKind.COMPARE, ReadMode.SCAN)


@pytest.mark.parametrize("resend", [True, False])
def test_a_pass_begins_anew_when_something_else_is_read_by_now(resend: bool) -> None:
    begun = replace(next_pass(Checkpoint(), FLOOR, SETTINGS, full=resend, reading="old query"), cursor="17")

    same = next_pass(Checkpoint(under_way=begun), NOW, SETTINGS, reading="old query")
    other = next_pass(Checkpoint(under_way=begun), NOW, SETTINGS, reading="new query")

    assert same == begun
    assert other == Pass(
        PassKind.INITIAL,
        ReadMode.WINDOW,
        timestamp("2026-04-01T12:00:00"),
        NOW,
        resend=resend,
        reading="new query",
    )


def test_a_source_clock_that_stepped_back_does_not_pull_the_floor_back() -> None:
    step = next_pass(Checkpoint(floor=NOW, initial_done=True), FLOOR, SETTINGS)

    assert step.end == NOW


def test_a_source_without_a_change_column_is_compared_whole() -> None:
    step = next_pass(Checkpoint(initial_done=True), None, SETTINGS)

    assert (step.kind, step.mode) == (PassKind.COMPARE, ReadMode.SCAN)


def test_a_retyped_change_column_is_compared_whole_once() -> None:
    checkpoint = Checkpoint(floor=Mark(MarkKind.INTEGER, "5"), initial_done=True)

    step = next_pass(checkpoint, NOW, SETTINGS)

    assert step.mode is ReadMode.SCAN
    assert checkpoint.completed(step).floor == NOW


def test_a_pass_under_way_keeps_the_bounds_it_began_with() -> None:
    under_way = Pass(PassKind.INITIAL, ReadMode.WINDOW, FLOOR, FLOOR, cursor="c9", resumed=True)

    assert next_pass(Checkpoint(under_way=under_way), NOW, SETTINGS) is under_way


def test_a_full_resync_begins_anew_and_sends_known_records_again() -> None:
    under_way = Pass(PassKind.CHANGES, ReadMode.CHANGES, FLOOR, FLOOR, cursor="c9")

    step = next_pass(
        Checkpoint(floor=FLOOR, under_way=under_way, initial_done=True), NOW, SETTINGS, full=True
    )

    assert (step.kind, step.resend, step.cursor) == (PassKind.INITIAL, True, None)


@given(
    floor=st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
    now=st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
    overlap=st.timedeltas(timedelta(0), timedelta(days=3)),
    lag=st.timedeltas(timedelta(0), timedelta(days=3)),
)
def test_consecutive_passes_leave_no_gap(
    floor: datetime, now: datetime, overlap: timedelta, lag: timedelta
) -> None:
    """Whatever the clocks do, a pass begins at or before the floor and the floor never moves back."""
    checkpoint = Checkpoint(floor=timestamp(floor.isoformat()), initial_done=True)

    step = next_pass(checkpoint, timestamp(now.isoformat()), WindowSettings(None, overlap, lag))

    assert step.start is not None
    assert step.end is not None
    assert datetime.fromisoformat(step.start.value) <= floor
    assert datetime.fromisoformat(step.end.value) >= floor


@pytest.mark.parametrize(
    ("mark", "span", "moved"),
    [
        (timestamp("2026-01-01T00:00:00.000001"), timedelta(seconds=1), "2025-12-31T23:59:59.000001"),
        (timestamp("2026-01-01T00:00:00+01:00"), timedelta(hours=1), "2025-12-31T23:00:00+01:00"),
        (Mark(MarkKind.DATE, "2026-03-01"), timedelta(minutes=5), "2026-02-28"),
        (Mark(MarkKind.DATE, "2026-03-01"), timedelta(days=2), "2026-02-27"),
        (Mark(MarkKind.DATE, "2026-03-01"), timedelta(0), "2026-03-01"),
        (Mark(MarkKind.INTEGER, "-5"), timedelta(days=9), "-5"),
        (Mark(MarkKind.BINARY, "00ff"), timedelta(days=9), "00ff"),
    ],
)
def test_a_mark_moves_back_in_its_own_terms(mark: Mark, span: timedelta, moved: str) -> None:
    assert move_back(mark, span) == Mark(mark.kind, moved)


@pytest.mark.parametrize(
    ("kind", "small", "large"),
    [
        (MarkKind.INTEGER, "-10", "9"),
        (MarkKind.INTEGER, "9", "10"),
        (MarkKind.BINARY, "09", "0a"),
        (MarkKind.DATE, "2025-12-31", "2026-01-01"),
    ],
)
def test_marks_are_ordered_by_value_not_by_text(kind: MarkKind, small: str, large: str) -> None:
    assert later(Mark(kind, small), Mark(kind, large)).value == large
    assert later(Mark(kind, large), Mark(kind, small)).value == large


@pytest.mark.parametrize(
    ("age", "due"),
    [(timedelta(minutes=59), False), (timedelta(hours=1), True), (timedelta(seconds=-1), True)],
)
def test_keys_are_compared_when_the_last_time_is_long_ago_or_in_the_future(age: timedelta, due: bool) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    assert comparison_due(Checkpoint(compared_at=now - age), now, timedelta(hours=1)) is due


def test_keys_never_compared_are_due() -> None:
    assert comparison_due(Checkpoint(), datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=1))


@pytest.mark.parametrize(
    ("floor", "lag", "start"),
    [
        (
            FLOOR,
            timedelta(minutes=10),
            "2026-06-30T09:55:00",
        ),  # a local clock may have been put forward meanwhile
        (FLOOR, timedelta(0), "2026-06-30T10:55:00"),
        (timestamp("2026-06-30T11:00:00+00:00"), timedelta(minutes=10), "2026-06-30T10:55:00+00:00"),
    ],
)
def test_where_rows_may_be_late_a_local_clock_is_read_an_hour_further_back(
    floor: Mark, lag: timedelta, start: str
) -> None:
    assert begin_of_changes(floor, replace(SETTINGS, lag=lag)) == timestamp(start)
