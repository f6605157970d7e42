"""A mapping edited as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from agent.mapping.editing import EditFault, changes_to, editable, read_edited
from agent.mapping.overlay import Overlay, apply, changed
from agent.mapping.toml import map_table

TABLE: Mapping[str, Any] = {
    "orderNo": "po_no",
    "status": {"from": "state", "values": {"1": "approved"}},
    "deliveryAddress": {"city": "town", "country": "land"},
    "lineItems": {"lines": "items", "map": {"lineNo": "no", "quantity": {"from": "qty", "as": "decimal"}}},
    "custom": {"colour": "col", "a.b": "weird"},
    "defaults": {"trim": True},
}


def edited(text: str, table: Mapping[str, Any] = TABLE) -> tuple[EditFault, ...]:
    return read_edited(text, table, entity="purchase_order").faults


def test_what_is_shown_and_not_touched_changes_nothing() -> None:
    found = read_edited(editable(TABLE), TABLE, entity="purchase_order")

    assert found.faults == ()
    assert found.changes == ()


def test_a_table_pasted_from_a_connection_file_is_taken_with_its_headers() -> None:
    found = read_edited(map_table("orders", TABLE), TABLE, entity="purchase_order")

    assert (found.faults, found.changes) == ((), ())


def test_every_fault_is_named_with_its_line_and_not_the_first_alone() -> None:
    text = editable(TABLE).replace('orderNo = "po_no"', 'orderNumber = "po_no"').replace('"qty"', "7")
    text = text.replace('colour = "col"', 'colour = { form = "col" }')

    faults = edited(text)

    lines = text.splitlines()
    assert [(one.place, lines[one.line - 1].split(" ")[0]) for one in faults] == [
        ("orderNumber", "orderNumber"),
        ("lineItems.quantity", "quantity"),
        ("customFields.colour", "colour"),
    ]
    assert "Did you mean" in faults[0].hint


def test_what_is_no_toml_is_said_with_its_line() -> None:
    (fault,) = edited('orderNo = "po_no"\nstatus = state\n')

    assert fault.line == 2
    assert "not TOML" in fault.message


def test_a_text_that_ends_too_early_is_said_of_its_last_line() -> None:
    (fault,) = edited('orderNo = "po_no"\nlineItems = { lines = "items",\n')

    assert fault.line == 2


def test_a_fault_of_a_whole_list_is_said_once_and_of_the_list() -> None:
    (fault,) = edited(
        'orderNo = "a"\n[lineItems]\nlines = "items"\nwhen = "x"\n[lineItems.map]\nlineNo = "n"\nquantity = "q"\n'
    )

    assert (fault.place, fault.line) == ("lineItems", 2)


def test_a_default_that_is_wrong_is_not_blamed_on_every_field() -> None:
    faults = edited(editable(TABLE).replace("trim = true", 'trim = "yes"'))

    assert [one.place for one in faults] == ["defaults"]


def test_a_required_field_that_was_taken_out_is_missing() -> None:
    from agent.model.entities import ENTITIES

    required = next(
        (kind.name, field.alias)
        for kind in ENTITIES.values()
        for field in kind.fields
        if field.required and field.name != "key"
    )

    (fault,) = read_edited("", {}, entity=required[0]).faults

    assert required[1] in fault.message


@pytest.mark.parametrize(
    ("edit", "wanted"),
    [
        ({"orderNo": "other"}, [(("orderNo",), "set")]),
        ({"orderNo": None}, [(("orderNo",), "remove")]),
        ({"currency": {"const": "EUR"}}, [(("currency",), "set")]),
        ({"deliveryAddress": {"city": "town", "country": "nation"}}, [(("deliveryAddress", "country"), "set")]),
        ({"lineItems": {"lines": "other", "map": TABLE["lineItems"]["map"]}}, [(("lineItems", "lines"), "set")]),
        (
            {"lineItems": {"lines": "items", "map": {"lineNo": "no", "sku": "art"}}},
            [(("lineItems", "map", "quantity"), "remove"), (("lineItems", "map", "sku"), "set")],
        ),
        ({"lineItems": [{"lineNo": "n"}]}, [(("lineItems",), "set")]),
        ({"custom": None}, [(("custom", "colour"), "remove"), (("custom", "a.b"), "remove")]),
        ({"lookups": {"land": {"D": "DE"}}}, [(("lookups", "land"), "set")]),
        ({"defaults": {"trim": 1}}, [(("defaults", "trim"), "set")]),
    ],
)  # fmt: skip
def test_changes_are_as_small_as_a_version_keeps_them(edit: dict[str, Any], wanted: list[Any]) -> None:
    after = {name: value for name, value in {**TABLE, **edit}.items() if value is not None}

    changes = changes_to(TABLE, after, entity="purchase_order")

    assert [(one.path, one.action.value) for one in changes] == wanted
    made = apply(TABLE, changed(TABLE, Overlay(), changes))
    assert {name: value for name, value in made.items() if value != {}} == after
