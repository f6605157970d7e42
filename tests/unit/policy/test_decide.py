from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from agent.model.entities import ENTITIES, Entity
from agent.policy.decide import decide_command, decide_write, field_allowed
from agent.policy.model import Policy, PolicyFile, WriteRule
from agent.policy.names import fields_of

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
ORDER = {
    "orderNo": "4711",
    "currencyKey": "EUR",
    "lineItems": [{"quantity": "2", "price": "10.00"}],
}


def policy_of(commands: list[str] | None = None, quiet: list[str] | None = None, **write: Any) -> Policy:
    rule = {
        "operations": ["create", "update", "set_status", "delete"],
        "fields": "all",
        "statuses": ["approved"],
        **write,
    }
    connection: dict[str, Any] = {
        "commands": ["create", "update", "set_status", "delete", "sync"] if commands is None else commands,
        "quiet_hours": quiet or [],
        "time_zone": "Europe/Berlin",
        "write": {"purchase_order": rule, "vendor": {"operations": ["create"], "fields": "all"}},
    }
    return Policy(PolicyFile.model_validate({"commands": ["cancel"], "connections": {"erp": connection}}))


def write(policy: Policy, record: Any = ORDER, operation: str = "create", **more: Any) -> str:
    count = more.pop("count", 0)
    entity = more.pop("entity", "purchase_order")
    return decide_write(policy, "erp", entity, operation, record, NOON, count, **more).code


def test_a_command_that_is_named_is_taken() -> None:
    assert decide_command(policy_of(), "erp", "sync", NOON).allowed


@pytest.mark.parametrize(
    "name",
    [
        "Sync",
        "sync ",
        " sync",
        "s\u0443nc",
        "syn",
        "sync*",
        "*",
        "s?nc",
        "..",
        "sync/..",
        "%73ync",
        "sync\x00",
        "resync",
        "",
    ],
)
def test_only_the_same_text_is_a_command_s_name(name: str) -> None:
    assert decide_command(policy_of(), "erp", name, NOON).code == "not_allowed"


@pytest.mark.parametrize("pattern", ["*", "s*", "sync*", ".*", "syn?", "[a-z]+", "all"])
def test_a_pattern_in_the_file_is_no_pattern(pattern: str) -> None:
    assert not decide_command(policy_of(commands=[pattern]), "erp", "sync", NOON).allowed
    assert not decide_command(policy_of(commands=[pattern]), "erp", pattern, NOON).allowed


@pytest.mark.parametrize("connection", ["ERP", "erp ", "erp/..", "\u0435rp", "er", "*"])
def test_only_the_same_text_is_a_connection_s_name(connection: str) -> None:
    assert not decide_command(policy_of(), connection, "sync", NOON).allowed
    assert not decide_write(policy_of(), connection, "purchase_order", "create", ORDER, NOON, 0).allowed


def test_without_a_policy_nothing_is_allowed() -> None:
    for policy in (Policy.nothing(), Policy.nothing("policy.toml:3: is not TOML")):
        assert not decide_command(policy, "erp", "sync", NOON).allowed
        assert not decide_command(policy, "", "diagnostics", NOON).allowed
        assert write(policy) == "not_allowed"


def test_what_concerns_the_whole_agent_is_named_at_the_top() -> None:
    assert decide_command(policy_of(), "", "cancel", NOON).allowed
    assert not decide_command(policy_of(), "", "diagnostics", NOON).allowed
    assert not decide_command(policy_of(), "", "sync", NOON).allowed


def test_quiet_hours_are_those_of_the_site_s_clock() -> None:
    # 12:00 UTC is 14:00 in Berlin in summer.
    assert decide_command(policy_of(quiet=["14:00-15:00"]), "erp", "sync", NOON).code == "quiet_hours"
    assert decide_command(policy_of(quiet=["12:00-13:00"]), "erp", "sync", NOON).allowed
    assert write(policy_of(quiet=["22:00-14:01"])) == "quiet_hours"


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        ("2026-03-28T20:59:59+00:00", "allowed"),  # 21:59:59 in winter
        ("2026-03-28T21:00:00+00:00", "quiet_hours"),
        ("2026-03-28T23:00:00+00:00", "quiet_hours"),  # midnight there
        ("2026-03-29T00:59:59+00:00", "quiet_hours"),  # 01:59:59, the last second of winter
        ("2026-03-29T01:00:00+00:00", "allowed"),  # 03:00 in summer: the hour that ends at 02:30 is not there
        ("2026-10-25T00:15:00+00:00", "quiet_hours"),  # 02:15 in summer
        ("2026-10-25T00:45:00+00:00", "allowed"),  # 02:45 in summer
        ("2026-10-25T01:15:00+00:00", "quiet_hours"),  # 02:15 again, in winter
        ("2026-10-25T01:30:00+00:00", "allowed"),
    ],
)
def test_quiet_hours_hold_over_midnight_and_while_the_clocks_change(moment: str, code: str) -> None:
    now = datetime.fromisoformat(moment)
    assert decide_command(policy_of(quiet=["22:00-02:30"]), "erp", "sync", now).code == code


def test_a_write_needs_its_command_its_table_and_its_operation() -> None:
    assert write(policy_of()) == "allowed"
    assert write(policy_of(commands=["sync"])) == "not_allowed"
    assert write(policy_of(), entity="asset") == "not_allowed"
    assert write(policy_of(operations=["update"])) == "operation_not_allowed"


@pytest.mark.parametrize(
    "record",
    [
        {"orderNo": "1", "notes": "x"},
        {"OrderNo": "1"},
        {"orderno": "1"},
        {"order_no": "1"},
        {"orderNo ": "1"},
        {"\u043erderNo": "1"},
        {"orderNo\u200b": "1"},
        {"lineItems": []},
        {"lineItems": [{"quantity": "1", "price": "1"}]},
        {"lineItems": [{"quantity": "1"}, "x"]},
        {"lineItems": {"quantity": "1"}},
        {"lineItems.quantity": "1", "notes": "1"},
        {"customFields": {"other": "1"}},
        {"customFields": {}},
        {"customFields.project": {"x": "1"}, "orderNo*": "1"},
        {"": "1"},
    ],
)
def test_a_field_that_is_not_named_is_refused(record: dict[str, Any]) -> None:
    policy = policy_of(fields=["orderNo", "lineItems.quantity", "customFields.project"])
    assert write(policy, record) == "field_not_allowed"


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=lambda entity: entity.name)
def test_a_field_that_is_named_lets_no_other_through_but_its_members(entity: Entity) -> None:
    """Also not one whose name begins with it: `status` is no leave for `statusKey`."""
    every = list(fields_of(entity))
    for named in every:
        rule = WriteRule(fields=(named,))
        allowed = {path for path in every if field_allowed(rule, entity, path)}
        assert allowed <= {named, *(path for path in every if path.startswith(f"{named}."))}, named
        assert named in allowed


def test_fields_that_are_named_are_written() -> None:
    policy = policy_of(fields=["orderNo", "lineItems.quantity", "customFields.project"])
    record = {"orderNo": "1", "lineItems": [{"quantity": "1"}], "customFields": {"project": "x"}}
    assert write(policy, record) == "allowed"


def test_all_fields_are_those_of_the_model_and_no_other() -> None:
    assert write(policy_of(), {"orderNumber": "1"}) == "field_not_allowed"
    assert write(policy_of(), {"lineItems": [{"Quantity": "1"}]}) == "field_not_allowed"
    assert write(policy_of(), {"customFields": {"x": "1"}, "billingAddress": {"city": "x"}}) == "allowed"


@pytest.mark.parametrize("operation", ["create", "update", "set_status"])
def test_a_status_is_held_to_the_named_ones_whichever_operation_sets_it(operation: str) -> None:
    assert write(policy_of(), {"status": "approved"}, operation) == "allowed"
    for wrong in ("closed", "Approved", "approved ", None, ["approved"]):
        assert write(policy_of(), {"status": wrong}, operation) == "status_not_allowed"
    assert write(policy_of(), {"lineItems": [{"status": "closed"}]}, operation) != "allowed"


def test_a_code_of_the_system_does_not_set_a_status_past_the_list() -> None:
    assert write(policy_of(), {"statusKey": "2"}) == "field_not_allowed"
    assert write(policy_of(), {"lineItems": [{"statusKey": "2"}]}) == "field_not_allowed"
    assert write(policy_of(fields=["statusKey"]), {"statusKey": "2"}) == "allowed"


def order(*lines: dict[str, Any], **header: Any) -> dict[str, Any]:
    return {"currencyKey": "EUR", "lineItems": list(lines), **header}


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (order({"quantity": "2", "price": "50.00"}), "allowed"),
        (order({"quantity": "2", "price": "50.000000000000000000001"}), "amount_exceeded"),
        (order({"quantity": "300", "price": "100", "priceUnit": "300"}), "allowed"),
        (order({"quantity": "301", "price": "100", "priceUnit": "300"}), "amount_exceeded"),
        (order({"quantity": "1", "price": "60"}, {"quantity": "1", "price": "40.01"}), "amount_exceeded"),
        (order({"quantity": "1", "price": "1000"}, {"quantity": "-1", "price": "990"}), "amount_exceeded"),
        (order({"quantity": "1", "price": "1"}, totalGrossValue="100.01"), "amount_exceeded"),
        (order({"quantity": "1", "price": "101"}, totalGrossValue="1"), "amount_exceeded"),
        (order({"quantity": "1", "price": "90", "lineTaxValue": "10.01"}), "amount_exceeded"),
        (order({"quantity": "1", "price": "1", "lineTotalValue": "101"}), "amount_exceeded"),
        (order(totalNetValue="90", totalTaxValue="10.01"), "amount_exceeded"),
        (order({"quantity": "1", "price": "100", "discount": "50"}), "allowed"),
        (order({"quantity": "1", "price": "101", "discount": "50"}), "amount_exceeded"),
        (order({"quantity": "1", "price": "100", "discount": "-0.01"}), "amount_exceeded"),
        (order({"quantity": "1", "price": "1", "discount": "x"}), "amount_unknown"),
        (order(totalNetValue="-101"), "amount_exceeded"),
        (order(totalNetValue="100"), "allowed"),
        (order({"quantity": "1", "price": "1"}, currencyKey="USD"), "currency_not_allowed"),
        (order({"quantity": "1", "price": "1"}, currencyKey="eur"), "currency_not_allowed"),
        (order({"quantity": "1", "price": "1", "currencyKey": "USD"}), "currency_not_allowed"),
        (order({"quantity": "1", "price": "1"}, currencyKey=None), "amount_unknown"),
        (order({"quantity": "1", "price": "1"}, currencyKey=""), "amount_unknown"),
        (order({"quantity": "1"}), "amount_unknown"),
        (order({"price": "1"}), "amount_unknown"),
        (order({"quantity": "1", "lineTotalValue": "1"}), "amount_unknown"),
        (order({"quantity": "1", "price": "1", "priceUnit": "0"}), "amount_unknown"),
        (order({"quantity": "1e1", "price": "1"}), "amount_unknown"),
        (order({"quantity": "NaN", "price": "1"}), "amount_unknown"),
        (order({"quantity": "1", "price": 1.5}), "amount_unknown"),
        (order({"quantity": "1", "price": True}), "amount_unknown"),
        (order({"quantity": "\u0661", "price": "1"}), "amount_unknown"),
        (order({"quantity": "1,0", "price": "1"}), "amount_unknown"),
        (order(), "amount_unknown"),
        ({"orderNo": "1"}, "amount_unknown"),
    ],
)
def test_amounts_are_exact_and_what_cannot_be_told_is_refused(record: dict[str, Any], code: str) -> None:
    assert write(policy_of(max_amount={"EUR": "100.00"}), record) == code


def test_an_update_is_judged_by_the_record_as_it_would_stand() -> None:
    policy = policy_of(max_amount={"EUR": "100.00"})
    change = {"lineItems": [{"key": "1", "quantity": "5"}]}
    assert write(policy, {"notes": "x"}, "update") == "allowed"
    assert write(policy, change, "update") == "amount_unknown"
    small, large = order({"quantity": "5", "price": "20"}), order({"quantity": "5", "price": "21"})
    assert write(policy, change, "update", whole=small) == "allowed"
    assert write(policy, change, "update", whole=large) == "amount_exceeded"


@pytest.mark.parametrize(
    ("present", "after", "code"),
    [
        # Totals above the lines grow with them: here 20 % of tax.
        (order({"quantity": "1", "price": "50"}, totalGrossValue="60"), "83", "allowed"),
        (order({"quantity": "1", "price": "50"}, totalGrossValue="60"), "84", "amount_exceeded"),
        # Lines that are not mapped: what is there, and what is added to it.
        (order(totalGrossValue="60"), "40", "allowed"),
        (order(totalGrossValue="60"), "41", "amount_exceeded"),
        (order({"quantity": "1", "price": "50"}, totalGrossValue="40"), "100", "allowed"),
    ],
)
def test_what_lines_do_not_show_of_an_order_grows_with_them(
    present: dict[str, Any], after: str, code: str
) -> None:
    policy = policy_of(max_amount={"EUR": "100.00"})
    change = {"lineItems": [{"quantity": "1", "price": after}]}
    assert write(policy, change, "update", whole=present | change, present=present) == code


@pytest.mark.parametrize("operation", ["set_status", "delete"])
def test_approving_or_deleting_a_large_order_is_a_large_write(operation: str) -> None:
    policy = policy_of(max_amount={"EUR": "100.00"})
    record = {"status": "approved"} if operation == "set_status" else {}
    assert write(policy, record, operation) == "amount_unknown"
    assert write(policy, record, operation, whole=order(totalNetValue="100")) == "allowed"
    assert write(policy, record, operation, whole=order(totalNetValue="101")) == "amount_exceeded"


def test_an_empty_table_of_amounts_lets_no_currency_through() -> None:
    assert write(policy_of(max_amount={})) == "currency_not_allowed"


def test_so_many_writes_an_hour_and_no_more() -> None:
    assert write(policy_of(per_hour=2), count=1) == "allowed"
    assert write(policy_of(per_hour=2), count=2) == "too_many"
    assert write(policy_of(per_hour=0)) == "too_many"


def test_a_decision_names_its_rule_and_its_fields() -> None:
    path = ("connections", "erp", "write", "purchase_order", "fields")
    policy = Policy(policy_of(fields=["orderNo"]).file, {path: 7})
    decision = decide_write(policy, "erp", "purchase_order", "create", {"notes": "secret"}, NOON, 0)
    assert decision.rule == "policy.toml:7: connections.erp.write.purchase_order.fields"
    assert decision.fields == ("notes",)
    assert "secret" not in decision.why
