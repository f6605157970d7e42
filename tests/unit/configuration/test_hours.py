from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.configuration.hours import check_cron, check_time_zone, parse_quiet_hours


def test_quiet_hours_within_a_day_end_before_their_end() -> None:
    hours = parse_quiet_hours("09:00-12:30")

    assert hours.covers(time(9, 0))
    assert hours.covers(time(12, 29, 59))
    assert not hours.covers(time(12, 30))
    assert not hours.covers(time(8, 59))


def test_quiet_hours_may_pass_midnight() -> None:
    hours = parse_quiet_hours("22:00-05:00")

    assert hours.covers(time(23, 59))
    assert hours.covers(time(0, 0))
    assert not hours.covers(time(5, 0))
    assert not hours.covers(time(12, 0))


@given(
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
)
def test_quiet_hours_read_back_as_written(start: time, end: time) -> None:
    if start != end:
        text = f"{start:%H:%M}-{end:%H:%M}"

        assert str(parse_quiet_hours(text)) == text


@pytest.mark.parametrize("wrong", ["22-5", "25:00-01:00", "22:00", "22:00-22:00", "22:60-01:00", 22, None])
def test_other_texts_are_no_hours_and_the_error_fits_quiet_ones_and_those_of_reconciliation(
    wrong: object,
) -> None:
    with pytest.raises(ValueError, match=r"^(the )?hours (are written|begin and end)"):
        parse_quiet_hours(wrong)


@pytest.mark.parametrize(
    "cron", ["0 6 * * 1-5", "*/15 * * * *", "0,30 8-18/2 1 jan-mar MON,wed", "0 0 * * 7"]
)
def test_cron_expressions_of_five_fields_pass(cron: str) -> None:
    assert check_cron(cron) == cron.lower()


@pytest.mark.parametrize(
    ("wrong", "about"),
    [
        ("* * * *", "five fields"),
        ("60 * * * *", "minute"),
        ("0 24 * * *", "hour"),
        ("0 0 0 * *", "day of the month"),
        ("0 0 * 13 *", "month"),
        ("0 0 * * fry", "day of the week"),
        ("*/0 * * * *", "step"),
        ("5-1 * * * *", "backwards"),
        ("1- * * * *", "cannot be read"),
        ("@daily", "five fields"),
    ],
)
def test_a_wrong_cron_field_is_named(wrong: str, about: str) -> None:
    with pytest.raises(ValueError, match=about):
        check_cron(wrong)


@pytest.mark.parametrize("wrong", ["Europe/Berln", "", "../../etc/passwd", "\x00", "/etc/localtime"])
def test_an_unknown_time_zone_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        check_time_zone(wrong)


def test_a_known_time_zone_passes() -> None:
    assert check_time_zone("Europe/Berlin") == "Europe/Berlin"
