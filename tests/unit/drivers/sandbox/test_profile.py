"""The shipped profile against the shipped driver: every record passes the mapping but those meant to fail."""

from __future__ import annotations

import pytest

from agent.mapping.compile import compile_mapping
from agent.model.entities import ENTITIES
from agent.systems import profile
from drivers.contract import Page, ReadMode, ReadRequest, StreamSpec
from drivers.sandbox.driver import SandboxDriver

OPTIONS = {"time": "fixed", "advance": 45 * 86_400, "size": 1_000, "bad_records": 3}
STREAMS = ("purchase_orders", "work_orders", "inventory_items", "vendors", "assets")


async def pages(table: str) -> list[Page]:
    stream = profile("sandbox")["streams"][table]
    driver = SandboxDriver("demo", OPTIONS, {})
    request = ReadRequest(StreamSpec(table, stream["entity"], stream["read"]), ReadMode.SCAN)
    return [page async for page in driver.read(request)]


@pytest.mark.parametrize("table", STREAMS)
async def test_every_record_maps_but_the_bad_ones(table):
    stream = profile("sandbox")["streams"][table]
    mapping = compile_mapping(stream["map"], entity=stream["entity"], where=table)
    mapped = [mapping.apply(page.table) for page in await pages(table)]
    rejects = [reject for page in mapped for reject in page.rejects]
    statuses = {
        status
        for page in mapped
        if "status" in page.records.column_names
        for status in page.records["status"].to_pylist()
    }

    assert [reject.field for reject in rejects] == (["dueAt"] * 3 if table == "purchase_orders" else [])
    assert "unknown" not in statuses
    if ENTITIES[stream["entity"]].statuses:
        assert statuses == ENTITIES[stream["entity"]].statuses - {"unknown"}


async def test_every_reference_between_the_streams_leads_to_a_record():
    mapped = {}
    for table in STREAMS:
        stream = profile("sandbox")["streams"][table]
        mapping = compile_mapping(stream["map"], entity=stream["entity"], where=table)
        mapped[table] = [
            row for page in await pages(table) for row in mapping.apply(page.table).records.to_pylist()
        ]
    keys = {table: {row["key"] for row in rows} for table, rows in mapped.items()}

    assert {row["vendor_key"] for row in mapped["purchase_orders"]} <= keys["vendors"]
    assert {row["asset_key"] for row in mapped["work_orders"]} <= keys["assets"]
    assert {row["parent_key"] for row in mapped["assets"]} - {None} <= keys["assets"]
    assert {
        option["vendor_key"] for row in mapped["inventory_items"] for option in row["supply_options"]
    } <= keys["vendors"]


def test_the_profile_has_every_stream_and_needs_nothing_from_the_operator():
    assert set(profile("sandbox")["streams"]) == set(STREAMS)
    assert profile("sandbox")["driver"] == "sandbox"
