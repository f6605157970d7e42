from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest

from tests.unit.mapping.mapping_case import values_of

BERLIN = "Europe/Berlin"
NAIVE = pa.timestamp("us")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def dates_of(values: Any, **spec: Any) -> list[Any]:
    return values_of({"from": "c", **spec}, values, field="orderDate")


def moments_of(values: Any, *, others: dict[str, Any] | None = None, **spec: Any) -> list[Any]:
    return values_of({"from": "c", **spec}, values, field="dueAt", **(others or {}))


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("iso", "2026-01-05"),
        ("iso", " 2026-01-05T07:30:00 "),
        ("yyyymmdd", "20260105"),
        ("yyyymmdd", "20260105073000"),
        ("dd.mm.yyyy", "05.01.2026"),
        ("dd.mm.yyyy", "5.1.2026"),
        ("dd.mm.yyyy", "05.01.2026 7:30"),
        ("mm/dd/yyyy", "01/05/2026"),
        ("mm/dd/yyyy", "1/5/2026 07:30:00"),
        ("dd/mm/yyyy", "05/01/2026"),
        ("odata_v2", "/Date(1767571200000)/"),
    ],
)
def test_a_day_in_the_forms_that_systems_write(form: str, text: str) -> None:
    assert dates_of([text], date=form) == [date(2026, 1, 5)]


@pytest.mark.parametrize(
    ("form", "text", "moment"),
    [
        ("iso", "2026-01-05 07:30", utc(2026, 1, 5, 7, 30)),
        ("iso", "2026-01-05T07:30:00.123456789", utc(2026, 1, 5, 7, 30, 0, 123456)),
        ("iso", "2026-01-05T07:30:00Z", utc(2026, 1, 5, 7, 30)),
        ("iso", "2026-01-05T07:30:00.1234567+01:00", utc(2026, 1, 5, 6, 30, 0, 123456)),
        ("iso", "2026-01-05", utc(2026, 1, 5)),
        ("yyyymmdd", "20260105073001", utc(2026, 1, 5, 7, 30, 1)),
        ("dd.mm.yyyy", "5.1.2026 7:30", utc(2026, 1, 5, 7, 30)),
        ("mm/dd/yyyy", "12/31/2026 23:59:59.5", utc(2026, 12, 31, 23, 59, 59, 500000)),
        ("odata_v2", "/Date(-1000)/", utc(1969, 12, 31, 23, 59, 59)),
        ("odata_v2", "/Date(1767571200000+0060)/", utc(2026, 1, 5)),
    ],
)
def test_a_moment_in_the_forms_that_systems_write(form: str, text: str, moment: datetime) -> None:
    assert moments_of([text], date=form) == [moment]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("iso", "2026-02-30"),
        ("iso", "yesterday"),
        ("iso", "2026-1-5"),
        ("iso", "05.01.2026"),
        ("iso", "0000-00-00"),
        ("iso", "2026-01-05T25:00:00"),
        ("iso", "10000-01-01"),
        ("yyyymmdd", "00000000"),
        ("yyyymmdd", "20260230"),
        ("yyyymmdd", "2026-01-05"),
        ("dd.mm.yyyy", "31.02.2026"),
        ("dd.mm.yyyy", "2026-01-05"),
        ("mm/dd/yyyy", "13/01/2026"),
        ("odata_v2", "1767571200000"),
        ("odata_v2", "/Date(99999999999999999999)/"),
    ],
)
def test_what_is_no_date_is_a_reject_and_its_neighbour_is_not(form: str, text: str) -> None:
    good = {"yyyymmdd": "20260105", "dd.mm.yyyy": "05.01.2026", "mm/dd/yyyy": "01/05/2026"}
    neighbour = good.get(form, "/Date(1767571200000)/" if form == "odata_v2" else "2026-01-05")

    assert moments_of([neighbour, text], date=form) == [utc(2026, 1, 5), "reject:not_a_date"]


def test_blank_is_no_date() -> None:
    assert dates_of(["", "  ", None]) == [None, None, None]


def test_a_number_may_be_a_day() -> None:
    assert dates_of([20260105, None], date="yyyymmdd") == [date(2026, 1, 5), None]


def test_a_float_or_a_truth_value_is_none() -> None:
    assert dates_of([1.5, None]) == ["reject:not_a_date", None]
    assert dates_of([True]) == ["reject:not_a_date"]


@pytest.mark.parametrize(
    "values",
    [
        ["0000-00-00", "0001-01-01", "1753-01-01", "1900-01-01 00:00:00"],
        pa.array([datetime(1753, 1, 1), datetime(1900, 1, 1)], pa.timestamp("ms")),
        pa.array([utc(1753, 1, 1)], pa.timestamp("us", "UTC")),
        pa.array([date(1, 1, 1), date(1900, 1, 1)]),
    ],
)
def test_the_usual_empty_dates_are_null_by_option(values: Any) -> None:
    assert moments_of(values, empty_dates=True, zone=BERLIN) == [None] * len(values)


def test_sap_writes_no_date_as_zeros() -> None:
    assert dates_of(["00000000", "20260105"], date="yyyymmdd", empty_dates=True) == [None, date(2026, 1, 5)]
    assert dates_of([0], date="yyyymmdd", empty_dates=True) == [None]


def test_only_the_named_empty_dates_are_null() -> None:
    assert dates_of(["1753-01-01", "1900-01-01"], empty_dates=["1753-01-01"]) == [None, date(1900, 1, 1)]


class TestZones:
    def test_local_time_becomes_utc_in_winter_and_summer(self) -> None:
        values = pa.array([datetime(2026, 1, 5, 12), datetime(2026, 7, 5, 12)], NAIVE)

        assert moments_of(values, zone=BERLIN) == [utc(2026, 1, 5, 11), utc(2026, 7, 5, 10)]

    def test_of_an_hour_that_comes_twice_the_first_is_meant(self) -> None:
        assert moments_of(["2026-10-25 02:30:00"], zone=BERLIN) == [utc(2026, 10, 25, 0, 30)]

    def test_a_time_in_the_missing_hour_is_the_first_moment_after_it(self) -> None:
        assert moments_of(["2026-03-29 02:30:00"], zone=BERLIN) == [utc(2026, 3, 29, 1)]

    def test_an_offset_in_the_value_is_stronger_than_the_zone(self) -> None:
        values = ["2026-01-05T12:00:00+05:00", "2026-01-05T12:00:00", "x"]

        assert moments_of(values, zone=BERLIN) == [
            utc(2026, 1, 5, 7),
            utc(2026, 1, 5, 11),
            "reject:not_a_date",
        ]

    def test_a_zoned_column_is_already_a_moment(self) -> None:
        value = datetime(2026, 1, 5, 12, tzinfo=timezone(timedelta(hours=5)))

        assert moments_of(pa.array([value], pa.timestamp("us", "+05:00")), zone=BERLIN) == [
            utc(2026, 1, 5, 7)
        ]

    def test_a_day_is_that_of_the_source_not_of_utc(self) -> None:
        assert dates_of(pa.array([datetime(2026, 1, 5, 0, 30)], NAIVE), zone=BERLIN) == [date(2026, 1, 5)]
        moment = pa.array([utc(2026, 1, 4, 23, 30)], pa.timestamp("us", "UTC"))
        assert dates_of(moment, zone=BERLIN) == [date(2026, 1, 5)]
        assert dates_of(moment) == [date(2026, 1, 4)]

    def test_what_leaves_the_calendar_on_its_way_to_utc_is_a_reject(self) -> None:
        assert moments_of(["0001-01-01 00:00:00", "2026-01-05"], zone=BERLIN) == [
            *("reject:out_of_range", utc(2026, 1, 4, 23))
        ]


@pytest.mark.parametrize(
    ("column", "moment"),
    [
        (pa.array([1_500], pa.timestamp("ns")), utc(1970, 1, 1, 0, 0, 0, 1)),
        (pa.array([-1_500], pa.timestamp("ns")), utc(1969, 12, 31, 23, 59, 59, 999998)),
        (pa.array([1], pa.timestamp("s")), utc(1970, 1, 1, 0, 0, 1)),
        (pa.array([86_400_000], pa.date64()), utc(1970, 1, 2)),
        (pa.array([2**62], pa.timestamp("s")), "reject:out_of_range"),
        (pa.array([2**62], pa.timestamp("us")), "reject:out_of_range"),
    ],
)
def test_every_resolution_of_a_timestamp_is_taken(column: pa.Array, moment: Any) -> None:
    assert moments_of(column) == [moment]


@pytest.mark.parametrize(
    ("clock", "moment"),
    [
        (["073001"], utc(2026, 1, 5, 7, 30, 1)),
        (["240000"], utc(2026, 1, 6)),
        (["24:00:00"], utc(2026, 1, 6)),
        (["7:30"], utc(2026, 1, 5, 7, 30)),
        (["07:30:00.1234567"], utc(2026, 1, 5, 7, 30, 0, 123456)),
        (["PT07H30M01S"], utc(2026, 1, 5, 7, 30, 1)),
        (["PT5M"], utc(2026, 1, 5, 0, 5)),
        ([73001], utc(2026, 1, 5, 7, 30, 1)),
        ([0], utc(2026, 1, 5)),
        ([""], utc(2026, 1, 5)),
        (pa.array([None], pa.string()), utc(2026, 1, 5)),
        (pa.array([time(7, 30, 1)]), utc(2026, 1, 5, 7, 30, 1)),
        (pa.array([27_001], pa.time32("s")), utc(2026, 1, 5, 7, 30, 1)),
        (pa.array([27_001_000_000_500], pa.time64("ns")), utc(2026, 1, 5, 7, 30, 1)),
        (pa.array([datetime(1754, 1, 1, 7, 30, 1)], NAIVE), utc(2026, 1, 5, 7, 30, 1)),
        (["246060"], "reject:not_a_time"),
        (["noon"], "reject:not_a_time"),
        (["PT24H"], utc(2026, 1, 6)),
        (["PT25H"], "reject:not_a_time"),
        (["99:00"], "reject:not_a_time"),
        ([1.5], "reject:not_a_time"),
    ],
)
def test_date_and_time_columns_make_one_moment(clock: Any, moment: Any) -> None:
    assert moments_of(["2026-01-05"], others={"t": clock}, time="t") == [moment]


def test_date_and_time_are_local_time_of_the_zone() -> None:
    assert moments_of(["20260105"], others={"t": ["073000"]}, time="t", date="yyyymmdd", zone=BERLIN) == [
        utc(2026, 1, 5, 6, 30)
    ]


def test_a_time_without_a_date_is_nothing() -> None:
    assert moments_of(["", "00000000"], others={"t": ["240000", "noon"]}, time="t", empty_dates=True) == [
        None,
        None,
    ]
