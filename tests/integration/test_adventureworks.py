"""AdventureWorks from its tables to the relay's API, with configuration alone."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.deployment import Deployment
from tests.integration.adventureworks.loader import load
from tests.integration.adventureworks.reference import Document, Reference, differences
from tests.servers import PostgresServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "examples" / "adventureworks" / "connections" / "adventureworks.toml"
DATABASE = "aw_whole"
NAME = "adventureworks"
COUNTS = {"purchase-orders": 4_012, "vendors": 104, "inventory-items": 504}


@pytest.fixture(scope="module")
def data(shared_dir: Path) -> Path:
    return shared_dir / "data" / "adventureworks"


@pytest.fixture(scope="module")
def source(postgres_server: PostgresServer, data: Path) -> PostgresServer:
    load(postgres_server, DATABASE, data)
    return postgres_server


@pytest.fixture(scope="module")
def site(source: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Agent and relay after the initial sync. The file is the example's, with this server's address."""
    document = tomllib.loads(FILE.read_text())
    document["options"]["connection"] |= source.odbc_attributes(DATABASE)
    document["sync"] = {**document["sync"], "manual": True}
    del document["sync"]["every"]
    folder = tmp_path_factory.mktemp("site")
    with Deployment(folder, environment={"ADVENTUREWORKS_PASSWORD": source.password}) as deployment:
        deployment.connect(NAME, document)
        deployment.start_agent()
        runs = deployment.sync(NAME)
        assert [run["error"] for run in runs] == [None] * 3, deployment.log_tail()
        for path, count in COUNTS.items():
            deployment.wait_for(path, count)
        yield deployment


@pytest.fixture(scope="module")
def initial(site: Deployment) -> dict[str, dict[str, Document]]:
    """What the relay showed before any test changed the source."""
    return {path: found(site, path) for path in COUNTS}


def found(site: Deployment, path: str) -> dict[str, Document]:
    return {document["key"]: document for document in site.records(path)}


@pytest.fixture(scope="module")
def connection(site: Deployment) -> str:
    connections = site.get("/connections")["items"]
    assert [connection["name"] for connection in connections] == [NAME]
    return str(connections[0]["id"])


def test_every_record_at_the_relay_is_as_the_files_say(
    data: Path, initial: dict[str, dict[str, Document]]
) -> None:
    reference = Reference(data)
    expected = {
        "purchase-orders": reference.purchase_orders(),
        "vendors": reference.vendors(),
        "inventory-items": reference.inventory_items(),
    }
    for path, documents in expected.items():
        actual = initial[path]
        assert len(actual) == COUNTS[path]
        wrong = [
            line for key in documents for line in differences(documents[key], actual[key], f"{path}/{key}")
        ]
        assert wrong[:20] == []
    orders, items = initial["purchase-orders"].values(), initial["inventory-items"].values()
    assert sum(len(order["lineItems"]) for order in orders) == 8_845
    assert sum(len(item["stocks"]) for item in items) == 1_069
    total = sum(Decimal(order["totalGrossValue"]) for order in orders)
    assert total == sum(order["totalGrossValue"] for order in expected["purchase-orders"].values())


def test_only_what_changed_at_the_source_travels_again(
    source: PostgresServer, site: Deployment, initial: object, connection: str
) -> None:
    """One story, for each step starts where the one before ended: nothing new, changed, new, deleted."""
    quiet = {run["stream"]: run["counts"] for run in site.sync(NAME)}
    assert {stream: counts["enqueued"] for stream, counts in quiet.items()} == {
        f"{NAME}/{stream}": 0 for stream in ("purchase_orders", "vendors", "inventory_items")
    }
    source.psql(CHANGES, DATABASE)
    runs = {run["stream"]: run for run in site.sync(NAME)}
    assert all(run["error"] is None for run in runs.values())
    site.wait_for("purchase-orders", COUNTS["purchase-orders"])  # one came, one went
    site.wait_for("purchase-orders", 1, deleted="only")

    changed = site.get(f"/connections/{connection}/purchase-orders/7")
    assert (changed["status"], changed["statusKey"], changed["totalNetValue"]) == (
        "rejected",
        "3",
        "58685.0001",
    )
    assert changed["lineItems"][0]["receivedQuantity"] == "1.25"

    new = site.get(f"/connections/{connection}/purchase-orders/5000")
    assert (new["orderNo"], new["status"], new["totalGrossValue"]) == ("5000", "pending_approval", "0.0003")
    assert [line["price"] for line in new["lineItems"]] == ["0.0001", "0.0002"]

    gone = site.get(f"/connections/{connection}/purchase-orders/8")
    assert gone["deleted"] is True
    assert "8" not in found(site, "purchase-orders")

    stock = site.get(f"/connections/{connection}/inventory-items/1")["stocks"]
    assert next(place["quantity"] for place in stock) == "409"
    assert runs[f"{NAME}/inventory_items"]["counts"]["enqueued"] == 1


def test_the_api_starts_a_full_sync_of_one_entity(site: Deployment, connection: str) -> None:
    before = len(found(site, "vendors"))
    command = site.post(f"/connections/{connection}/syncs", {"entities": ["vendor"], "full": True})
    settled = site.wait_for_command(command["id"])
    assert settled["state"] == "succeeded"
    assert len(found(site, "vendors")) == before


CHANGES = """
update purchasing.purchaseorderdetail set receivedqty = 1.25 where purchaseorderid = 7
  and purchaseorderdetailid = (select min(purchaseorderdetailid) from purchasing.purchaseorderdetail where purchaseorderid = 7);
update purchasing.purchaseorderheader set status = 3, subtotal = 58685.0001, modifieddate = now() at time zone 'utc'
  where purchaseorderid = 7;
insert into purchasing.purchaseorderheader
  select 5000, 1, 1, employeeid, vendorid, shipmethodid, orderdate, null, 0.0003, 0, 0, 0.0003, now() at time zone 'utc'
  from purchasing.purchaseorderheader where purchaseorderid = 1;
insert into purchasing.purchaseorderdetail values
  (5000, 9001, '2026-01-01', 1, 1, 0.0001, 0.0001, 0, 0, 0, now() at time zone 'utc'),
  (5000, 9002, '2026-01-01', 1, 1, 0.0002, 0.0002, 0, 0, 0, now() at time zone 'utc');
delete from purchasing.purchaseorderdetail where purchaseorderid = 8;
delete from purchasing.purchaseorderheader where purchaseorderid = 8;
update production.productinventory set quantity = quantity + 1 where productid = 1 and locationid = 1;
"""
