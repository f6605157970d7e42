"""A record against its entity and its operation."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.commands.validation import find_faults, find_faults_of_status, needs_present_status
from drivers.contract import Operation, OperationKind

OPEN = ("draft", "approved")
FIELDS = (
    "title", "vendorKey", "vendorCode", "orderDate", "dueAt", "status", "totalNetValue", "totalTaxValue",
    "totalGrossValue", "shipmentAddress.city", "shipmentAddress.addressLines", "lineItems.key", "lineItems.lineNo",
    "lineItems.code", "lineItems.materialKey", "lineItems.quantity", "lineItems.price", "lineItems.priceUnit",
    "lineItems.discount", "lineItems.lineTotalValue", "customFields.project", "customFields.urgent",
)  # fmt: skip
CREATE = Operation(
    "orders",
    "purchase_order",
    OperationKind.CREATE,
    required=("title", "lineItems", "lineItems.quantity"),
    fields=FIELDS,
    any_of=(("vendorKey", "vendorCode"), ("lineItems.materialKey", "lineItems.code")),
)
UPDATE = Operation(
    "orders",
    "purchase_order",
    OperationKind.UPDATE,
    required=("lineItems.quantity",),
    fields=FIELDS,
    updatable_in={"title": ("draft",), "lineItems.price": OPEN, "lineItems.quantity": ("draft",)},
)
SET_STATUS = Operation(
    "orders",
    "purchase_order",
    OperationKind.SET_STATUS,
    required=("status",),
    fields=("status",),
    updatable_in={"status": OPEN},
    statuses=("approved", "closed"),
)


def order(**changes: Any) -> dict[str, Any]:
    return {"title": "t", "vendorKey": "V1", "lineItems": [{"code": "I1", "quantity": "1"}], **changes}


def line(**changes: Any) -> dict[str, Any]:
    return {"code": "I1", "quantity": "2", **changes}


def found(operation: Operation, record: Any) -> dict[str, str]:
    return {fault.field: fault.code for fault in find_faults(operation, record)}


def test_a_whole_order_has_no_faults():
    whole = order(
        orderDate="2026-02-28",
        dueAt="2026-02-28T12:00:00.123456+01:00",
        status="draft",
        totalNetValue="22.99",
        totalTaxValue="-0.01",
        totalGrossValue="22.98",
        shipmentAddress={"city": "Hamburg", "addressLines": ["Tor 3", ""]},
        lineItems=[
            line(key="1", lineNo="10", price="10.50", lineTotalValue="21.00"),
            line(key="2", lineNo="20", price="1", discount="0.01", lineTotalValue="1.99"),
        ],
        customFields={"project": "P-1", "urgent": True},
    )

    assert find_faults(CREATE, whole) == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"colour": "red"}, {"colour": "unknown_field"}),
        ({"Title": "x"}, {"Title": "unknown_field"}),
        ({"notes": "x"}, {"notes": "not_writable"}),
        ({"key": "4711"}, {"key": "not_writable"}),
        ({"title": None}, {"title": "required"}),
        ({"title": 17}, {"title": "not_a_text"}),
        ({"title": "a\0b"}, {"title": "bad_character"}),
        ({"title": "a" * 40_000}, {"title": "too_long"}),
        ({"orderDate": "2026-02-30"}, {"orderDate": "not_a_date"}),
        ({"orderDate": "20260228"}, {"orderDate": "not_a_date"}),
        ({"orderDate": 5}, {"orderDate": "not_a_date"}),
        ({"dueAt": "2026-02-28"}, {"dueAt": "not_a_moment"}),
        ({"dueAt": "2026-02-28T12:00:00"}, {"dueAt": "not_a_moment"}),
        ({"dueAt": "2026-02-28T25:00:00Z"}, {"dueAt": "not_a_moment"}),
        ({"dueAt": "2026-02-28T12:00:00.1234567Z"}, {"dueAt": "not_a_moment"}),
        ({"status": "unknown"}, {"status": "unknown_status"}),
        ({"status": "done"}, {"status": "unknown_status"}),
        ({"vendorKey": None}, {"vendorKey": "required"}),
        ({"vendorKey": None, "vendorCode": "17"}, {}),
        ({"lineItems": []}, {"lineItems": "required"}),
        ({"lineItems": None}, {"lineItems": "required"}),
        ({"lineItems": "none"}, {"lineItems": "not_a_list"}),
        ({"lineItems": [line(), "x"]}, {"lineItems[1]": "not_an_object"}),
        ({"lineItems": [line(quantity=None)]}, {"lineItems[0].quantity": "required"}),
        ({"lineItems": [{"quantity": "1"}]}, {"lineItems[0].materialKey": "required"}),
        ({"lineItems": [line(colour="red")]}, {"lineItems[0].colour": "unknown_field"}),
        ({"lineItems": [line(notes="x")]}, {"lineItems[0].notes": "not_writable"}),
        ({"lineItems": [line(lineNo="10"), line(lineNo="10")]}, {"lineItems[1].lineNo": "repeated"}),
        ({"lineItems": [line()] * 2_001}, {"lineItems": "too_long"}),
        ({"shipmentAddress": "Hamburg"}, {"shipmentAddress": "not_an_object"}),
        ({"shipmentAddress": {"country": "DE"}}, {"shipmentAddress.country": "not_writable"}),
        ({"shipmentAddress": {"addressLines": "Tor 3"}}, {"shipmentAddress.addressLines": "not_a_list"}),
        ({"shipmentAddress": {"addressLines": [None]}}, {"shipmentAddress.addressLines": "not_a_text"}),
        ({"customFields": []}, {"customFields": "not_an_object"}),
        ({"customFields": {"budget": "1"}}, {"customFields.budget": "not_writable"}),
        ({"customFields": {"project": 1.5}}, {"customFields.project": "not_a_decimal"}),
        ({"customFields": {"project": {"$groundwire": ["date", "x"]}}}, {"customFields.project": "not_a_text"}),
        ({"customFields": {"project": 2**60}}, {"customFields.project": "not_a_number"}),
    ],
)  # fmt: skip
def test_each_wrong_field_is_named_with_what_is_wrong(changes, expected):
    assert found(CREATE, order(**changes)) == expected


@pytest.mark.parametrize(
    "value", ["1.1", "0", "-0.01", "1.10", "123456789012345678901234567890.12345678", "0.0000000001"]
)
def test_an_amount_is_a_text_of_digits(value):
    assert found(CREATE, order(lineItems=[line(quantity=value)])) == {}


@pytest.mark.parametrize(
    "value",
    [
        1.1,
        1,
        True,
        "1,1",
        "1e3",
        "+1",
        "01",
        ".5",
        "5.",
        "",
        " 1",
        "\u0661",
        "NaN",
        "1" * 39,
        ["1"],
        {"a": "1"},
    ],
)
def test_anything_else_is_no_amount(value):
    (fault,) = find_faults(CREATE, order(lineItems=[line(quantity=value)]))

    assert fault.field == "lineItems[0].quantity"
    assert fault.code in {"not_a_decimal", "too_many_digits"}


def test_a_number_with_a_fraction_is_told_why():
    (fault,) = find_faults(CREATE, order(lineItems=[line(price=0.1)]))

    assert "loses digits" in fault.message


def test_everything_is_found_at_once_and_in_the_same_order_whatever_the_order_of_the_record():
    wrong = {
        "lineItems": [line() for _ in range(10)] + [{"price": 1.5, "colour": 1}],
        "title": 5,
        "colour": "red",
        "totalNetValue": "1",
        "totalTaxValue": "1",
        "totalGrossValue": "1",
    }
    wrong["lineItems"][2] = {"code": "I1"}
    expected = [
        "colour",
        "lineItems[2].quantity",
        "lineItems[10].colour",
        "lineItems[10].materialKey",
        "lineItems[10].price",
        "lineItems[10].quantity",
        "title",
        "totalGrossValue",
        "vendorKey",
    ]

    assert [fault.field for fault in find_faults(CREATE, wrong)] == expected
    backwards = dict(reversed(wrong.items()))
    assert [fault.field for fault in find_faults(CREATE, backwards)] == expected


def test_an_update_needs_only_what_is_to_change_and_null_empties_a_field():
    assert found(UPDATE, {"title": None}) == {}
    assert found(UPDATE, {"vendorKey": None}) == {}
    assert found(UPDATE, {"lineItems": [{"lineNo": "10", "quantity": "2"}]}) == {}
    assert found(UPDATE, {"lineItems": [{"lineNo": "10"}]}) == {"lineItems[0].quantity": "required"}
    assert found(UPDATE, {}) == {"": "nothing_to_change"}


def test_a_custom_field_that_is_needed_is_needed_of_an_object_that_is_given_or_of_the_record():
    of_the_object = replace(CREATE, required=("customFields.project",))
    of_the_record = replace(CREATE, required=("customFields", "customFields.project"))
    without, with_another = order(), order(customFields={"urgent": True})

    assert found(of_the_object, without) == {}
    assert found(of_the_record, without) == {"customFields": "required"}
    for operation in (of_the_object, of_the_record):
        assert found(operation, with_another) == {"customFields.project": "required"}
        assert found(operation, order(customFields={"project": "P-1"})) == {}


def test_what_the_entity_always_has_cannot_be_emptied():
    update = Operation("v", "vendor", OperationKind.UPDATE, fields=("name", "phone", "addresses.city"))

    assert found(update, {"name": None, "phone": None}) == {"name": "required"}
    assert found(update, {"addresses": None}) == {"addresses": "required"}
    assert found(update, {"addresses": [{"city": None}]}) == {}


def test_a_status_is_one_of_the_entity_and_one_that_can_be_set():
    assert found(SET_STATUS, {"status": "closed"}) == {}
    assert found(SET_STATUS, {"status": "draft"}) == {"status": "status_not_settable"}
    assert found(SET_STATUS, {"status": "Closed"}) == {"status": "unknown_status"}
    assert found(SET_STATUS, {}) == {"status": "required"}


def test_an_entity_without_an_enumeration_takes_the_statuses_of_its_system():
    retire = Operation(
        "a", "asset", OperationKind.SET_STATUS, ("status",), ("status",), statuses=("RETD", "INST")
    )

    assert found(retire, {"status": "RETD"}) == {}
    assert found(retire, {"status": "retired"}) == {"status": "status_not_settable"}


def test_a_deletion_takes_nothing_but_its_key():
    delete = Operation("orders", "purchase_order", OperationKind.DELETE)

    assert found(delete, {}) == {}
    assert found(delete, {"title": "x"}) == {"title": "not_writable"}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"totalNetValue": "3", "lineItems": [line(lineTotalValue="1"), line(lineTotalValue="2.00")]}, {}),
        ({"totalNetValue": "3.01", "lineItems": [line(lineTotalValue="1"), line(lineTotalValue="2")]}, {"totalNetValue": "contradicts_lines"}),
        ({"lineItems": [line(price="3.33", lineTotalValue="6.66")]}, {}),
        ({"lineItems": [line(price="3.335", quantity="1", lineTotalValue="3.34")]}, {}),
        ({"lineItems": [line(price="3.335", quantity="1", lineTotalValue="3.35")]}, {"lineItems[0].lineTotalValue": "contradicts_lines"}),
        ({"lineItems": [line(price="10", quantity="1", priceUnit="3", lineTotalValue="3.33")]}, {}),
        ({"lineItems": [line(price="10", quantity="1", priceUnit="3", lineTotalValue="3.35")]}, {"lineItems[0].lineTotalValue": "contradicts_lines"}),
        ({"lineItems": [line(price="-10", quantity="1", priceUnit="3", lineTotalValue="-3.33")]}, {}),
        ({"lineItems": [line(price="10", priceUnit="0", lineTotalValue="3.35")]}, {}),
        ({"totalNetValue": "20", "lineItems": [line(price="10"), line()]}, {}),
        ({"totalNetValue": "40", "lineItems": [line(price="10"), line(price="10")]}, {}),
        ({"totalNetValue": "42", "lineItems": [line(price="10"), line(price="10")]}, {"totalNetValue": "contradicts_lines"}),
        ({"totalNetValue": "10.01", "totalTaxValue": "1.9", "totalGrossValue": "11.91"}, {}),
        ({"totalNetValue": "10.01", "totalTaxValue": "1.9", "totalGrossValue": "11.92"}, {"totalGrossValue": "contradicts_lines"}),
    ],
)  # fmt: skip
def test_totals_agree_with_the_lines(record, expected):
    assert found(CREATE, order(**record)) == expected


def test_the_lines_of_an_update_need_not_be_all_of_the_record():
    assert found(UPDATE, {"totalNetValue": "99", "lineItems": [line(lineTotalValue="1")]}) == {}


def test_fields_that_the_present_status_protects_are_named_and_the_status_is_not():
    record = {"title": "x", "vendorKey": "V2", "lineItems": [line(), line(price="1")]}

    assert needs_present_status(UPDATE, record)
    assert not needs_present_status(UPDATE, {"vendorKey": "V2"})
    assert find_faults_of_status(UPDATE, record, "draft") == ()
    faults = find_faults_of_status(UPDATE, record, "approved")
    assert [fault.field for fault in faults] == ["lineItems[0].quantity", "lineItems[1].quantity", "title"]
    assert {fault.code for fault in faults} == {"not_updatable"}
    assert "approved" not in "".join(fault.message for fault in faults)
    assert len(find_faults_of_status(UPDATE, record, None)) == 4


def test_emptying_a_list_changes_all_that_lies_in_it():
    assert needs_present_status(UPDATE, {"lineItems": []})
    assert find_faults_of_status(UPDATE, {"lineItems": []}, "draft") == ()
    assert [fault.field for fault in find_faults_of_status(UPDATE, {"lineItems": []}, "approved")] == [
        "lineItems"
    ]


def test_a_status_can_be_set_from_some_statuses_only():
    assert find_faults_of_status(SET_STATUS, {"status": "closed"}, "draft") == ()
    assert find_faults_of_status(SET_STATUS, {"status": "closed"}, "cancelled") != ()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(["1.5", "draft"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["title", "lineItems", "quantity", "lineTotalValue", "shipmentAddress", "city", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*FIELDS, "lineItems", "shipmentAddress", "customFields"]), JSON))
def test_whatever_comes_is_judged_without_being_changed_and_with_one_fault_per_field(record):
    before = orjson.dumps(record)
    for operation in (CREATE, UPDATE, SET_STATUS):
        faults = find_faults(operation, record)
        assert len({fault.field for fault in faults}) == len(faults)
        needs_present_status(operation, record)
        find_faults_of_status(operation, record, "draft")
    assert orjson.dumps(record) == before


@given(
    st.lists(
        st.tuples(
            st.decimals("-1000000", "1000000", places=3),
            st.decimals("-1000000", "1000000", places=4),
            st.integers(1, 1000),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_lines_rounded_to_cents_and_their_exact_sum_never_contradict(amounts):
    lines, total = [], Decimal(0)
    for quantity, price, per in amounts:
        rounded = (quantity * price / per).quantize(Decimal("0.01"))
        total += rounded
        lines.append(
            line(
                quantity=f"{quantity:f}".replace("-0.000", "0"),
                price=f"{price:f}".replace("-0.0000", "0"),
                priceUnit=str(per),
                lineTotalValue=f"{rounded:f}".replace("-0.00", "0"),
            )
        )
    record = order(lineItems=lines, totalNetValue=f"{total:f}".replace("-0.00", "0"))

    assert [fault for fault in find_faults(CREATE, record) if fault.code == "contradicts_lines"] == []
