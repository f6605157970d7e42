from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.local_time import settled


def position(now: datetime, zone: ZoneInfo) -> datetime:
    return settled(now.astimezone(zone).replace(tzinfo=None), zone)


BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC")


@pytest.mark.parametrize(
    ("utc", "local"),
    [
        ("2026-10-24T23:59:59", "2026-10-25T01:59:59"),
        ("2026-10-25T00:30:00", "2026-10-25T02:00:00"),  # 02:30, the first time
        ("2026-10-25T01:59:59", "2026-10-25T02:00:00"),  # 02:59:59, the second time
        ("2026-10-25T02:00:00", "2026-10-25T03:00:00"),
        ("2026-03-29T00:59:59", "2026-03-29T01:59:59"),
        ("2026-03-29T01:00:00", "2026-03-29T03:00:00"),
    ],
)
def test_an_hour_that_comes_twice_is_waited_for(utc: str, local: str) -> None:
    now = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert position(now, BERLIN) == datetime.fromisoformat(local)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),
    st.integers(0, 4 * 3_600),
    st.sampled_from(ZONES),
)
def test_no_later_stamp_lies_before_a_position(moment: datetime, seconds: int, name: str) -> None:
    zone, now = ZoneInfo(name), moment.replace(tzinfo=UTC)
    stamp = (now + timedelta(seconds=seconds)).astimezone(zone).replace(tzinfo=None)

    assert position(now, zone) <= stamp
