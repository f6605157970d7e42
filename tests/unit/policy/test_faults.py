from __future__ import annotations

from typing import Any

import pytest

from agent.model.entities import ENTITIES
from agent.policy.faults import faults
from agent.policy.model import PolicyFile
from agent.policy.names import fields_of


def found(leave: dict[str, Any] | None = None, write: dict[str, Any] | None = None, **more: Any) -> list[str]:
    rule = {"leave": {"purchase_order": leave or {}}, "write": {"purchase_order": write or {}}, **more}
    return [
        f"{'.'.join(map(str, fault.path))}: {fault.message} {fault.hint}"
        for fault in faults(PolicyFile.model_validate({"connections": {"erp": rule}}))
    ]


@pytest.mark.parametrize(
    "name",
    [
        "orderno",
        "OrderNo",
        "order_no",
        "orderNo ",
        " orderNo",
        "orderNo*",
        "order*",
        "*",
        "?rderNo",
        "\u043erderNo",  # a Cyrillic o
        "orderNo\u200b",
        "orde\uff52No",  # a wide r
        "lineItems.",
        ".lineItems",
        "lineItems.*",
        "lineItems..quantity",
        "lineItems.quantity.x",
        "lineItems/quantity",
        "lineItems%2equantity",
        "%2e%2e",
        "..",
        "customFields.",
        "customfields.project",
        "all",
        "raw",
        "",
    ],
)
@pytest.mark.parametrize("key", ["fields", "except", "mask", "hash"])
def test_a_name_that_is_not_letter_by_letter_the_model_s_is_refused(key: str, name: str) -> None:
    (fault,) = [one for one in found({key: [name]}) if f".{key}:" in one][:1]
    assert fault.startswith(f"connections.erp.leave.purchase_order.{key}:")


def test_the_nearest_right_name_is_said() -> None:
    assert "lineItems.quantity" in found({"fields": ["lineItems.quantty"]})[0]
    assert "orderNo" in found({"fields": ["ORDERNO"]})[0]
    assert "purchase_order" in str(faults_of_entity("purchase_orders"))
    assert "read_record" in found(commands=["read_records"])[0]


def faults_of_entity(name: str) -> list[Any]:
    return list(faults(PolicyFile.model_validate({"connections": {"erp": {"leave": {name: {}}}}})))


@pytest.mark.parametrize("entity", sorted(ENTITIES))
def test_every_field_of_the_model_can_be_named(entity: str) -> None:
    rule = {"fields": list(fields_of(ENTITIES[entity])), "except": ["notes", "customFields.a.b"]}
    assert not list(faults(PolicyFile.model_validate({"connections": {"erp": {"leave": {entity: rule}}}})))


@pytest.mark.parametrize("name", ["key", "sourceKey", "contentHash"])
@pytest.mark.parametrize("key", ["except", "mask", "hash"])
def test_what_always_leaves_cannot_be_held_back(key: str, name: str) -> None:
    assert "always leaves" in found({"fields": "all", key: [name]})[0]


@pytest.mark.parametrize(
    "name", ["quantity", "totalNetValue", "lineItems", "status", "billingAddress.addressLines", "dueAt"]
)
def test_only_a_free_text_has_a_hash(name: str) -> None:
    assert found({"fields": "all", "hash": [name]})


@pytest.mark.parametrize(
    "name", ["lineItems.name", "totalNetValue", "billingAddress", "customFields", "organizationkey"]
)
def test_rows_are_chosen_by_a_text_of_the_record_itself(name: str) -> None:
    assert found({"fields": "all", "rows": {name: ["1"]}})


def test_rows_may_be_chosen_by_texts_of_objects_and_custom_fields() -> None:
    rows = {"billingAddress.city": ["x"], "customFields.plant": ["1"], "key": ["K"], "status": ["approved"]}
    assert found({"fields": "all", "rows": rows}) == []


@pytest.mark.parametrize("more", [{"except": ["notes"]}, {"mask": ["notes"]}, {"hash": ["notes"]}])
def test_the_source_record_does_not_leave_past_the_other_keys(more: dict[str, Any]) -> None:
    assert found({"fields": "all", "raw": True}) == []
    assert "raw = true goes with" in found({"fields": "all", "raw": True, **more})[0]
    assert found({"fields": ["notes"], "raw": True})


def test_a_limit_on_amounts_needs_an_entity_that_has_them() -> None:
    file = {"connections": {"erp": {"write": {"vendor": {"max_amount": {"EUR": "1"}}}}}}
    assert "has no amount" in next(faults(PolicyFile.model_validate(file))).message


@pytest.mark.parametrize(
    "write", [{"operations": ["Create"]}, {"statuses": ["approvd"]}, {"fields": ["order"]}]
)
def test_operations_statuses_and_fields_of_writes_are_exact_too(write: dict[str, Any]) -> None:
    assert found(write=write)


def test_a_name_that_no_connection_can_have_is_refused() -> None:
    assert list(faults(PolicyFile.model_validate({"connections": {"erp*": {}}})))
    assert list(faults(PolicyFile.model_validate({"commands": ["sync"]})))


@pytest.mark.parametrize("name", ["all", "*"])
def test_everything_is_named_without_brackets(name: str) -> None:
    (fault,) = found({"fields": [name]})
    assert 'fields = "all", without brackets' in fault


def test_a_command_in_the_wrong_place_is_told_its_place() -> None:
    (of_agent,) = found(commands=["cancel"])
    whole = faults(PolicyFile.model_validate({"commands": ["sync"]}))
    assert "above all tables" in of_agent
    assert "[connections.NAME]" in next(whole).hint
