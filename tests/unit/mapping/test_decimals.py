from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.mapping.compile import compile_mapping
from agent.model.payload import decode, encode_records
from agent.model.render import to_documents
from tests.unit.mapping.mapping_case import page_of, values_of

GERMAN = {"from": "c", "decimal_separator": ",", "thousands": "."}


def amounts_of(values: Any, spec: Any = "c") -> list[Any]:
    return values_of(spec, values, field="totalNetValue")


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1.5", "1.5"),
        ("-1.5", "-1.5"),
        ("+1.5", "1.5"),
        ("1.5-", "-1.5"),
        ("1.5 -", "-1.5"),
        ("1.5+", "1.5"),
        (" 1.5 ", "1.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("007.50", "7.5"),
        ("0.00", "0"),
        ("1e-7", "0.0000001"),
        ("1E+3", "1000"),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ("99999999999999999999999999999", "99999999999999999999999999999"),
        ("0.12345678901234567890123456789012345678", "0.12345678901234567890123456789012345678"),
        ("1." + "0" * 60, "1"),
        ("0" * 60 + "1", "1"),
        ("0e999999999999", None),
    ],
)
def test_a_text_is_read_exactly(text: str, amount: str | None) -> None:
    expected = "reject:not_a_decimal" if amount is None else Decimal(amount)
    assert amounts_of([text]) == [expected]


@pytest.mark.parametrize("text", ["", "   ", None])
def test_nothing_is_null(text: str | None) -> None:
    assert amounts_of([text, "1"]) == [None, Decimal(1)]


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "1,5",
        "1.2.3",
        "--1",
        "-1-",
        "1_000",
        "0x10",
        "NaN",
        "inf",
        "-",
        ".",
        "1 000",
        "\u0661",
        "1e",
        "9" * 500,
    ],
)
def test_what_is_no_decimal_is_a_reject_and_its_neighbours_are_not(text: str) -> None:
    assert amounts_of(["1", text, "2"]) == [Decimal(1), "reject:not_a_decimal", Decimal(2)]


@pytest.mark.parametrize("text", ["0." + "1" * 39, "1" * 39, "1e38", "1e400", "1e-400", "1e9999"])
def test_what_would_round_or_wrap_around_is_a_reject(text: str) -> None:
    assert amounts_of(["1", text]) == [Decimal(1), "reject:does_not_fit"]


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1.234,50-", Decimal("-1234.50")),
        ("1234,5", Decimal("1234.5")),
        ("1.234.567", Decimal(1234567)),
        ("12", Decimal(12)),
        ("1.5", "reject:not_a_decimal"),
        ("1.2345", "reject:not_a_decimal"),
        ("1,234,5", "reject:not_a_decimal"),
        ("1234.567,5", "reject:not_a_decimal"),
    ],
)
def test_a_notation_is_taken_at_its_word(text: str, amount: Any) -> None:
    assert amounts_of([text], GERMAN) == [amount]


def test_a_point_is_no_number_where_the_separator_is_a_comma() -> None:
    assert amounts_of(["1.5"], {"from": "c", "decimal_separator": ","}) == ["reject:not_a_decimal"]


def test_a_space_may_group_thousands() -> None:
    assert amounts_of(["1 234,5"], {"from": "c", "decimal_separator": ",", "thousands": " "}) == [
        Decimal("1234.5")
    ]


def test_a_decimal_column_keeps_its_digits_and_its_type() -> None:
    column = pa.array([Decimal("1.12345678901234567890")], pa.decimal128(38, 20))
    compiled = compile_mapping(
        {"orderNo": {"const": "1"}, "totalNetValue": "c"}, entity="purchase_order", where="w"
    )

    made = compiled.apply(page_of(c=column)).records["total_net_value"]

    assert made.type == pa.decimal128(38, 20)
    assert made.to_pylist() == column.to_pylist()


@pytest.mark.parametrize(
    "column",
    [
        pa.array([Decimal("1.25"), Decimal("1.255")], pa.decimal128(5, 3)),
        pa.array([Decimal("1.25"), Decimal("1.255")], pa.decimal256(60, 3)),
        pa.array(["1.25", "1.255"]),
        pa.array(["1.2500", "1.255"]),
        pa.array([1.25, 1.255]),
    ],
)
def test_scale_rejects_what_would_round(column: pa.Array) -> None:
    assert amounts_of(column, {"from": "c", "scale": 2}) == [Decimal("1.25"), "reject:does_not_fit"]


def test_scale_widens_without_wrapping_around() -> None:
    large = Decimal("9" * 38)

    assert amounts_of(pa.array([large]), {"from": "c", "scale": 38}) == [large]
    column = pa.array([Decimal("9" * 76), Decimal(1)], pa.decimal256(76, 0))
    assert amounts_of(column, {"from": "c", "scale": 2}) == ["reject:does_not_fit", Decimal(1)]


@pytest.mark.parametrize(
    ("column", "amounts"),
    [
        (pa.array([2**63 - 1, -(2**63)]), [2**63 - 1, -(2**63)]),
        (pa.array([2**64 - 1], pa.uint64()), [2**64 - 1]),
        (pa.array([5], pa.int8()), [5]),
    ],
)
def test_whole_numbers_are_amounts(column: pa.Array, amounts: list[int]) -> None:
    assert amounts_of(column) == [Decimal(amount) for amount in amounts]


def test_a_float_is_what_its_shortest_text_says() -> None:
    column = pa.array([0.1, 1e22, 1e-7, 123456789.125, float("nan"), float("inf"), 1e300])

    assert amounts_of(column) == [
        *(Decimal("0.1"), Decimal("1e22"), Decimal("1e-7"), Decimal("123456789.125")),
        *("reject:not_a_decimal", "reject:not_a_decimal", "reject:does_not_fit"),
    ]


def test_a_truth_value_is_no_amount() -> None:
    assert amounts_of([True, None]) == ["reject:not_a_decimal", None]


def test_a_default_joins_a_column_of_another_scale() -> None:
    column = pa.array([Decimal("1.5"), None], pa.decimal128(38, 1))

    assert amounts_of(column, {"from": "c", "default": "0.125"}) == [Decimal("1.5"), Decimal("0.125")]


def test_coalesce_of_two_scales_keeps_all_digits() -> None:
    first = pa.array([Decimal("1.5"), None], pa.decimal128(38, 1))
    second = pa.array([None, Decimal("0." + "1" * 37)], pa.decimal128(38, 37))

    made = values_of({"coalesce": ["c", "d"]}, first, field="totalNetValue", d=second)

    assert made == [Decimal("1.5"), Decimal("0." + "1" * 37)]


@given(
    digits=st.integers(-(10**38) + 1, 10**38 - 1),
    scale=st.integers(0, 38),
    company=st.lists(st.sampled_from(["1", "0.5", "x", "", None]), max_size=3),
)
@example(digits=12345678901234567890123456789012345678, scale=0, company=[])
def test_every_amount_of_38_digits_is_exact_from_text_to_json(
    digits: int, scale: int, company: list[str | None]
) -> None:
    amount = Decimal((int(digits < 0), tuple(map(int, str(abs(digits)))), -scale))
    compiled = compile_mapping(
        {"orderNo": {"const": "1"}, "totalNetValue": "c"}, entity="purchase_order", where="w"
    )

    mapped = compiled.apply(page_of(c=pa.array([f"{amount:f}", *company], pa.string())))
    table = decode("records", encode_records(mapped.records, {"entity": "purchase_order"})).table

    assert table is not None
    assert Decimal(to_documents(table, [0])[0]["totalNetValue"]) == amount


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40))
def test_a_decimal_is_exact_or_a_reject_whatever_its_size(amount: Decimal) -> None:
    made = amounts_of([str(amount)])[0]

    assert made in (amount, "reject:does_not_fit", "reject:not_a_decimal")
