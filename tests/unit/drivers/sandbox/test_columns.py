from __future__ import annotations

from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drivers.sandbox.chance import Chance
from drivers.sandbox.columns import MONEY, decimal, half_up, nested, padded, sum_by_header, trailing_minus

CENTS = st.lists(st.integers(-(10**15), 10**15), max_size=20)


def ints(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.int64)


@given(CENTS)
def test_cents_become_exact_decimals(cents):
    column = decimal(ints(cents), MONEY)
    column.validate(full=True)

    assert column.to_pylist() == [Decimal(value).scaleb(-2) for value in cents]


@given(st.lists(st.integers(0, 10**12), max_size=20), st.integers(1, 10**5))
def test_halves_are_rounded_up(values, by):
    expected = [int((Decimal(value) / by + Decimal("0.5")) // 1) for value in values]

    assert half_up(ints(values), by).tolist() == expected


@given(st.lists(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=4), max_size=10))
def test_lines_lie_under_their_headers_and_sum_to_them(lines):
    counts = ints([len(of_header) for of_header in lines])
    flat = ints([value for of_header in lines for value in of_header])
    column = nested(counts, {"amount": decimal(flat, MONEY)})

    assert [len(entry) for entry in column.to_pylist()] == counts.tolist()
    assert sum_by_header(counts, flat).tolist() == [sum(of_header) for of_header in lines]


def test_codes_have_leading_zeros_and_deductions_a_trailing_minus():
    assert padded(ints([17]), 6, "V-").to_pylist() == ["V-000017"]
    assert trailing_minus(ints([1250, 0])).to_pylist() == ["12.50-", "0.00"]


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=50), st.integers(1, 1_000))
def test_a_number_does_not_depend_on_the_page_it_is_made_in(ids, limit):
    chance = Chance(3, "t")
    together = chance.below("x", ints(ids), limit).tolist()

    assert together == [int(chance.below("x", ints([number]), limit)[0]) for number in ids]
    assert all(0 <= number < limit for number in together)
