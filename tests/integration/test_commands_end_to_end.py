"""Every command from the API through relay, tunnel, policy, journal and driver to the system, and its outcome back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from tests.deployment import Deployment
from tests.integration import odbc_write_sources
from tests.integration.platform_peer import Platform
from tests.permissive import allow_everything
from tests.servers import PostgresServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

DATABASE = "platform"
ORDER = {
    "vendorKey": "V1",
    "title": "Bolts and nuts",
    "totalNetValue": "1234567890.00000000000000000001",
    "lineItems": [
        {"materialKey": "I-1", "quantity": "3.000000000000000001"},
        {"materialKey": "I-2", "quantity": "1", "notes": "blue"},
    ],
}
MAP = {
    "orderNo": {"from": "id"},
    "title": "title",
    "vendorKey": "vendor",
    "totalNetValue": "amount",
    "dueAt": "due_date",
    "status": {"from": "status", "values": {"1": "draft", "2": "approved", "3": "rejected", "4": "closed"}},
    "lineItems": {"lines": "lines", "map": {"materialKey": "item", "quantity": "qty", "notes": "note"}},
}
BLOCKED = "vendor V-BLOCKED"


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> PostgresServer:
    postgres_server.create_database(DATABASE)
    source = odbc_write_sources.Source(
        "postgres", postgres_server.odbc_attributes(DATABASE), postgres_server.odbc_secrets()
    )
    odbc_write_sources.lay_out_writes(source, lambda script: postgres_server.execute(script, DATABASE))
    return postgres_server


@pytest.fixture(scope="module")
def site(database: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One agent with the sandbox, the purchasing system, and the same system again under a narrow policy."""
    folder = tmp_path_factory.mktemp("site")
    with Deployment(folder, environment={"ERP_PASSWORD": database.password}) as deployment:
        allow_everything(deployment.config, ["box", "erp"])
        narrow(deployment.config / "policy.toml")
        deployment.connect("box", {"system": "sandbox", "sync": {"manual": True}})
        for name in ("erp", "narrow"):
            deployment.connect(name, purchasing(database))
        deployment.start_agent()
        for name in ("box", "erp", "narrow"):
            assert {run["error"] for run in deployment.sync(name)} == {None}
        yield deployment


def purchasing(database: PostgresServer) -> dict[str, Any]:
    return {
        "driver": "odbc",
        "options": {"connection": database.odbc_attributes(DATABASE)},
        "secrets": {"Pwd": "env:ERP_PASSWORD"},
        "sync": {"manual": True, "initial_window": "everything"},
        "streams": {
            "orders": {
                "entity": "purchase_order",
                "read": odbc_write_sources.READ,
                "map": MAP,
                "write": odbc_write_sources.write("postgres"),
            }
        },
    }


def narrow(policy: Path) -> None:
    document = tomlkit.parse(policy.read_text()).unwrap()
    document["connections"]["narrow"] = {
        "commands": ["create", "read_record", "set_status"],
        "leave": {"purchase_order": {"fields": "all", "except": ["title"], "mask": ["vendorKey"]}},
        "write": {
            "purchase_order": {
                "operations": ["create", "set_status"],
                "fields": ["vendorKey", "lineItems.materialKey", "lineItems.quantity", "totalNetValue"],
                "statuses": ["approved"],
                "per_hour": 1,
            }
        },
    }
    policy.write_text(tomlkit.dumps(document))


@pytest.fixture
def erp(site: Deployment) -> Iterator[Platform]:
    with Platform(site, "erp") as platform:
        yield platform


@pytest.fixture
def box(site: Deployment) -> Iterator[Platform]:
    with Platform(site, "box") as platform:
        yield platform


@pytest.fixture
def narrowed(site: Deployment) -> Iterator[Platform]:
    with Platform(site, "narrow") as platform:
        yield platform


def succeeded(command: dict[str, Any]) -> dict[str, Any]:
    assert command["state"] == "succeeded", command
    result: dict[str, Any] = command["result"]
    return result


def faults(command: dict[str, Any]) -> set[tuple[str, str]]:
    assert command["state"] == "refused", command
    return {(fault["field"], fault["code"]) for fault in command["fieldFaults"]}


def rows(database: PostgresServer, sql: str) -> list[str]:
    return database.psql(sql, DATABASE).split()


def test_an_order_is_created_read_changed_approved_and_deleted_in_a_real_system(
    erp: Platform, database: PostgresServer, site: Deployment
) -> None:
    order = {**ORDER, "title": "Bolts, once"}
    made = succeeded(erp.ask("POST", "/purchase-orders", order, key="order-1"))
    key = made["key"]
    assert made["reference"] == f"PO-{key}"
    assert made["record"]["totalNetValue"] == "1234567890.00000000000000000001"
    assert [line["quantity"] for line in made["record"]["lineItems"]] == ["3.000000000000000001", "1"]
    assert rows(database, f"select amount from w_orders where id = {key}") == [
        "1234567890.00000000000000000001"
    ]

    repeated = erp.ask("POST", "/purchase-orders", order, key="order-1")
    assert succeeded(repeated)["key"] == key
    assert rows(database, "select count(*) from w_orders where title = 'Bolts, once'") == ["1"]

    live = succeeded(erp.ask("POST", f"/purchase-orders/{key}/read"))
    assert live["record"]["title"] == "Bolts, once"

    change = {"title": "Nuts only", "lineItems": [{"materialKey": "I-2", "quantity": "0.1"}]}
    changed = succeeded(erp.ask("PATCH", f"/purchase-orders/{key}", change))
    assert (changed["record"]["title"], len(changed["record"]["lineItems"])) == ("Nuts only", 1)

    approved = succeeded(erp.ask("POST", f"/purchase-orders/{key}/status", {"status": "approved"}))
    assert approved["record"]["status"] == "approved"

    late = erp.ask("PATCH", f"/purchase-orders/{key}", {"title": "Too late"})
    assert ("title", "not_updatable") in faults(late)

    site.wait_until_acked()
    erp.until(lambda: erp.record("purchase-orders", key)["status"] == "approved")
    assert erp.record("purchase-orders", key)["title"] == "Nuts only"

    succeeded(erp.ask("DELETE", f"/purchase-orders/{key}"))
    assert rows(database, f"select count(*) from w_orders where id = {key}") == ["0"]
    site.sync("erp")
    site.wait_for("purchase-orders", 1, connection="erp", key=key, deleted="only")


def test_what_the_system_refuses_changes_nothing_and_comes_back_in_its_words(
    erp: Platform, database: PostgresServer
) -> None:
    before = rows(database, "select count(*) from w_orders")
    refused = erp.ask("POST", "/purchase-orders", {**ORDER, "vendorKey": "V-BLOCKED"})
    assert refused["state"] == "failed"
    assert BLOCKED.lower() in refused["result"]["messages"][0]["text"].lower()
    assert rows(database, "select count(*) from w_orders") == before


def test_a_wrong_record_is_refused_with_one_message_per_field_before_anything_is_tried(
    erp: Platform, database: PostgresServer
) -> None:
    before = rows(database, "select count(*) from w_orders")
    wrong = {
        "titel": "?",
        "totalNetValue": "12,50",
        "lineItems": [{"materialKey": "I-1", "quantity": "many"}, {"quantity": "1"}],
    }
    found = faults(erp.ask("POST", "/purchase-orders", wrong))
    assert {field for field, _ in found} >= {
        "titel",
        "totalNetValue",
        "vendorKey",
        "lineItems[0].quantity",
        "lineItems[1].materialKey",
    }
    assert rows(database, "select count(*) from w_orders") == before


def test_the_matrix_says_what_can_be_written(erp: Platform, narrowed: Platform) -> None:
    def allowed(platform: Platform) -> dict[str, bool]:
        answer = platform.request("GET", f"/connections/{platform.connection}/operations").json()
        return {one["operation"]: one["allowed"] for one in answer["items"]}

    assert allowed(erp) == {"create": True, "update": True, "delete": True, "set_status": True}
    assert allowed(narrowed) == {"create": True, "update": False, "delete": False, "set_status": True}


def test_the_policy_decides_and_what_it_withholds_never_comes_back(
    narrowed: Platform, database: PostgresServer
) -> None:
    small = {"vendorKey": "V1", "lineItems": [{"materialKey": "I-1", "quantity": "1"}]}
    assert (
        narrowed.ask("POST", "/purchase-orders", ORDER)["state"] == "refused"
    )  # its title may not be written
    made = succeeded(narrowed.ask("POST", "/purchase-orders", small))
    assert made["record"]["vendorKey"] == "***"
    assert "title" not in made["record"] or made["record"]["title"] is None
    again = narrowed.ask("POST", "/purchase-orders", small)
    assert (again["state"], again["result"]["code"]) == ("refused", "too_many")
    for method, path, body in (
        ("PATCH", f"/purchase-orders/{made['key']}", {"vendorKey": "V2"}),
        ("POST", f"/purchase-orders/{made['key']}/status", {"status": "rejected"}),
        ("DELETE", f"/purchase-orders/{made['key']}", None),
        ("POST", "/discover", None),
        ("POST", "/syncs", {}),
        ("POST", "/pause", None),
        ("POST", "/streams/orders/mapping/read", None),
    ):
        assert narrowed.ask(method, path, body)["state"] == "refused", path
    assert rows(database, f"select vendor from w_orders where id = {made['key']}") == ["V1"]


@pytest.mark.parametrize("name", ["erp", "box"])
def test_every_other_command_of_a_connection_comes_through(site: Deployment, name: str) -> None:
    stream = "orders" if name == "erp" else "purchase_orders"
    with Platform(site, name) as platform:
        assert all(step["ok"] for step in succeeded(platform.ask("POST", "/test"))["steps"])
        assert succeeded(platform.ask("POST", "/discover"))["count"] >= 3

        synced = succeeded(platform.ask("POST", "/syncs", {"streams": [stream]}))
        assert [run["stream"] for run in synced["runs"]] == [f"{name}/{stream}"]
        since = succeeded(platform.ask("POST", "/syncs", {"streams": [stream], "since": "2020-01-01"}))
        assert since["runs"][0]["status"] == "succeeded"
        full = succeeded(platform.ask("POST", "/syncs", {"entities": ["purchase_order"], "full": True}))
        assert (
            full["runs"][0]["counts"]["read"]
            == full["runs"][0]["counts"]["enqueued"] + (full["runs"][0]["counts"]["deadLetters"])
        )

        succeeded(platform.ask("POST", "/pause"))
        assert platform.ask("POST", "/syncs", {})["state"] == "refused"
        succeeded(platform.ask("POST", "/resume"))
        assert platform.ask("POST", "/syncs", {"streams": [stream]})["state"] == "succeeded"
        succeeded(platform.ask("POST", "/dead-letters/requeue", {}))


def test_a_mapping_is_read_tried_changed_and_brought_back_by_the_platform(erp: Platform) -> None:
    key = succeeded(erp.ask("POST", "/purchase-orders", ORDER))["key"]
    read = succeeded(erp.ask("POST", "/streams/orders/mapping/read"))
    change = [{"path": ["custom", "external_ref"], "spec": "ref"}]
    tried = succeeded(erp.ask("POST", "/streams/orders/mapping/preview", {"changes": change}))
    assert tried["tried"] > 0
    changed = succeeded(
        erp.ask("PATCH", "/streams/orders/mapping", {"changes": change, "basedOn": read["version"]})
    )
    assert changed["version"] == read["version"] + 1
    stale = erp.ask("PATCH", "/streams/orders/mapping", {"changes": change, "basedOn": read["version"]})
    assert (stale["state"], stale["result"]["code"]) == ("refused", "stale")

    succeeded(erp.ask("POST", "/syncs", {"full": True}))
    erp.until(lambda: custom(erp, key).get("external_ref", "").startswith("cmd_"))

    succeeded(erp.ask("POST", "/streams/orders/mapping/revert", {"to": read["version"]}))
    succeeded(erp.ask("POST", "/syncs", {"full": True}))
    erp.until(lambda: "external_ref" not in custom(erp, key))


def custom(platform: Platform, key: str) -> dict[str, Any]:
    return dict(platform.record("purchase-orders", key).get("customFields") or {})


def test_the_sandbox_answers_writes_and_changes_nothing(box: Platform) -> None:
    items = box.request("GET", "/purchase-orders?connection=box&status=draft&limit=1").json()["items"]
    vendor = box.request("GET", "/vendors?connection=box&limit=500").json()["items"]
    good = next(one["key"] for one in vendor if not one["isBlocked"])
    stock = box.request("GET", "/inventory-items?connection=box&limit=500").json()["items"]
    orders = [
        box.ask("POST", "/purchase-orders", {"vendorKey": good, "lineItems": [{"materialKey": one["key"], "quantity": "2.5"}]})
        for one in stock[:5]
    ]  # fmt: skip
    assert "succeeded" in {order["state"] for order in orders}
    invalid = box.ask(
        "POST",
        "/purchase-orders",
        {"vendorKey": "V-INVALID", "lineItems": [{"materialKey": stock[0]["key"], "quantity": "1"}]},
    )
    assert invalid["state"] == "failed"
    assert {message["code"] for message in invalid["result"]["messages"]} == {"VENDOR_INVALID"}
    key = items[0]["key"]
    for method, path, body in (
        ("PATCH", f"/purchase-orders/{key}", {"title": "Another"}),
        ("POST", f"/purchase-orders/{key}/status", {"status": "approved"}),
    ):
        assert box.ask(method, path, body)["state"] == "succeeded"
    assert succeeded(box.ask("POST", f"/purchase-orders/{key}/read"))["record"]["title"] == items[0]["title"]
    gone = box.ask("DELETE", f"/purchase-orders/{key}")
    assert (gone["state"], gone["result"]["code"]) == ("refused", "not_supported")


def test_diagnostics_and_cancelling_are_commands_too(box: Platform, site: Deployment) -> None:
    agent = box.request("GET", "/agents").json()["items"][0]["id"]
    told = succeeded(box.ended(box.start("POST", f"/agents/{agent}/diagnostics")))
    assert str(site.folder) not in str(told)
    bundle = succeeded(box.ended(box.start("POST", f"/agents/{agent}/diagnostics-bundle")))
    files = {file["name"]: file["missing"] for file in bundle["manifest"]["files"]}
    assert {"health.json", "outbox.json", "configuration.json"} <= {
        name for name, why in files.items() if not why
    }
    ended = box.ask("POST", "/test")
    assert box.request("POST", f"/commands/{ended['id']}/cancel").status_code == 409


def test_the_audit_log_holds_every_decision_and_verifies(site: Deployment, box: Platform) -> None:
    command = box.ask("POST", "/test")
    shown = site._groundwire("audit", "show", "--config", str(site.config), "--json")
    assert command["id"] in shown
    site._groundwire("audit", "verify", "--config", str(site.config))
