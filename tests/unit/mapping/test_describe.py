from __future__ import annotations

from typing import Any

import pytest

from agent.mapping.compile import compile_mapping
from agent.mapping.describe import FieldLine, FromWhere, MappingView, describe, sample_of
from agent.mapping.form import form_of
from agent.mapping.overlay import Action, Change, Overlay, apply, changed

BASE = {
    "orderNo": "no",
    "notes": "remarks",
    "lineItems": {"lines": "items", "map": {"lineNo": {"from": "pos", "strip_zeros": True}}},
    "custom": {"project": "x_project"},
}


def view(*changes: Change, base: dict[str, Any] | None = None, columns: tuple[str, ...] = ()) -> MappingView:
    overlay = changed(base or BASE, Overlay(), changes)
    table = apply(base or BASE, overlay)
    compiled = compile_mapping(table, entity="purchase_order", where="erp/orders")
    return describe("purchase_order", table, overlay, compiled, columns, base=base or BASE)


def line(found: MappingView, field: str) -> FieldLine:
    (one,) = (each for each in found.lines if each.field == field)
    return one


def test_every_field_of_the_entity_has_a_line_whether_it_is_mapped_or_not() -> None:
    found = view()

    assert line(found, "orderNo").toml == '"no"'
    assert line(found, "orderNo").required
    assert (line(found, "dueAt").toml, line(found, "dueAt").origin) == (None, FromWhere.NOWHERE)
    assert line(found, "shipmentAddress.city").kind == "string"
    assert line(found, "lineItems.quantity").kind == "decimal"
    assert line(found, "createdAt").kind == "timestamp"


def test_a_column_of_a_line_set_is_named_with_its_set() -> None:
    assert line(view(), "lineItems.lineNo").columns == ("items.pos",)


def test_a_line_says_whether_the_file_or_a_change_decides_it() -> None:
    found = view(
        Change(("title",), spec="t"),
        Change(("notes",), Action.REMOVE),
        Change(("custom", "region"), spec="r"),
    )

    origins = {each.field: each.origin for each in found.lines if each.origin}
    assert origins["orderNo"] is FromWhere.FILE
    assert origins["title"] is FromWhere.CHANGED
    assert origins["notes"] is FromWhere.REMOVED
    assert origins["customFields.project"] is FromWhere.FILE
    assert origins["customFields.region"] is FromWhere.CHANGED


def test_what_the_file_says_stands_beside_a_change() -> None:
    found = view(
        Change(("title",), spec="t"),
        Change(("notes",), Action.REMOVE),
        Change(("lineItems", "lines"), spec="i"),
    )

    assert (line(found, "title").file, line(found, "notes").file) == (None, '"remarks"')
    assert line(found, "orderNo").file is None, "nothing covers it"
    whole = view(Change(("lineItems",), spec={"lines": "i", "map": {"lineNo": "n"}}))
    assert line(whole, "lineItems").file == '{ lines = "items" }'
    assert line(whole, "lineItems.lineNo").file == '{ from = "pos", strip_zeros = true }'


def test_columns_that_no_field_uses_are_listed() -> None:
    found = view(columns=("no", "remarks", "x_project", "x_new", "items.pos", "items.colour"))

    assert found.unused == ("x_new", "items.colour")


def test_a_mapping_that_does_not_compile_is_still_shown() -> None:
    found = describe("purchase_order", {"orderNo": {"frm": "no"}}, Overlay(), None, ("no",))

    assert line(found, "orderNo").toml == '{ frm = "no" }'
    assert found.unused == ("no",)


@pytest.mark.parametrize(
    ("field", "spec", "words"),
    [
        ("title", "c", "as it is"),
        ("title", {"from": "c", "trim": True, "upper": True}, "trimmed; in upper case"),
        ("title", {"const": "x"}, 'always "x"'),
        ("title", {"coalesce": ["a", {"const": "b"}]}, 'the first that is there of a, "b"'),
        ("title", {"concat": ["a", "b"], "separator": "-"}, 'a, b joined with "-"'),
        ("vendorKey", {"key": ["a", "b"]}, "as the key of the record it names"),
        ("totalNetValue", {"sum": "items", "of": "x"}, "the sum over items"),
        (
            "totalNetValue",
            {"from": "c", "decimal_separator": ",", "thousands": ".", "scale": 2},
            "written with , before the decimals; . between thousands; at most 2 decimals",
        ),
        (
            "dueAt",
            {"from": "c", "date": "yyyymmdd", "time": "t", "zone": "Europe/Berlin", "empty_dates": True},
            "read as yyyymmdd; with the time of t; in Europe/Berlin; an empty date is none",
        ),
        ("status", {"from": "c", "values": {"A": "approved"}}, "1 code translated, any other is unknown"),
        ("terms", {"from": "c", "values": {"A": "a", "B": "b"}}, "2 codes translated, any other is kept"),
        ("terms", {"from": "c", "default": "none"}, 'else "none"'),
        (
            "vendorKey",
            {"lookup": {"lines": "items", "match": "m", "equals": "LF", "take": "t"}},
            't of the first line of items whose m is "LF"',
        ),
    ],
)
def test_what_is_done_to_a_value_is_said_in_words(field: str, spec: Any, words: str) -> None:
    found = view(base={**BASE, field: spec})

    assert line(found, field).words == words


def test_a_sample_is_found_under_the_name_of_its_field() -> None:
    document = {
        "orderNo": "1",
        "shipmentAddress": {"city": "Bonn"},
        "lineItems": [{"quantity": "2"}, {"quantity": "3"}],
        "customFields": {"a.b": 4},
    }

    assert sample_of(document, "orderNo") == "1"
    assert sample_of(document, "shipmentAddress.city") == "Bonn"
    assert sample_of(document, "lineItems.quantity") == "2"
    assert sample_of(document, "customFields.a.b") == 4
    assert sample_of(document, "billingAddress.city") is None
    assert sample_of({"lineItems": []}, "lineItems.quantity") is None


def form(table: dict[str, Any], *rules: Any) -> str:
    return form_of(compile_mapping(table, entity="purchase_order", where="x"), *rules)


def test_the_form_is_equal_for_mappings_that_say_the_same() -> None:
    assert form(BASE) == form(dict(reversed(BASE.items())))
    assert form(BASE) == form({**BASE, "orderNo": {"from": "no"}})
    codes = {"A": "approved", "C": "closed"}
    assert form({**BASE, "status": {"from": "s", "values": codes}}) == form(
        {**BASE, "status": {"from": "s", "values": dict(reversed(codes.items()))}}
    )


@pytest.mark.parametrize(
    "table",
    [
        {**BASE, "orderNo": {"from": "no", "trim": True}},
        {**BASE, "title": "t"},
        {**BASE, "custom": {"other": "x_project"}},
        {**BASE, "defaults": {"trim": True}},
        {**BASE, "lineItems": {"lines": "items", "map": {"lineNo": "pos"}}},
    ],
)
def test_the_form_differs_where_records_would(table: dict[str, Any]) -> None:
    assert form(table) != form(BASE)


def test_what_the_policy_lets_leave_is_part_of_the_form() -> None:
    assert form(BASE, ("all",)) != form(BASE, ("some",))


def test_a_mapping_that_says_nothing_new_keeps_the_form_that_it_has_always_had() -> None:
    """Else an upgrade would offer to map every record again, to the same."""
    table = {
        "orderNo": "no",
        "totalNetValue": {"sum": "lines", "of": "net"},
        "custom": {"n": {"count": "lines"}},
    }
    chosen = {**table, "custom": {"n": {"count": "lines", "where": {"kind": "2"}}}}

    assert form(table) == "1713fec6f4aa57f1"
    assert form(chosen) != form(table)
