"""Values of a record as OData takes them: exact, or refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.odata.columns import key_text
from drivers.odata.edm import KINDS, Property
from drivers.odata.literals import literal
from drivers.odata.values import json_value, text_value
from drivers.recipes.values import Unfit
from tests.odata.filters import Parser

BERLIN = ZoneInfo("Europe/Berlin")


def prop(type_: str, **more: Any) -> Property:
    return Property("P", type_, KINDS[type_], **more)


def sent(each: Property, value: Any, version: int, zone: Any = UTC) -> str:
    return msgspec.json.encode(json_value(each, value, version, zone)).decode()


@given(
    number=st.decimals(allow_nan=False, allow_infinity=False, places=7, min_value=-(10**20), max_value=10**20)
)
def test_a_decimal_is_sent_digit_for_digit(number: Decimal) -> None:
    text = format(number, "f")

    assert Decimal(sent(prop("Edm.Decimal"), text, 4)) == number
    assert "." in sent(prop("Edm.Decimal"), text, 4)
    assert sent(prop("Edm.Decimal"), text, 2) == f'"{text}"'


@given(moment=st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)))
def test_a_moment_comes_back_as_it_went(moment: datetime) -> None:
    cut = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
    stamp = prop("Edm.DateTimeOffset")
    for version in (2, 4):
        shown = json_value(stamp, cut.isoformat(), version, BERLIN)
        assert Parser(f"P eq {literal(stamp.kind, str(key_text(stamp, shown)), version)}").parse()({"P": cut})


@pytest.mark.parametrize(
    ("each", "value", "version", "expected"),
    [
        (prop("Edm.DateTime"), "2026-07-01T22:30:00Z", 2, '"/Date(1782952200000)/"'),
        (prop("Edm.DateTime", date_only=True), "2026-07-01", 2, '"/Date(1782864000000)/"'),
        (prop("Edm.Date"), "2026-07-01T22:30:00Z", 4, '"2026-07-02"'),
        (prop("Edm.Time"), "10:05:00", 2, '"PT10H05M00S"'),
        (prop("Edm.TimeOfDay"), "10:05:00", 4, '"10:05:00"'),
        (prop("Edm.Int64"), "9007199254740993", 2, '"9007199254740993"'),
        (prop("Edm.Int64"), "9007199254740993", 4, "9007199254740993"),
        (prop("Edm.Int32"), "7", 2, "7"),
        (prop("Edm.Boolean"), True, 2, "true"),
        (prop("Edm.Boolean"), "0", 4, "false"),
        (prop("Edm.Decimal", precision=13, scale=3), "1.5000", 2, '"1.5"'),
        (prop("Edm.Decimal", precision=13, scale=3), "1.50", 2, '"1.50"'),
        (prop("Edm.String", max_length=4), "äöüß", 2, '"äöüß"'),
        (prop("Edm.String"), 10, 2, '"10"'),
        (prop("Edm.Decimal"), None, 2, "null"),
    ],
)
def test_each_type_as_each_version_takes_it(each: Property, value: Any, version: int, expected: str) -> None:
    assert sent(each, value, version, BERLIN) == expected


@pytest.mark.parametrize(
    ("each", "value", "code"),
    [
        (prop("Edm.Decimal", precision=13, scale=2), "1.005", "not_exact"),
        (prop("Edm.Decimal", precision=4, scale=2), "123.4", "not_exact"),
        (prop("Edm.Decimal"), "Infinity", "not_a_decimal"),
        (prop("Edm.Decimal"), "1_0", "not_a_decimal"),
        (prop("Edm.Decimal"), 0.1, "not_a_value"),
        (prop("Edm.Double"), "0.1234567890123456", "not_exact"),
        (prop("Edm.Byte"), "256", "not_exact"),
        (prop("Edm.Int32"), "1.5", "not_an_integer"),
        (prop("Edm.String", max_length=3), "😀😀", "too_long"),
        (prop("Edm.String"), "nul\0", "not_a_text"),
        (prop("Edm.String"), {"a": 1}, "not_a_value"),
        (prop("Edm.Boolean"), "yes", "not_a_boolean"),
        (prop("Edm.DateTime"), "2026-01-01T00:00:00.0001", "not_exact"),
        (prop("Edm.DateTimeOffset"), "2026-01-01T00:00:00.1234567Z", "not_exact"),
        (prop("Edm.DateTime"), "31.12.2026", "not_a_moment"),
        (prop("Edm.Guid"), "x", "not_a_uuid"),
        (prop("Edm.Time"), "noon", "not_a_time"),
    ],
)
def test_what_would_be_rounded_cut_or_misread_is_refused(each: Property, value: Any, code: str) -> None:
    with pytest.raises(Unfit) as caught:
        json_value(each, value, 2, UTC)
    assert caught.value.code == code


def test_a_days_midnight_is_the_systems_own() -> None:
    assert text_value(prop("Edm.DateTimeOffset"), "2026-07-01", BERLIN) == "2026-06-30T22:00:00Z"
    assert timedelta(hours=2) == datetime(2026, 7, 1, tzinfo=BERLIN).utcoffset()
