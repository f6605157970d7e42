from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import ClassVar

import pyarrow as pa
import pytest

from tests.unit.mapping.mapping_case import map_page, page_of, values_of


def test_a_bare_name_takes_the_column_as_it_is() -> None:
    assert values_of("c", [" a ", "", None]) == [" a ", "", None]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array([1, None]), ["1", None]),
        (pa.array([Decimal("1.50"), None]), ["1.50", None]),
        (pa.array([True, None]), ["true", None]),
        (pa.array([date(2026, 1, 5), None]), ["2026-01-05", None]),
        (pa.array([b"\x00\xff", None]), ["00ff", None]),
        (pa.array(["a", "a"]).dictionary_encode(), ["a", "a"]),
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_other_types_become_the_text_that_keys_are_made_of(values: pa.Array, texts: list[str | None]) -> None:
    assert values_of("c", values) == texts


def test_trim_makes_blank_null() -> None:
    assert values_of({"from": "c", "trim": True}, [" a b\t", "  ", "", None]) == ["a b", None, None, None]


def test_strip_zeros_touches_only_texts_of_digits() -> None:
    values = ["0000004711", "00A1", "000", "0", "4711", "", " 01", "\u0660\u0661", None]

    assert values_of({"from": "c", "strip_zeros": True}, values) == [
        *("4711", "00A1", "0", "0", "4711", "", " 01", "\u0660\u0661", None)
    ]


def test_upper_and_lower() -> None:
    assert values_of({"from": "c", "upper": True}, ["pcs"]) == ["PCS"]
    assert values_of({"from": "c", "lower": True}, ["ÄPFEL"]) == ["äpfel"]


def test_values_translate_codes_and_keep_the_text_they_do_not_name() -> None:
    assert values_of({"from": "c", "values": {"1": "one"}}, ["1", "2", None]) == ["one", "2", None]


def test_a_default_stands_for_every_code_that_is_not_named_and_for_null() -> None:
    spec = {"from": "c", "values": {"1": "one"}, "default": "other"}

    assert values_of(spec, ["1", "2", None]) == ["one", "other", "other"]


def test_values_of_another_kind_need_every_code_or_a_default() -> None:
    mapped = map_page(
        {"custom": {"flag": {"from": "c", "values": {"X": True, "": False}}}}, page_of(c=["X", "", "?"])
    )

    assert [row["flag"] for row in mapped.records["custom_fields"].to_pylist()] == [True, False]
    assert [reject.reason for reject in mapped.rejects] == ["unmapped_value"]


def test_numbers_are_translated_by_their_text() -> None:
    assert values_of({"from": "c", "values": {"1": "one"}}, [1, 2]) == ["one", "2"]


def test_const_and_coalesce_and_concat() -> None:
    assert values_of({"const": "x"}, ["a"]) == ["x"]
    assert values_of({"coalesce": ["c", "d", {"const": "none"}]}, ["a", None, None], d=["b", "b", None]) == [
        *("a", "b", "none")
    ]
    assert values_of({"concat": ["c", "d"], "separator": "-"}, ["a", None, None], d=[1, 2, None]) == [
        "a-1",
        "2",
        None,
    ]


def test_coalesce_of_trimmed_parts_skips_blank_ones() -> None:
    assert values_of({"coalesce": [{"from": "c", "trim": True}, "d"]}, ["  ", "a"], d=["b", "b"]) == [
        "b",
        "a",
    ]


def test_coalesce_of_different_kinds_becomes_text() -> None:
    assert values_of({"coalesce": ["c", "d"]}, [None, 5], d=["b", "b"]) == ["b", "5"]


def test_key_writes_the_text_that_the_other_streams_records_have_as_key() -> None:
    assert values_of({"key": ["c", "d"]}, ["a~b", None], d=["50%", "x"], field="vendorKey") == [
        "a%7Eb~50%25",
        None,
    ]


def test_lookup_in_a_named_table_of_the_mapping() -> None:
    mapping = {"lookups": {"terms": {"30": "30 days"}}, "terms": {"from": "c", "lookup": "terms"}}

    assert map_page(mapping, page_of(c=["30", "14"])).records["terms"].to_pylist() == ["30 days", "14"]


def test_required_rejects_the_record_without_a_value() -> None:
    assert values_of({"from": "c", "required": True}, ["a", None]) == ["a", "reject:missing"]


def test_defaults_of_the_mapping_hold_for_every_value_that_does_not_say_otherwise() -> None:
    page = page_of(c=[" a "], d=[" b "], n=[1])
    mapping = {"defaults": {"trim": True}, "title": "c", "notes": {"from": "d", "trim": False}, "terms": "n"}

    record = map_page(mapping, page).records.to_pylist()[0]

    assert (record["title"], record["notes"], record["terms"]) == ("a", " b ", "1")


class TestStatus:
    SPEC: ClassVar = {"from": "c", "values": {"1": "approved"}}

    def test_the_code_is_kept_beside_the_status(self) -> None:
        record = map_page({"status": self.SPEC}, page_of(c=["1"])).records.to_pylist()[0]

        assert (record["status"], record["status_key"]) == ("approved", "1")

    def test_an_unknown_code_is_unknown_and_counted_and_never_a_reject(self) -> None:
        mapped = map_page({"status": self.SPEC}, page_of(c=["1", "9", None]))

        assert mapped.records["status"].to_pylist() == ["approved", "unknown", None]
        assert mapped.records["status_key"].to_pylist() == ["1", "9", None]
        assert mapped.unknown_statuses == 1
        assert not mapped.rejects

    def test_a_default_stands_for_unknown_codes(self) -> None:
        mapped = map_page({"status": {**self.SPEC, "default": "draft"}}, page_of(c=["9", None]))

        assert mapped.records["status"].to_pylist() == ["draft", "draft"]
        assert mapped.unknown_statuses == 0

    def test_without_values_the_source_must_say_a_status_of_the_model(self) -> None:
        mapped = map_page({"status": "c"}, page_of(c=["closed", "open"]))

        assert mapped.records["status"].to_pylist() == ["closed", "unknown"]

    def test_a_status_key_of_its_own_is_left_alone(self) -> None:
        mapped = map_page({"statusKey": "d", "status": self.SPEC}, page_of(c=["1"], d=["own"]))

        assert mapped.records["status_key"].to_pylist() == ["own"]

    def test_a_constant_status(self) -> None:
        assert values_of({"const": "closed"}, ["x"], field="status") == ["closed"]


@pytest.mark.parametrize("word", ["true", "T", " Yes", "y", "1", "X"])
def test_words_for_true(word: str) -> None:
    mapped = map_page(
        {"custom": {"flag": {"from": "c", "as": "boolean"}}}, page_of(c=[word, "0", "No", None, " "])
    )

    assert [row["flag"] for row in mapped.records["custom_fields"].to_pylist()] == [
        True,
        False,
        False,
        None,
        None,
    ]


def test_what_is_no_truth_value_is_a_reject() -> None:
    mapped = map_page({"custom": {"flag": {"from": "c", "as": "boolean"}}}, page_of(c=["perhaps"]))

    assert [(reject.reason, reject.field) for reject in mapped.rejects] == [
        ("not_a_boolean", "customFields.flag")
    ]


def test_integers_are_whole_or_rejects() -> None:
    page = page_of(c=["5", "-7", "5-", "2.0", "2.5", "0x10", "99999999999999999999", "", None])
    mapped = map_page({"custom": {"n": {"from": "c", "as": "integer"}}}, page)

    assert [row["n"] for row in mapped.records["custom_fields"].to_pylist()] == [5, -7, -5, 2, None, None]
    assert [reject.key for reject in mapped.rejects] == ["4", "5", "6"]
