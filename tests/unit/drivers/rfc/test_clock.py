"""The system's own time: its zone, and the hour that comes twice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from drivers.rfc.caller import Reply
from drivers.rfc.clock import settled_time, utc_time


class Told:
    """A system that tells its time and zone."""

    def __init__(self, now: str, zone: str = "3600", summer: str = "") -> None:
        self._now = now
        self._zone = {"RFCTZONE": zone, "RFCDAYST": summer}

    def call(self, function: str, /, **_parameters: Any) -> Reply:
        if function == "RFC_SYSTEM_INFO":
            return {"RFCSI_EXPORT": self._zone}
        day, clock = self._now.split()
        return {"RESPTEXT": f"SAP R/3 Rel. 740   Sysid: FKE      Date: {day}   Time: {clock}"}


@pytest.mark.parametrize(
    ("zone", "summer", "hour"),
    [("3600", "", 11), (" 3600", "X", 10), ("-18000", "", 17), ("18000-", "", 17), ("0", "", 12)],
)
def test_the_zone_is_taken_however_its_sign_is_written(zone: str, summer: str, hour: int) -> None:
    assert utc_time(Told("20260315 120000", zone, summer), "") == datetime(2026, 3, 15, hour, tzinfo=UTC)


@pytest.mark.parametrize("clock", ["020000", "021500", "025959"])
def test_in_the_hour_that_comes_twice_nothing_is_settled(clock: str) -> None:
    """A change in its second pass has a stamp before that of one in its first."""
    assert settled_time(Told(f"20261025 {clock}"), "Europe/Berlin") <= datetime(2026, 10, 25, 2)


@pytest.mark.parametrize("now", ["20261025 015959", "20261025 030000", "20260329 023000", "20260315 120000"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", ""])
def test_at_any_other_time_it_is_the_time(now: str, zone: str) -> None:
    assert f"{settled_time(Told(now), zone):%Y%m%d %H%M%S}" == now
