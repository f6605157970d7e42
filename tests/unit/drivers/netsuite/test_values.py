from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.netsuite.shape import Kind, QueryColumn
from drivers.netsuite.values import table_of


def column(kind: Kind, *values: Any) -> pa.ChunkedArray:
    rows = [{} if value is None else {"a": value} for value in values]
    return table_of(rows, [QueryColumn("a", kind)]).column("a")


@pytest.mark.parametrize(
    ("kind", "printed", "kept"),
    [
        (Kind.TEXT, "O'Brien 😀", "O'Brien 😀"),
        (Kind.TEXT, "cut \ud83d", "cut \ufffd"),
        (Kind.TEXT, ["ü\udc00"], '["ü\ufffd"]'),
        (Kind.DATE, "\ud800", "\ufffd"),
        (Kind.INTEGER, "9007199254740993", 9007199254740993),
        (Kind.DECIMAL, ".5", "0.5"),
        (Kind.DECIMAL, "-.25", "-0.25"),
        (Kind.DECIMAL, "1E+3", "1000"),
        (Kind.DECIMAL, "12345678901234567890.123456789", "12345678901234567890.123456789"),
        (Kind.DECIMAL, "no number", "no number"),
        (Kind.BOOLEAN, "T", True),
        (Kind.BOOLEAN, "F", False),
        (Kind.DATE, "2026-02-03", date(2026, 2, 3)),
        (Kind.TIMESTAMP, "2026-02-03 04:05:06", datetime(2026, 2, 3, 4, 5, 6)),
        (Kind.TIMESTAMP_TZ, "2026-02-03 04:05:06", datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)),
    ],
)
def test_a_value_has_the_type_that_its_column_was_given(kind: Kind, printed: str, kept: Any) -> None:
    assert column(kind, printed, None).to_pylist() == [kept, None]


@pytest.mark.parametrize("kind", [Kind.INTEGER, Kind.BOOLEAN, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ])
def test_a_column_with_a_value_of_another_kind_stays_text(kind: Kind) -> None:
    assert column(kind, "2/3/2026 of May").to_pylist() == ["2/3/2026 of May"]


@pytest.mark.parametrize("kind", list(Kind))
def test_a_column_of_nulls_has_the_type_of_its_kind(kind: Kind) -> None:
    some = {Kind.INTEGER: "1", Kind.BOOLEAN: "T", Kind.DATE: "2026-01-01"}
    moments = {Kind.TIMESTAMP: "2026-01-01 00:00:00", Kind.TIMESTAMP_TZ: "2026-01-01 00:00:00"}

    assert column(kind, None).type == column(kind, {**some, **moments}.get(kind, "x")).type


def test_what_is_no_text_is_kept_as_json() -> None:
    assert column(Kind.TEXT, {"id": "5"}, ["a"], True).to_pylist() == ['{"id": "5"}', '["a"]', "T"]


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**20), max_value=10**20))
def test_no_digit_of_an_amount_is_lost(amount: Decimal) -> None:
    (found,) = column(Kind.DECIMAL, str(amount)).to_pylist()

    assert Decimal(found) == amount
    assert "E" not in found
