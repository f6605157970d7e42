from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent.configuration.hours import QuietHours, parse_quiet_hours
from agent.sync.hours import first_look, quiet_until

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def every(span: timedelta):
    return lambda after: after + span


def test_a_stream_that_never_ran_is_looked_at_once() -> None:
    assert first_look(NOW, None, every(timedelta(hours=1))) == NOW


def test_ticks_missed_for_three_days_are_caught_up_by_one_look_now() -> None:
    assert first_look(NOW, NOW - timedelta(days=3), every(timedelta(minutes=15))) == NOW


def test_a_tick_still_to_come_is_waited_for() -> None:
    assert first_look(NOW, NOW - timedelta(minutes=5), every(timedelta(minutes=15))) == NOW + timedelta(
        minutes=10
    )


def test_a_last_start_in_the_future_does_not_silence_the_stream() -> None:
    assert first_look(NOW, NOW + timedelta(days=365), every(timedelta(hours=1))) == NOW


@pytest.mark.parametrize(
    ("now", "quiet", "until"),
    [
        ("2026-01-15T22:30:00+00:00", ["22:00-05:00"], "2026-01-16T04:00:00+00:00"),
        ("2026-01-15T03:59:00+00:00", ["22:00-05:00"], "2026-01-15T04:00:00+00:00"),
        ("2026-01-15T04:00:00+00:00", ["22:00-05:00"], None),
        ("2026-01-15T12:00:00+00:00", ["12:30-13:30", "13:30-14:00"], "2026-01-15T13:00:00+00:00"),
        ("2026-01-15T12:00:00+00:00", [], None),
        # The night the clocks go forward: 02:30 local does not exist, so quiet hours end at 03:30.
        ("2026-03-29T00:30:00+00:00", ["00:00-02:30"], "2026-03-29T01:30:00+00:00"),
    ],
)
def test_quiet_hours_follow_the_clock_of_the_site(now: str, quiet: list[str], until: str | None) -> None:
    parts = [parse_quiet_hours(text) for text in quiet]

    found = quiet_until(datetime.fromisoformat(now), BERLIN, parts)

    assert found == (datetime.fromisoformat(until) if until else None)


@given(
    now=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    start=st.times(),
    end=st.times(),
    zone=st.sampled_from(
        ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
    ),
)
def test_quiet_hours_always_end_within_a_day_and_a_bit(now: datetime, start, end, zone: str) -> None:
    assume(start != end)

    until = quiet_until(now, ZoneInfo(zone), [QuietHours(start, end)])

    assert until is None or timedelta(0) < until - now <= timedelta(hours=26)
