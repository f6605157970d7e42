"""Literals against a parser that shares nothing with the driver: what goes in comes out, and nothing else gets in."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.odata.edm import Kind
from drivers.odata.literals import NoLiteral, canonical_decimal, iso, literal, moment_of, time_of
from drivers.odata.requests import address, key_predicate
from tests.odata.filters import Parser, parse_key

VERSIONS = (2, 4)
ODD = st.text(
    st.one_of(
        st.sampled_from("'\"\\/&+#%?=;,()$~ \t\r\n{}[]<>"),
        st.characters(codec="utf-8", exclude_characters="\0"),
    )
)
HOSTILE = (
    "O'Brien",
    "' or 1 eq 1 or '",
    "x' and Secret eq 'y",
    "&$expand=to_Salaries",
    "a+b c%20d/e",
    ";--",
    "\r\nX-Evil: 1",
    "%27) or (1 eq 1",
    "''''",
)


def through_url(version: int, name: str, text: str) -> object:
    """The value as a server gets it: out of the URL, through a filter."""
    condition = f"{name} eq {literal(Kind.TEXT, text, version)}"
    url = address("http://erp/s", "Set", {"$filter": condition, "sap-client": "100"})
    assert " " not in url
    assert "+" not in url
    query = dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
    assert set(query) == {"$filter", "sap-client"}
    return query["$filter"]


@settings(max_examples=5_000)
@given(text=ODD)
def test_any_text_comes_out_of_a_filter_as_it_went_in(text: str) -> None:
    """Ten thousand odd texts (both versions): exactly the record with this text matches, and no other."""
    for version in VERSIONS:
        found = Parser(str(through_url(version, "A", text))).parse()

        assert found({"A": text})
        assert not found({"A": text + "x"})


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_stays_a_text(text: str) -> None:
    for version in VERSIONS:
        found = Parser(str(through_url(version, "A", text))).parse()
        assert found({"A": text})
        assert not found({"A": "other"})


@given(parts=st.lists(ODD, min_size=1, max_size=3))
def test_any_key_comes_out_of_its_predicate(parts: list[str]) -> None:
    names = [f"K{number}" for number in range(len(parts))]
    predicate = key_predicate(names, [literal(Kind.TEXT, part, 2) for part in parts])
    path = address("http://erp/s", f"Set{predicate}", {})

    assert urlsplit(path).query == ""
    assert "/" not in predicate
    inside = dict(parse_qsl(f"x={predicate[1:-1]}", keep_blank_values=True))["x"] if len(parts) == 1 else None
    if inside is not None:
        assert parse_key(inside) == {"": parts[0]}


@given(number=st.integers(-(2**63), 2**63 - 1))
def test_whole_numbers(number: int) -> None:
    for version in VERSIONS:
        text = literal(Kind.INTEGER, str(number), version, type_="Edm.Int64")
        assert text == f"{number}{'L' if version == 2 else ''}"


@given(number=st.decimals(allow_nan=False, allow_infinity=False, places=9))
def test_decimals_keep_their_digits(number: Decimal) -> None:
    text = canonical_decimal(str(number))
    for version in VERSIONS:
        found = Parser(f"A eq {literal(Kind.DECIMAL, text, version)}").parse()
        assert found({"A": number})


@given(moment=st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))
def test_moments(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    assert Parser(f"A eq {literal(Kind.TIMESTAMP, iso(moment), 2)}").parse()({"A": moment})
    for version in VERSIONS:
        assert Parser(f"A eq {literal(Kind.TIMESTAMP_TZ, iso(aware) + 'Z', version)}").parse()({"A": aware})


@given(
    moment=st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),
    offset=st.integers(-840, 840),
)
def test_a_json_date_is_the_moment_on_the_clock_of_its_offset(moment: datetime, offset: int) -> None:
    ms = (moment - datetime(1970, 1, 1)) // timedelta(milliseconds=1)
    cut = datetime(1970, 1, 1) + timedelta(milliseconds=ms)

    assert moment_of(f"/Date({ms})/") == cut
    assert moment_of(f"/Date({ms}{offset:+05})/") == (cut - timedelta(minutes=offset)).replace(tzinfo=UTC)


def test_each_type_as_each_version_writes_it() -> None:
    guid = str(uuid.UUID(int=7))
    assert literal(Kind.GUID, guid, 2) == f"guid'{guid}'"
    assert literal(Kind.GUID, guid, 4) == guid
    assert literal(Kind.DATE, "2026-01-31", 4) == "2026-01-31"
    assert literal(Kind.TIMESTAMP, "2026-01-31", 2) == "datetime'2026-01-31T00:00:00'"
    assert literal(Kind.TIMESTAMP_TZ, "/Date(0+0000)/", 2) == "datetimeoffset'1970-01-01T00:00:00Z'"
    assert literal(Kind.TIME, "PT10H5M3S", 2) == "time'PT10H05M03S'"
    assert literal(Kind.TIME, "10:05:03", 4) == "10:05:03"
    assert literal(Kind.DECIMAL, "1.50", 2) == "1.50m"
    assert literal(Kind.FLOAT, "1.5", 2, type_="Edm.Double") == "1.5d"
    assert literal(Kind.BOOLEAN, "true", 4) == "true"
    assert literal(Kind.ENUM, "Red", 4, type_="NS.Colour") == "NS.Colour'Red'"
    assert literal(Kind.BINARY, "AQI=", 2) == "X'0102'"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.TEXT, "nul\0"),
        (Kind.TEXT, "\ud800"),
        (Kind.INTEGER, "1 or 1 eq 1"),
        (Kind.INTEGER, "٣"),
        (Kind.INTEGER, str(2**63)),
        (Kind.INTEGER, "007"),
        (Kind.DECIMAL, "1e5"),
        (Kind.DECIMAL, "NaN"),
        (Kind.DECIMAL, "1m or true"),
        (Kind.GUID, "{12345678-1234-1234-1234-123456789012}"),
        (Kind.GUID, "x"),
        (Kind.DATE, "2026-02-30"),
        (Kind.TIMESTAMP_TZ, "2026-01-01T00:00:00"),
        (Kind.TIMESTAMP_TZ, "2026-01-01T00:00:00Z' or 'a' eq 'a"),
        (Kind.TIME, "25:00:00 or"),
        (Kind.BOOLEAN, "TRUE"),
        (Kind.BINARY, "A' eq"),
        (Kind.ENUM, "A' or '"),
        (Kind.OTHER, "x"),
    ],
)
def test_what_is_no_value_of_the_type_becomes_no_literal(kind: Kind, text: str) -> None:
    for version in VERSIONS:
        with pytest.raises(NoLiteral):
            literal(kind, text, version)


def test_times_and_dates_of_day() -> None:
    assert time_of("PT0S") == "00:00:00"
    assert time_of("PT23H59M59.5S") == "23:59:59.5"
    assert moment_of("2026-01-31").date() == date(2026, 1, 31)
    with pytest.raises(NoLiteral):
        moment_of("/Date(99999999999999999)/")
