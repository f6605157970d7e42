"""The conformance suites with the streams that the ECC profile ships, over the fake SAP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from agent.mapping.compile import compile_mapping
from agent.systems import profile
from drivers.contract import OperationKind, StreamSpec
from tests.conformance.suite import DriverConformance, Subject
from tests.conformance.writes import Writable, WriteConformance
from tests.integration.sap_sources import PROFILES, Site
from tests.sap.ecc import EccSystem, fill, fill_many
from tests.sap.soap import SoapServer

ECC = profile("sap-ecc")["streams"]
WAYS = ("sdk, plain reader", "soap, sorted ET_DATA")
CREATE, UPDATE = OperationKind.CREATE, OperationKind.UPDATE
NEW_ORDER: dict[str, Any] = {
    "organizationKey": "1000", "vendorKey": "0000000100", "currencyKey": "KWD", "orderDate": "2026-03-15",
    "customFields": {"purchasingOrganization": "1000", "purchasingGroup": "001"},
    "lineItems": [
        {
            "materialKey": f"{4711:018d}", "locationKey": "1000", "quantity": "3", "price": "1.25",
            "dueAt": "2026-04-01T00:00:00Z",
        }
    ],
}  # fmt: skip


def spec(name: str) -> StreamSpec:
    table = ECC[name]
    mapping = compile_mapping(table["map"], entity=table["entity"], where=name)
    columns = tuple(sorted(mapping.source_columns))
    return StreamSpec(name, table["entity"], table["read"], columns, table.get("write", {}))


@contextmanager
def ecc(name: str) -> Iterator[Site]:
    way, behaviour = PROFILES[name]
    system = EccSystem(replace(behaviour))
    fill(system)
    fill_many(system)
    server = SoapServer(system) if way == "soap" else None
    try:
        yield Site(system, way, server)
    finally:
        if server is not None:
            server.close()
        system.close()


class TestEccReads(DriverConformance):
    @pytest.fixture(params=[(WAYS[0], name) for name in ECC] + [(WAYS[1], "purchase_orders")], ids=str)
    async def subject(self, request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
        way, name = request.param
        with ecc(way) as found:
            driver = found.driver(time_zone="Europe/Berlin")
            lines = frozenset(ECC[name]["read"].get("lines", {}))
            yield Subject(driver, spec(name), line_sets=lines, page_sizes=(3, 1_000))
            await driver.aclose()


class TestEccWrites(WriteConformance):
    @pytest.fixture(params=WAYS)
    async def writable(self, request: pytest.FixtureRequest) -> AsyncIterator[Writable]:
        change = {"key": "4500000001", "terms": "0001", "lineItems": [{"lineNo": "10", "quantity": "5"}]}
        with ecc(request.param) as found:
            driver = found.driver(time_zone="Europe/Berlin")
            yield Writable(
                driver,
                spec("purchase_orders"),
                records={CREATE: NEW_ORDER, UPDATE: change},
                refused={
                    CREATE: NEW_ORDER | {"vendorKey": "0000000999"},
                    UPDATE: change | {"lineItems": [{"lineNo": "10", "quantity": "0"}]},
                },
                amount="lineItems.price",
                amount_column="items.NETPR",
            )
            await driver.aclose()
