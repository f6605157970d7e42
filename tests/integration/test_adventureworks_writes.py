"""AdventureWorks written to from the relay's API: the example's recipes, its procedures, the policy that allows it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from tests.deployment import Deployment
from tests.integration.adventureworks.loader import load
from tests.integration.platform_peer import Platform
from tests.servers import PostgresServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "adventureworks"
DATABASE = "aw_written"
NAME = "adventureworks"
# Vendor 1580 (Litware) supplies product 1 for 47.87; 1692 does not.
VENDOR = "1580"
POLICY = {
    "commands": ["create", "update", "set_status"],
    "leave": {"purchase_order": {"fields": "all"}},
    "write": {
        "purchase_order": {
            "operations": ["create", "update", "set_status"],
            "fields": "all",
            "per_hour": 20,
            "statuses": ["approved"],
        }
    },
}


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer, shared_dir: Path) -> PostgresServer:
    load(postgres_server, DATABASE, shared_dir / "data" / "adventureworks")
    postgres_server.psql((EXAMPLE / "writing" / "database.sql").read_text(), DATABASE)
    return postgres_server


@pytest.fixture(scope="module")
def site(database: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    text = (EXAMPLE / "connections" / "adventureworks.toml").read_text()
    document = tomllib.loads(text + (EXAMPLE / "writing" / "connection.toml").read_text())
    document["options"]["connection"] |= database.odbc_attributes(DATABASE)
    document["sync"] = {**document["sync"], "manual": True}
    del document["sync"]["every"]
    document["streams"] = {"purchase_orders": document["streams"]["purchase_orders"]}
    folder = tmp_path_factory.mktemp("site")
    with Deployment(folder, environment={"ADVENTUREWORKS_PASSWORD": database.password}) as deployment:
        deployment.connect(NAME, document)
        (deployment.config / "policy.toml").write_text(tomlkit.dumps({"connections": {NAME: POLICY}}))
        deployment.start_agent()
        assert [run["error"] for run in deployment.sync(NAME)] == [None], deployment.log_tail()
        yield deployment


@pytest.fixture
def platform(site: Deployment) -> Iterator[Platform]:
    with Platform(site, NAME) as made:
        yield made


def order(**fields: Any) -> dict[str, Any]:
    line = {"materialKey": "1", "quantity": "4", "price": "45.1234", "dueAt": "2026-03-01T00:00:00Z"}
    return {"vendorKey": VENDOR, "lineItems": [line, {"materialKey": "1", "quantity": "1"}], **fields}


def counts(database: PostgresServer) -> str:
    tables = ("purchaseorderheader", "purchaseorderdetail", "command")
    return database.psql(
        "select " + ", ".join(f"(select count(*) from purchasing.{table})" for table in tables), DATABASE
    )


def test_check_understands_every_step(site: Deployment) -> None:
    said = site.command_line("check", NAME)

    assert "writes of purchase_orders: create, update, set_status; the database understands each step" in said
    assert "FAIL" not in said


def test_an_order_is_made_changed_and_approved_from_the_api(
    site: Deployment, platform: Platform, database: PostgresServer
) -> None:
    made = platform.ask("POST", "/purchase-orders", order(), key="aw-1")
    assert made["state"] == "succeeded", made
    key, record = made["result"]["key"], made["result"]["record"]
    assert key == made["result"]["reference"]
    assert int(key) > 4012
    assert (record["status"], record["vendorCode"]) == ("pending_approval", "LITWARE0001")
    assert [(line["quantity"], line["price"], line["lineTotalValue"]) for line in record["lineItems"]] == [
        ("4", "45.1234", "180.4936"),
        ("1", "47.87", "47.87"),
    ]
    assert (record["totalNetValue"], record["totalGrossValue"]) == ("228.3636", "246.6327")
    assert platform.ask("POST", "/purchase-orders", order(), key="aw-1")["result"]["key"] == key

    first = record["lineItems"][0]["key"]
    lines = [{"key": first, "quantity": "5"}, {"materialKey": "1", "quantity": "2", "price": "1"}]
    changed = platform.ask("PATCH", f"/purchase-orders/{key}", {"lineItems": lines})
    assert changed["state"] == "succeeded", changed
    assert changed["result"]["reference"] == key
    assert [line["quantity"] for line in changed["result"]["record"]["lineItems"]] == ["5", "1", "2"]
    assert changed["result"]["record"]["totalNetValue"] == "275.487"
    assert changed["result"]["record"]["customFields"]["revision"] == 2

    approved = platform.ask("POST", f"/purchase-orders/{key}/status", {"status": "approved"})
    assert approved["result"]["record"]["status"] == "approved"
    late = platform.ask("PATCH", f"/purchase-orders/{key}", {"shipmentDate": "2026-03-01"})
    assert [(fault["field"], fault["code"]) for fault in late["fieldFaults"]] == [
        ("shipmentDate", "not_updatable")
    ]
    site.wait_until_acked()
    platform.until(lambda: platform.record("purchase-orders", key)["status"] == "approved")
    rows = database.psql(f"select count(*) from purchasing.command where purchaseorderid = {key}", DATABASE)
    assert rows.strip() == "3"


def test_what_purchasing_or_the_policy_refuses_leaves_no_half_of_an_order(
    platform: Platform, database: PostgresServer
) -> None:
    before = counts(database)
    unsupplied = order(
        lineItems=[{"materialKey": "1", "quantity": "1"}, {"materialKey": "317", "quantity": "1"}]
    )

    refused = platform.ask("POST", "/purchase-orders", unsupplied)
    nobody = platform.ask("POST", "/purchase-orders", order(vendorKey="1"))
    many = platform.ask(
        "POST", "/purchase-orders", order(lineItems=[{"materialKey": "1", "quantity": "40000"}])
    )
    half = platform.ask(
        "POST", "/purchase-orders", order(lineItems=[{"materialKey": "1", "quantity": "0.5"}])
    )
    rejected = platform.ask("POST", "/purchase-orders/7/status", {"status": "rejected"})

    assert [(one["text"], one["code"]) for one in refused["result"]["messages"]] == [
        ("The vendor does not supply product 317", "AW003")
    ]
    assert nobody["result"]["messages"][0]["code"] == "AW001"
    assert many["state"] == "failed"
    assert half["result"]["messages"][0]["field"] == "lineItems[0].quantity"
    assert rejected["state"] == "refused"
    assert counts(database) == before
