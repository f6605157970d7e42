"""Conditions in NAV's filter language, and its names in XML: laws, held against a reading of them of the tests' own."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from drivers.soap.model import Kind, Type
from drivers.soap.pages.criteria import NoCriterion, any_of, both, days, literal, quoted
from drivers.soap.pages.names import option_text, option_value
from tests.nav.filters import collated, compiled

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
ODD = st.text("'|&()<>=.*?@\"; ab", min_size=1, max_size=12)
DAYS = st.dates(date(1990, 1, 1), date(2100, 1, 1))


@given(value=TEXTS | ODD, other=TEXTS | ODD)
def test_a_quoted_value_is_itself_and_no_other(value: str, other: str) -> None:
    test = compiled(quoted(value), "string", "")

    assert test(value)
    assert test(other) is (collated(other) == collated(value))


@given(values=st.lists(ODD, min_size=1, max_size=5), own=ODD)
def test_of_several_values_one_and_the_streams_own_condition_hold(values: list[str], own: str) -> None:
    condition = both(f"<>{quoted(own)}", any_of(quoted(each) for each in values))
    test = compiled(condition, "string", "")

    for each in {*values, own}:
        assert test(each) is (each in values and each != own)


@given(start=DAYS, end=DAYS, day=DAYS | st.none(), blank=st.booleans())
def test_days_are_from_the_first_to_the_last(start: date, end: date, day: date | None, blank: bool) -> None:
    assume(start <= end)
    test = compiled(days(start, end, form="%d/%m/%Y", or_blank=blank), "date", "%d/%m/%Y")

    assert test(day) is (blank if day is None else start <= day <= end)


@given(start=DAYS)
def test_an_open_end_is_open(start: date) -> None:
    test = compiled(days(start, None, form="%d/%m/%Y", or_blank=True), "date", "%d/%m/%Y")

    assert [test(start + timedelta(days=step)) for step in (-1, 0, 40_000)] == [False, True, True]
    assert test(None)


@pytest.mark.parametrize("text", ["", "x", "1.0", "01", "1e3", "NaN", "--1"])
def test_what_prints_no_whole_number_is_nobodys_number(text: str) -> None:
    with pytest.raises(NoCriterion):
        literal(Kind.INTEGER, text)


OPTION = Type("Type", Kind.TEXT, values=("_blank_", "Profit_x003D_Price_Cost", "Pick__x002B__Forward", "No"))


@pytest.mark.parametrize("value", OPTION.values)
def test_an_option_is_known_by_what_is_read_of_it(value: str) -> None:
    assert option_value(option_text(value), OPTION) == value
    assert option_value(value, OPTION) == value


def test_an_option_is_known_by_its_words() -> None:
    assert [option_text(each) for each in OPTION.values] == ["", "Profit=Price_Cost", "Pick_+_Forward", "No"]
    assert option_value("Pick + Forward", OPTION) == "Pick__x002B__Forward"
    assert option_value("no", OPTION) is None
