"""ABAP's texts as exact values, in every form that a way of calling prints them."""

from __future__ import annotations

import base64
from datetime import date, time
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from drivers.rfc.abap import Field, Kind, kind_of
from drivers.rfc.conversions import (
    NotConvertible,
    alpha_in,
    alpha_out,
    char,
    currency_text,
    date_text,
    decimal_in,
    decimal_text,
    digits_in,
    float_text,
    from_abap,
    integer,
    plain_day,
    raw_in_reply,
    raw_text,
    time_text,
    to_abap,
)

AMOUNT = Field("NETPR", "CURR", 11, 2, reference=("EKKO", "WAERS"))


class TestAlpha:
    def test_numbers_are_padded_and_other_texts_are_not(self) -> None:
        assert alpha_in("4711", 10) == "0000004711"
        assert alpha_in("A-4711", 10) == "A-4711"
        assert alpha_in(" 4711 ", 10) == "0000004711"
        assert alpha_in("", 10) == ""
        assert alpha_in("\u0664", 10) == "\u0664"  # digits of another script are letters to ABAP

    def test_the_zeros_are_removed_again(self) -> None:
        assert alpha_out("0000004711") == "4711"
        assert alpha_out("0000000000") == "0"
        assert alpha_out("A-01") == "A-01"

    @given(st.integers(0, 10**10 - 1))
    def test_in_and_out_is_the_same_number(self, number: int) -> None:
        assert alpha_out(alpha_in(str(number), 10)) == str(number)


class TestDatesAndTimes:
    @pytest.mark.parametrize(
        ("printed", "expected"),
        [
            ("20260131", "2026-01-31"),
            ("2026-01-31", "2026-01-31"),
            (date(2026, 1, 31), "2026-01-31"),
            ("00000000", None),
            ("0000-00-00", None),
            ("        ", None),
            ("", None),
            (None, None),
            ("99991231", "9999-12-31"),
            ("2026013", "2026013"),
        ],
    )
    def test_a_date_is_iso_and_the_initial_one_none(self, printed: object, expected: str | None) -> None:
        assert date_text(printed) == expected

    @pytest.mark.parametrize(
        ("printed", "expected"),
        [
            ("235959", "23:59:59"),
            ("23:59:59", "23:59:59"),
            ("240000", "24:00:00"),
            ("000000", "00:00:00"),
            (time(7, 5), "07:05:00"),
            ("", None),
            (None, None),
        ],
    )
    def test_a_time_has_colons(self, printed: object, expected: str | None) -> None:
        assert time_text(printed) == expected


class TestNumbers:
    @pytest.mark.parametrize(
        ("printed", "expected"),
        [
            (" 1.24140-", "-1.24140"),
            ("         12.50 ", "12.50"),
            ("0.00-", "0.00"),
            ("", "0"),
            ("-.5", "-0.5"),
            ("007.10", "7.10"),
            (Decimal("1E+3"), "1000"),
            (Decimal("-0.0010"), "-0.0010"),
        ],
    )
    def test_the_sign_comes_to_the_front_and_digits_stay(self, printed: object, expected: str) -> None:
        assert decimal_text(printed) == expected

    @pytest.mark.parametrize("printed", ["1,5", "1.234,50", "-1-", "1.2.3", "abc", ".", "-", "1E5", "٣"])
    def test_what_is_no_number_is_refused_and_not_guessed(self, printed: str) -> None:
        with pytest.raises(NotConvertible):
            decimal_text(printed)

    @given(st.decimals(allow_nan=False, allow_infinity=False, places=3))
    def test_a_trailing_sign_means_what_a_leading_one_means(self, number: Decimal) -> None:
        digits = format(number.copy_abs(), "f")
        printed = f" {digits}{'-' if number < 0 else ' '}"
        assert Decimal(decimal_text(printed)) == number

    @pytest.mark.parametrize(
        ("printed", "decimals", "expected"),
        [
            ("10.00", 0, "1000"),  # JPY
            ("10.00-", 0, "-1000"),
            ("123.45", 2, "123.45"),
            ("123.45", 3, "12.345"),  # KWD
            ("123.45", 4, "1.2345"),
            ("0.01", 5, "0.00001"),
            ("0.00", 0, "0"),
            ("5", 0, "500"),
        ],
    )
    def test_an_amount_has_the_decimals_of_its_currency(
        self, printed: str, decimals: int, expected: str
    ) -> None:
        assert currency_text(printed, 2, decimals) == expected

    def test_an_amount_of_more_digits_than_its_field_is_refused(self) -> None:
        with pytest.raises(NotConvertible):
            currency_text("1.005", 2, 0)

    @given(st.integers(-(10**12), 10**12), st.sampled_from([0, 2, 3, 4, 5]))
    def test_scaling_moves_the_point_and_nothing_else(self, unscaled: int, decimals: int) -> None:
        printed = format(Decimal(unscaled).scaleb(-2), ".2f")
        assert Decimal(currency_text(printed, 2, decimals)) == Decimal(unscaled).scaleb(-decimals)

    def test_a_bapis_four_decimals_are_the_amount_itself(self) -> None:
        price = Field("NET_PRICE", "DEC", 28, 9)
        assert from_abap(price, Decimal("1000.000000000")) == "1000.000000000"
        assert from_abap(Field("AMOUNT", "DEC", 23, 4), "1000.0000") == "1000.0000"

    def test_floats_are_printed_in_full(self) -> None:
        assert float_text("1.2500000000000000E+01") == "12.5"
        assert float_text("-2.5E-03") == "-0.0025"
        assert float_text("0.0000000000000000E+00") == "0"
        assert float_text("1.0E+300") == "1.0E+300"
        with pytest.raises(NotConvertible):
            float_text("twelve")

    def test_whole_numbers(self) -> None:
        assert integer("      42-") == -42
        with pytest.raises(NotConvertible):
            integer("4.2")


class TestTexts:
    def test_blanks_at_the_end_are_padding_and_in_front_are_not(self) -> None:
        assert char("  ab  ") == "  ab"

    @given(st.binary(max_size=40))
    def test_raw_of_an_answer_is_the_same_as_hexadecimal_and_as_base64(self, value: bytes) -> None:
        for shown in (value, value.hex(), base64.b64encode(value).decode()):
            assert raw_in_reply(shown, len(value)) == value.hex().upper()

    def test_raw_that_is_neither_is_refused(self) -> None:
        with pytest.raises(NotConvertible):
            raw_in_reply("¦", 4)

    def test_raw_is_hexadecimal(self) -> None:
        assert raw_text(b"\x00\xff") == "00FF"
        assert raw_text("00ff") == "00FF"

    def test_every_type_of_the_captured_functions_has_a_kind(self, shared_dir: Path) -> None:
        """So that no column of a BAPI is read as if it were text because nobody knew its type."""
        files = sorted((shared_dir / "erp" / "sap" / "bapi").glob("*/fields.yaml"))
        assert files
        found: set[str] = set()
        for path in files:
            for structure in yaml.load(path.read_text(), yaml.CSafeLoader).values():
                found |= {
                    field["format"].get("DATATYPE", "") for field in structure.values() if field.get("format")
                }
        assert {"CHAR", "NUMC", "DATS", "TIMS", "DEC", "QUAN"} <= found
        assert not [
            name
            for name in found
            if name
            and kind_of(name) is Kind.UNKNOWN
            and name not in {"TTYP", "STRU", "REF", "STRUCTURE", "TABLE"}
        ]


class TestIntoAbap:
    def test_amounts_are_refused_rather_than_rounded(self) -> None:
        assert decimal_in("12.5", 11, 2) == Decimal("12.50")
        for wrong in ("12.345", "1000000000.00", "NaN", "1_0", "twelve"):
            with pytest.raises(NotConvertible):
                decimal_in(wrong, 11, 2)

    def test_a_text_that_is_too_long_is_refused_rather_than_cut(self) -> None:
        assert to_abap(Field("EKGRP", "CHAR", 3), "001") == "001"
        with pytest.raises(NotConvertible):
            to_abap(Field("EKGRP", "CHAR", 3), "0001")

    def test_a_text_is_measured_as_abap_counts(self) -> None:
        field = Field("A", "CHAR", 3)
        assert to_abap(field, "a😀") == "a😀"
        with pytest.raises(NotConvertible):
            to_abap(field, "ab😀")

    def test_numbers_of_records_are_padded(self) -> None:
        assert to_abap(Field("LIFNR", "CHAR", 10, conversion="ALPHA"), "100") == "0000000100"
        assert digits_in("10", 5) == "00010"
        with pytest.raises(NotConvertible):
            digits_in("1x", 5)

    def test_dates_and_flags(self) -> None:
        assert to_abap(Field("DAY", "DATS", 8), "2026-01-31") == date(2026, 1, 31)
        assert to_abap(Field("DAY", "DATS", 8), "2026-01-31T10:00:00Z") == date(2026, 1, 31)
        assert to_abap(Field("DAY", "DATS", 8), "") == "00000000"
        assert [plain_day(each) for each in ("2026-01-31", "2026-01-31T10:00:00Z", "")] == [
            "20260131",
            "20260131",
            "",
        ]
        with pytest.raises(NotConvertible, match="no date"):
            plain_day("soon")
        assert to_abap(Field("CLOCK", "TIMS", 6), "2026-01-31T10:11:12Z") == time(10, 11, 12)
        assert to_abap(Field("FLAG", "CHAR", 1), True) == "X"
        assert to_abap(Field("FLAG", "CHAR", 1), False) == ""
        for wrong in ("2026-02-30", "soon"):
            with pytest.raises(NotConvertible):
                to_abap(Field("DAY", "DATS", 8), wrong)

    @given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**8), max_value=10**8))
    def test_an_amount_survives_the_way_in_and_out(self, amount: Decimal) -> None:
        assert Decimal(str(from_abap(AMOUNT, to_abap(AMOUNT, format(amount, "f"))))) == amount
