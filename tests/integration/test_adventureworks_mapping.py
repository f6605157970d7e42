"""The example's connection file against a real database: driver and mapping alone, without agent or relay."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.mapping.compile import compile_mapping
from agent.model.render import to_documents
from drivers import registry
from drivers.contract import Driver, ReadMode, ReadRequest, StreamSpec
from tests.integration.adventureworks.loader import load
from tests.integration.adventureworks.reference import Reference, differences
from tests.servers import PostgresServer

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "examples" / "adventureworks" / "connections" / "adventureworks.toml"
DATABASE = "aw_mapping"


@pytest.fixture(scope="module")
def data(shared_dir: Path) -> Path:
    return shared_dir / "data" / "adventureworks"


@pytest.fixture(scope="module")
def connection() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text())


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer, data: Path) -> str:
    load(postgres_server, DATABASE, data)
    return DATABASE


@pytest.fixture
async def driver(
    postgres_server: PostgresServer, database: str, connection: dict[str, Any]
) -> AsyncIterator[Driver]:
    attributes = {**connection["options"]["connection"], **postgres_server.odbc_attributes(database)}
    made = registry.create(
        connection["driver"],
        connection="adventureworks",
        options={"connection": attributes},
        secrets=postgres_server.odbc_secrets(),
    )
    yield made
    await made.aclose()


async def documents(driver: Driver, connection: dict[str, Any], stream: str) -> list[dict[str, Any]]:
    table = connection["streams"][stream]
    mapping = compile_mapping(table["map"], entity=table["entity"], where=f"streams.{stream}.map")
    spec = StreamSpec(stream, table["entity"], table["read"])
    found: list[dict[str, Any]] = []
    complete = False
    async for page in driver.read(ReadRequest(spec, ReadMode.SCAN)):
        mapped = mapping.apply(page.table)
        assert mapped.rejects == ()
        found += to_documents(mapped.records, range(mapped.records.num_rows), entity=table["entity"])
        complete = page.complete
    assert complete
    return found


@pytest.mark.parametrize(
    ("stream", "count"), [("purchase_orders", 4_012), ("vendors", 104), ("inventory_items", 504)]
)
async def test_every_record_is_as_the_files_say(
    driver: Driver, connection: dict[str, Any], data: Path, stream: str, count: int
) -> None:
    expected = getattr(Reference(data), stream)()
    found = {document["key"]: document for document in await documents(driver, connection, stream)}
    assert len(found) == len(expected) == count
    wrong = [line for key in expected for line in differences(expected[key], found.get(key, {}), key)]
    assert wrong[:20] == []


async def test_lines_and_stocks_are_all_there(driver: Driver, connection: dict[str, Any]) -> None:
    orders = await documents(driver, connection, "purchase_orders")
    items = await documents(driver, connection, "inventory_items")
    assert sum(len(order["lineItems"]) for order in orders) == 8_845
    assert sum(len(item["stocks"]) for item in items) == 1_069
    assert sum(len(item["supplyOptions"]) for item in items) == 460


def test_the_comparison_notices_the_last_digit_and_a_lost_line(data: Path) -> None:
    order = Reference(data).purchase_orders()["4012"]
    found = {"totalNetValue": f"{order['totalNetValue']}1", "lineItems": order["lineItems"][1:]}
    assert differences({"totalNetValue": order["totalNetValue"]}, found)
    assert differences({"lineItems": order["lineItems"]}, found)
    assert differences({"key": "1"}, {"key": "1", "notes": "nobody mapped this"})
