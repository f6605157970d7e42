"""The conformance suites over the shipped profiles: streams of S/4HANA, of both versions, and of Business One."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from drivers.contract import OperationKind, StreamSpec
from tests.conformance.suite import DriverConformance, Subject
from tests.conformance.writes import Writable, WriteConformance
from tests.sap_odata import test_business_one, test_s4hana
from tests.sap_odata.connections import business_one, s4hana, streams
from tests.sap_odata.gateway import Gateway
from tests.sap_odata.service_layer import ServiceLayer

S4 = streams("sap-s4hana")
B1 = streams("sap-business-one")


def subject_of(spec: StreamSpec, stamp: str) -> StreamSpec:
    """As the suite asks for it: every column, and a replication key also where the profile compares."""
    options = {"replication_key": stamp, **spec.options}
    return replace(spec, columns=None, write={}, options=options)


# Both versions, lines inside of lines, lines from another service, a key of one's own.
@pytest.mark.parametrize("name", ["purchase_orders", "purchase_orders_v4", "inventory_items", "equipment"])
class TestS4hana(DriverConformance):
    @pytest.fixture
    async def subject(self, gateway: Gateway, name: str) -> AsyncIterator[Subject]:
        for service in gateway.services.values():
            service.page_size, service.nested_size = 11, 2
        driver = s4hana(gateway)
        spec = S4[name].spec
        yield Subject(
            driver,
            subject_of(spec, "LastChangeDateTime"),
            frozenset(spec.options.get("lines", {})),
            page_sizes=(3, 1_000),
        )
        await driver.aclose()


@pytest.mark.parametrize(
    "name", [name for name, each in B1.items() if "replication_key" in each.spec.options]
)
class TestBusinessOne(DriverConformance):
    @pytest.fixture
    async def subject(self, service_layer: ServiceLayer, name: str) -> AsyncIterator[Subject]:
        driver = business_one(service_layer)
        spec = B1[name].spec
        yield Subject(
            driver,
            subject_of(spec, "UpdateDate"),
            frozenset(spec.options.get("lines", {})),
            page_sizes=(3, 1_000),
        )
        await driver.aclose()


class TestS4hanaOrderWrites(WriteConformance):
    @pytest.fixture
    async def writable(self, gateway: Gateway) -> AsyncIterator[Writable]:
        driver = s4hana(gateway)
        order = json.loads(json.dumps(test_s4hana.ORDER))
        update = {"key": "4500000001", "terms": "0001", "lineItems": [{"lineNo": "10", "quantity": "4"}]}
        yield Writable(
            driver,
            S4["purchase_orders"].spec,
            records={OperationKind.CREATE: order, OperationKind.UPDATE: update},
            refused={OperationKind.CREATE: {**order, "vendorKey": "1000005"}},
            amount="lineItems.quantity",
            amount_column="items.OrderQuantity",
            amounts=("0.1", "12345678.01", "1.005"),
        )
        await driver.aclose()


class TestS4hanaWorkOrderWrites(WriteConformance):
    @pytest.fixture
    async def writable(self, gateway: Gateway) -> AsyncIterator[Writable]:
        driver = s4hana(gateway)
        record = {
            "type": "YA01",
            "title": "Replace seal",
            "assetKey": "10000003",
            "customFields": {"planningPlant": "1010"},
        }
        yield Writable(
            driver,
            S4["work_orders"].spec,
            records={
                OperationKind.CREATE: {**record, "tasks": [{"title": "Drain"}]},
                OperationKind.UPDATE: {"key": "4000001", "title": "Another"},
                OperationKind.SET_STATUS: {"key": "4000004", "status": "released"},
            },
            refused={
                OperationKind.CREATE: {**record, "assetKey": "99999999"},
                OperationKind.SET_STATUS: {"key": "4000003", "status": "released"},
            },
        )
        await driver.aclose()


class TestBusinessOneOrderWrites(WriteConformance):
    @pytest.fixture
    async def writable(self, service_layer: ServiceLayer) -> AsyncIterator[Writable]:
        driver = business_one(service_layer)
        order = json.loads(json.dumps(test_business_one.ORDER))
        yield Writable(
            driver,
            B1["purchase_orders"].spec,
            records={OperationKind.CREATE: order, OperationKind.UPDATE: {"key": "1", "notes": "by road"}},
            refused={
                OperationKind.CREATE: {**order, "vendorKey": "V30000"},
                OperationKind.UPDATE: {"key": "5", "notes": "late"},
            },
            amount="lineItems.quantity",
            amount_column="lines.Quantity",
            amounts=("0.1", "1.005"),
        )
        await driver.aclose()
