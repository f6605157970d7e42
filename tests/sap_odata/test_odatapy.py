"""The V4 purchase order service as an independent client sees it: odatapy reads SAP's metadata and types what it gets."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from odatapy.client import BasicAuth, EdmEnabledODataClient, HttpxTransport, ODataClientError

from tests.sap_odata.conftest import PASSWORD, USER
from tests.sap_odata.gateway import V4_NAME, V4_ROOT, Gateway


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Any]:
    with HttpxTransport(auth=BasicAuth(USER, PASSWORD), trust_env=False) as transport:
        yield EdmEnabledODataClient(f"{gateway.url}{V4_ROOT}", transport, odata_version="4.0")


def token(client: Any) -> dict[str, str]:
    answer = client.get_raw(client.uri(), headers={"x-csrf-token": "Fetch"})
    return {"x-csrf-token": answer.headers["x-csrf-token"]}


def test_orders_come_with_items_and_schedule_lines(client):
    uri = (
        client.entity_set_uri("PurchaseOrder")
        .filter("LastChangeDateTime ge 2026-01-05T08:00:00Z and Supplier in ('1000002','1000003')")
        .expand("_PurchaseOrderItem($expand=_PurchaseOrderScheduleLineTP;$orderby=PurchaseOrderItem desc)")
        .orderby("PurchaseOrder desc")
        .top(2)
    )

    found = client.get_entity_set(uri).entities

    assert [each.get_value("PurchaseOrder") for each in found] == ["4500000030", "4500000029"]
    items = found[0].get_navigation_link("_PurchaseOrderItem").inline_entity_set.entities
    assert [each.get_value("PurchaseOrderItem") for each in items] == ["30", "20", "10"]
    assert items[0].get_value("NetPriceAmount") == Decimal("10.99")
    assert items[0].get_navigation_link("_PurchaseOrderScheduleLineTP").inline_entity_set.entities


def test_a_list_that_the_server_cuts_is_read_on_by_its_links(client, gateway):
    gateway.services[V4_NAME].page_size = 4

    found = [
        each.as_dict()["PurchaseOrder"]
        for each in client.iter_entities(client.entity_set_uri("PurchaseOrder"))
    ]

    assert found == [str(4500000000 + number) for number in range(1, 31)]


def test_the_services_of_both_versions_show_the_same_documents(client, gateway):
    gateway.company["A_PurchaseOrderType"].get(("4500000007",))["PaymentTerms"] = "0099"

    order = client.get_entity(client.entity_uri("PurchaseOrder", "4500000007")).as_dict()

    assert order["PaymentTerms"] == "0099"


def test_a_change_needs_the_version_that_was_read(client):
    uri = client.entity_uri("PurchaseOrder", "4500000001")
    read = client.get_entity(uri)
    headers = token(client)

    with pytest.raises(ODataClientError) as without:
        client.update_entity(uri, {"PaymentTerms": "0001"}, headers=headers)
    client.update_entity(uri, {"PaymentTerms": "0001"}, headers={**headers, "If-Match": read.etag})
    with pytest.raises(ODataClientError) as outdated:
        client.update_entity(uri, {"PaymentTerms": "0002"}, headers={**headers, "If-Match": read.etag})

    assert (without.value.status_code, outdated.value.status_code) == (428, 412)
    assert client.get_entity(uri).as_dict()["PaymentTerms"] == "0001"


def test_a_deep_insert_makes_an_order_with_items(client, gateway):
    order = {
        "CompanyCode": "1010", "PurchaseOrderType": "NB", "Supplier": "1000001", "PurchasingOrganization": "1010",
        "PurchasingGroup": "001", "DocumentCurrency": "EUR",
        "_PurchaseOrderItem": [{"Plant": "1010", "Material": "TG0002", "OrderQuantity": 7}],
    }  # fmt: skip

    made = client.create_entity(
        client.entity_set_uri("PurchaseOrder"), order, headers=token(client)
    ).as_dict()

    items = gateway.company["A_PurchaseOrderItemType"].where(PurchaseOrder=made["PurchaseOrder"])
    assert [(each["Material"], each["OrderQuantity"]) for each in items] == [("TG0002", Decimal(7))]


def test_a_refusal_has_the_applications_own_words(client):
    order = {
        "CompanyCode": "1010", "PurchaseOrderType": "NB", "Supplier": "1000005", "PurchasingOrganization": "1010",
        "PurchasingGroup": "001", "_PurchaseOrderItem": [{"Plant": "1010", "Material": "TG0002", "OrderQuantity": 7}],
    }  # fmt: skip

    with pytest.raises(ODataClientError, match="blocked for purchasing") as caught:
        client.create_entity(client.entity_set_uri("PurchaseOrder"), order, headers=token(client))

    assert caught.value.status_code == 400
