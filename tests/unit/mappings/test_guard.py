from __future__ import annotations

from typing import Any

import pytest

from agent.mapping.compile import CompiledMapping, compile_mapping
from agent.mappings.guard import KeptHere, guard
from agent.policy.leave import LeaveFilter, compile_leave
from agent.policy.model import LeaveRule

BASE: dict[str, Any] = {
    "orderNo": "no",
    "vendorKey": "vendor",
    "vendorName": "vendor_name",
    "notes": "salary",
    "organizationKey": "org",
    "status": {"from": "state", "values": {"1": "draft"}},
    "deliveryAddress": {"city": "city"},
    "custom": {"project": "project", "margin": "margin"},
    "lineItems": {"lines": "lines", "map": {"quantity": "qty", "price": "price"}},
}


def mapped(table: dict[str, Any]) -> CompiledMapping:
    return compile_mapping(table, entity="purchase_order", where="erp/orders")


def policy(**rule: Any) -> LeaveFilter:
    return compile_leave(LeaveRule.model_validate({"fields": "all", **rule}), "purchase_order", b"key")


def refused(leave: LeaveFilter, table: dict[str, Any], before: dict[str, Any] = BASE) -> tuple[str, ...]:
    try:
        guard(leave, mapped(BASE), mapped(before), mapped(table))
    except KeptHere as error:
        return error.fields
    return ()


def lines(**members: Any) -> dict[str, Any]:
    return {**BASE, "lineItems": {"lines": "lines", "map": members}}


@pytest.mark.parametrize(
    ("rule", "table", "field"),
    [
        ({"except": ["notes"]}, {**BASE, "title": "salary"}, "title"),
        ({"except": ["notes"]}, {**BASE, "custom": {**BASE["custom"], "x": "salary"}}, "customFields.x"),
        ({"except": ["notes"]}, {**BASE, "title": {"coalesce": ["no", "salary"]}}, "title"),
        ({"except": ["notes"]}, {**BASE, "title": {"concat": ["no", "salary"]}}, "title"),
        ({"mask": ["vendorName"]}, {**BASE, "vendorKey": "vendor_name"}, "vendorKey"),
        ({"hash": ["vendorKey"]}, {**BASE, "vendorName": "vendor"}, "vendorName"),
        ({"except": ["customFields.margin"]}, {**BASE, "title": "margin"}, "title"),
        ({"except": ["deliveryAddress"]}, {**BASE, "title": "city"}, "title"),
        ({"except": ["lineItems.price"]}, lines(quantity="qty", price="price", notes="price"), "lineItems.notes"),
        ({"except": ["lineItems.price"]}, {**BASE, "title": {"lookup": {"lines": "lines", "take": "price"}}}, "title"),
        # How many lines have a value, and what they come to, tells the value.
        ({"except": ["lineItems.price"]}, {**BASE, "custom": {**BASE["custom"], "n": {"count": "lines", "where": {"price": "9"}}}},
         "customFields.n"),
        ({"except": ["lineItems.price"]}, {**BASE, "totalNetValue": {"sum": "lines", "of": "qty", "where": {"price": "9"}}},
         "totalNetValue"),
        ({"except": ["status"]}, {**BASE, "title": "state"}, ""),
        ({"except": ["status", "statusKey"]}, {**BASE, "title": "state"}, "title"),
    ],
)  # fmt: skip
def test_a_column_that_the_policy_keeps_does_not_leave_under_another_name(
    rule: dict[str, Any], table: dict[str, Any], field: str
) -> None:
    assert refused(policy(**rule), table) == ((field,) if field else ())
    assert refused(policy(), table) == (), "where everything leaves there is nothing to guard"


@pytest.mark.parametrize(
    ("rule", "table", "field"),
    [
        # Constants against a hash would tell which values have which hash.
        ({"hash": ["vendorKey"]}, {**BASE, "vendorKey": {"const": "4711"}}, "vendorKey"),
        ({"hash": ["title"]}, {**BASE, "title": {"const": "4711"}}, "title"),
        # One change hides what a column is for, and the next takes it.
        (
            {"except": ["notes"]},
            {name: spec for name, spec in BASE.items() if name != "notes"},
            "notes",
        ),
        ({"mask": ["vendorName"]}, {**BASE, "vendorName": {"from": "vendor_name", "trim": True}}, "vendorName"),
        # Which records leave is the policy's to say.
        ({"rows": {"organizationKey": ["1"]}}, {**BASE, "organizationKey": {"const": "1"}}, "organizationKey"),
        ({"rows": {"customFields.project": ["p"]}}, {**BASE, "custom": {**BASE["custom"], "project": {"const": "p"}}},
         "customFields.project"),
    ],
)  # fmt: skip
def test_what_the_policy_keeps_alters_or_chooses_by_is_not_made_otherwise(
    rule: dict[str, Any], table: dict[str, Any], field: str
) -> None:
    assert refused(policy(**rule), table) == (field,)


def test_a_rule_that_is_shared_guards_what_it_is_used_for() -> None:
    before = {**BASE, "organizationKey": {"from": "org", "lookup": "orgs"}, "lookups": {"orgs": {"1": "a"}}}

    changed = {**before, "lookups": {"orgs": {"1": "a", "2": "a"}}}

    assert refused(policy(rows={"organizationKey": ["a"]}), changed, before) == ("organizationKey",)


def test_everything_else_may_be_changed() -> None:
    leave = policy(**{"except": ["notes"], "hash": ["vendorKey"], "rows": {"organizationKey": ["1"]}})
    table = {**BASE, "title": "remark", "vendorName": {"from": "vendor_name", "trim": True}}
    table["custom"] = {"project": "other"}

    assert refused(leave, table) == ()
    assert refused(leave, BASE, before=table) == ()


def test_a_column_that_leaves_openly_too_may_be_used_again() -> None:
    before = {**BASE, "title": "salary"}  # somebody at the host said so

    leave = policy(**{"except": ["notes"]})

    assert refused(leave, {**before, "vendorName": "salary"}, before) == ()


def test_what_the_file_keeps_is_kept_also_where_a_change_at_the_host_hides_it() -> None:
    before = {name: spec for name, spec in BASE.items() if name != "notes"}

    assert refused(policy(**{"except": ["notes"]}), {**before, "title": "salary"}, before) == ("title",)


def test_with_a_list_of_fields_what_it_does_not_name_is_kept() -> None:
    leave = policy(fields=["orderNo", "customFields.project"])

    assert refused(leave, {**BASE, "custom": {**BASE["custom"], "project": "salary"}}) == (
        "customFields.project",
    )
    assert refused(leave, {**BASE, "custom": {**BASE["custom"], "project": "new_column"}}) == ()
