"""Values at the edges of what XML Schema allows and Arrow holds."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from drivers.soap.columns import Column, arrays
from drivers.soap.model import Kind, Member, Type
from drivers.soap.pages.shape import column_of

ZONE = ZoneInfo("Europe/Berlin")


def read(text: str, kind: Kind) -> pa.Array:
    column = column_of(Member("X", "", "x"), Type("x", kind))
    (found,) = arrays([[text]], [column], ZONE)
    return found


@pytest.mark.parametrize("day", ["0001-01-01", "1753-01-01"])
@pytest.mark.parametrize("rest", ["", "Z", "+01:00", "+00:53", ".000", ".0000000Z"])
def test_navs_empty_moment_is_null_however_it_is_printed(day: str, rest: str) -> None:
    assert read(f"{day}T00:00:00{rest}", Kind.TIMESTAMP).to_pylist() == [None]


@pytest.mark.parametrize("text", ["0001-01-01", "1753-01-01", "0001-01-01Z", "1753-01-01+01:00"])
def test_navs_empty_day_is_null_however_it_is_printed(text: str) -> None:
    assert read(text, Kind.DATE).to_pylist() == [None]


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-08:00", "0001-01-01T00:00:01+01:00"])
def test_a_moment_outside_the_years_that_there_are_stays_a_text(text: str) -> None:
    assert read(text, Kind.TIMESTAMP).to_pylist() == [text]


def test_the_last_moment_that_there_is_stays_one() -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

    assert read("9999-12-31T23:59:59Z", Kind.TIMESTAMP).to_pylist() == [last]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12:01:02", time(12, 1, 2)),
        ("12:01:02.1234567", time(12, 1, 2, 123456)),
        ("23:59:59.9999999Z", time(23, 59, 59, 999999)),
        ("00:00:00+02:00", time()),
    ],
)
def test_a_time_of_the_day_is_one(text: str, expected: time) -> None:
    found = read(text, Kind.TIME)

    assert found.type == pa.time64("us")
    assert found.to_pylist() == [expected]


def test_a_column_that_knows_no_empty_value_keeps_everything() -> None:
    (found,) = arrays([["0001-01-01", ""]], [Column("x", ("x",), Kind.TEXT)], ZONE)

    assert found.to_pylist() == ["0001-01-01", ""]
