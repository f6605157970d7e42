"""Whole columns are converted by the same rules as single values."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.rfc.abap import Field
from drivers.rfc.columns import BadColumn, Cut, cut, split, typed
from drivers.rfc.conversions import from_abap, units

NAME = Field("NAME", "CHAR", 6)
PRICE = Field("PRICE", "CURR", 11, 2)
DAY = Field("DAY", "DATS", 8)
NUMBERS = st.from_regex(r"\A {0,3}(?:[-+]?[0-9]{1,9}(\.[0-9]{0,3})?|[0-9]{0,4}\.[0-9]{1,3}[-+ ])\Z")
DATES = st.one_of(
    st.dates().map(lambda day: day.strftime("%Y%m%d").rjust(8, "0")),
    st.sampled_from(["00000000", "", "        ", "2026-01-31", "20261399", "soon"]),
)
TIMES = st.one_of(
    st.times().map(lambda clock: clock.strftime("%H%M%S")), st.sampled_from(["240000", "", "10:11:12"])
)


class TestCutting:
    @given(st.lists(st.text(st.characters(blacklist_categories=["Cs"]), min_size=0, max_size=3), max_size=20))
    def test_values_are_cut_by_offset_whatever_is_in_them(self, values: list[str]) -> None:
        lines = pa.array([f"{'|' * 3}{value}{' ' * (6 - units(value))}{'x' * 5}" for value in values])
        cuts = [Cut(NAME, 3, 6), Cut(Field("X", "CHAR", 5), 9, 5)]

        found = cut(lines.cast(pa.string()), cuts)

        assert found["NAME"].to_pylist() == [value.rstrip(" ") for value in values]
        assert found["X"].to_pylist() == ["xxxxx"] * len(values)

    def test_offsets_behind_an_emoji_count_it_twice_as_abap_does(self) -> None:
        found = cut(pa.array(["ok😀 20", "plain10"]), [Cut(NAME, 0, 5), Cut(Field("N", "NUMC", 2), 5, 2)])

        assert found["NAME"].to_pylist() == ["ok😀", "plain"]
        assert found["N"].to_pylist() == ["20", "10"]

    def test_a_row_that_lost_its_last_blanks_is_cut_alike(self) -> None:
        lines = pa.array(["ab    12", "ab", ""])
        cuts = [Cut(NAME, 0, 6), Cut(Field("N", "NUMC", 2), 6, 2)]

        assert cut(lines, cuts)["N"].to_pylist() == ["12", "", ""]

    def test_delimited_rows_are_split_and_one_with_the_delimiter_inside_is_noticed(self) -> None:
        fields = [NAME, DAY]
        found = split(pa.array(["ab¦20260131", "¦"]), fields, "¦")

        assert found is not None
        assert found["NAME"].to_pylist() == ["ab", ""]
        assert split(pa.array(["ab¦20260131", "a¦b¦20260131"]), fields, "¦") is None
        assert split(pa.array([], pa.string()), fields, "¦") is not None


class TestTyping:
    @given(st.lists(NUMBERS, max_size=20))
    def test_numbers_as_single_ones(self, texts: list[str]) -> None:
        field = Field("N", "DEC", 13, 3)
        found = typed(field, pa.array([text.rstrip(" ") for text in texts], pa.string()), None, {})

        assert found.to_pylist() == [from_abap(field, text) for text in texts]

    @given(st.lists(DATES, max_size=20))
    def test_dates_as_single_ones(self, texts: list[str]) -> None:
        assert typed(DAY, pa.array(texts, pa.string()), None, {}).to_pylist() == [
            from_abap(DAY, text) for text in texts
        ]

    @given(st.lists(TIMES, max_size=20))
    def test_times_as_single_ones(self, texts: list[str]) -> None:
        field = Field("T", "TIMS", 6)
        assert typed(field, pa.array(texts, pa.string()), None, {}).to_pylist() == [
            from_abap(field, text) for text in texts
        ]

    @given(
        st.lists(
            st.tuples(st.integers(-(10**6), 10**6), st.sampled_from(["EUR", "JPY", "KWD", "CLF", "OMR"]))
        )
    )
    def test_amounts_as_single_ones(self, amounts: list[tuple[int, str]]) -> None:
        decimals = {"JPY": 0, "KWD": 3, "CLF": 4, "OMR": 5}
        texts = [f"{abs(n) / 100:.2f}{'-' if n < 0 else ''}" for n, _ in amounts]
        found = typed(
            PRICE, pa.array(texts, pa.string()), pa.array([c for _, c in amounts], pa.string()), decimals
        )

        assert found.to_pylist() == [
            from_abap(PRICE, text, currency_decimals=decimals.get(currency, 2))
            for text, (_, currency) in zip(texts, amounts, strict=True)
        ]

    def test_without_a_row_that_was_looked_up_there_is_no_amount_whatever_the_currency(self) -> None:
        field = Field("ANSWT", "CURR", 11, 2)
        texts, currencies = pa.array(["12.34", None, None]), pa.array(["JPY", "JPY", None])

        assert typed(field, texts, currencies, {"JPY": 0}).to_pylist() == ["1234", None, None]

    def test_other_types_as_single_ones(self) -> None:
        for field, text in (
            (Field("I", "INT4", 10), " 42-"),
            (Field("F", "FLTP", 16), "1.25E+01"),
            (Field("X", "RAW", 2), "00ff"),
            (NAME, "ab"),
        ):
            assert typed(field, pa.array([text]), None, {}).to_pylist() == [from_abap(field, text)]

    def test_a_number_that_is_none_is_named_with_its_column(self) -> None:
        with pytest.raises(BadColumn, match="PRICE"):
            typed(PRICE, pa.array(["1.00", "1,00"]), None, {})
