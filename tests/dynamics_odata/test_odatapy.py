"""The services of the tests as an independent client sees them: odatapy reads their metadata and types what it gets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from odatapy.client import BasicAuth, EdmEnabledODataClient, HttpxTransport, ODataClientError

from tests.dynamics_odata import finops
from tests.dynamics_odata.business_central import KEY, USER, BusinessCentral
from tests.dynamics_odata.cronus import CRONUS, guid
from tests.dynamics_odata.finops import FinanceAndOperations

COMPANY = f"companies({guid(CRONUS)})"


@pytest.fixture
def client(central: BusinessCentral) -> Iterator[Any]:
    with HttpxTransport(auth=BasicAuth(USER, KEY), trust_env=False) as transport:
        yield EdmEnabledODataClient(f"{central.url}/BC/api/v2.0", transport, odata_version="4.0")


def of_company(client: Any, path: str) -> Any:
    return client.uri().append_segment(COMPANY).append_entity_set_segment(path)


def one(client: Any, path: str, word: str) -> Any:
    return client.uri().append_segment(COMPANY).append_segment(f"{path}({guid(word)})")


def test_the_metadata_is_one_that_a_client_understands(client):
    document = client.get_metadata_document()

    assert {"purchaseOrder", "purchaseOrderLine", "vendor"} <= set(
        re.findall(r'EntityType Name="(\w+)"', str(document))
    )
    assert client.edm() is not None


def test_orders_come_with_their_lines_and_are_read_on_by_links(client, central):
    central.largest_page = 4
    uri = of_company(client, "purchaseOrders").expand("purchaseOrderLines").orderby("number desc")

    found = list(client.iter_entities(uri))

    assert [each.get_value("number") for each in found] == [
        str(106000 + number) for number in range(25, 0, -1)
    ]
    assert found[0].get_value("totalAmountExcludingTax") == Decimal("124.41")
    lines = found[0].get_navigation_link("purchaseOrderLines").inline_entity_set.entities
    assert [line.get_value("sequence") for line in lines] == [10000, 20000, 90000]


def test_what_business_central_does_not_compare_is_refused(client):
    for filter_ in (
        "number eq '10000' or displayName eq 'x'",
        f"id gt {guid('vendor 1')}",
        "number eq 'a number of more than twenty characters'",
        "contains(number,'1')",
    ):
        with pytest.raises(ODataClientError) as caught:
            client.get_entity_set(of_company(client, "vendors").filter(filter_))
        assert caught.value.status_code == 400
    uri = of_company(client, "vendors").filter("number eq '10000' or number eq '20000'")
    assert len(client.get_entity_set(uri).entities) == 2


def test_sets_lie_in_companies_and_lines_in_orders(client):
    with pytest.raises(ODataClientError, match="default company"):
        client.get_entity_set(client.entity_set_uri("vendors"))
    with pytest.raises(ODataClientError, match="Document Id"):
        client.get_entity_set(of_company(client, "purchaseOrderLines"))


def test_a_change_needs_the_version_that_was_read(client):
    uri = one(client, "vendors", "vendor 1")
    read = client.get_entity(uri)

    with pytest.raises(ODataClientError) as without:
        client.update_entity(uri, {"phoneNumber": "1"})
    client.update_entity(uri, {"phoneNumber": "1"}, headers={"If-Match": read.etag})
    with pytest.raises(ODataClientError) as outdated:
        client.update_entity(uri, {"phoneNumber": "2"}, headers={"If-Match": read.etag})

    assert (without.value.status_code, outdated.value.status_code) == (400, 409)
    assert client.get_entity(uri).as_dict()["phoneNumber"] == "1"


def test_an_order_is_made_with_lines_and_never_changed_with_them(client, central):
    line = {"lineType": "Item", "itemId": str(guid("item 1")), "quantity": 2}
    order = {"vendorId": str(guid("vendor 1")), "purchaseOrderLines": [line]}

    made = client.create_entity(of_company(client, "purchaseOrders"), order).as_dict()
    with pytest.raises(ODataClientError, match="Collection are not allowed"):
        client.update_entity(
            one(client, "purchaseOrders", "order 3"),
            {"purchaseOrderLines": [line]},
            headers={"If-Match": "*"},
        )

    assert central.books.by_number("purchaseOrders", made["number"])["totalAmountExcludingTax"] == Decimal(
        "194.20"
    )


# --- Finance & Operations


@pytest.fixture
def fo_client(fo: FinanceAndOperations) -> Iterator[Any]:
    form = {"client_id": finops.CLIENT, "client_secret": finops.SECRET, "resource": finops.RESOURCE}
    with httpx.Client(trust_env=False) as http:
        answer = http.post(f"{fo.url}/adfs/oauth2/token", data={"grant_type": "client_credentials", **form})
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    with HttpxTransport(trust_env=False) as transport:
        yield EdmEnabledODataClient(f"{fo.url}/data", transport, odata_version="4.0", headers=headers)


def of_all(uri: Any) -> Any:
    return uri.custom("cross-company", "true")


def test_only_the_own_company_is_seen_unless_all_are_asked_for(fo_client):
    own = list(fo_client.iter_entities(fo_client.entity_set_uri("VendorsV2")))
    every = list(fo_client.iter_entities(of_all(fo_client.entity_set_uri("VendorsV2"))))

    assert {each.get_value("dataAreaId") for each in own} == {"usmf"}
    assert len(every) == 2 * len(own)


def test_production_orders_come_with_one_level_of_what_is_below(fo_client, fo):
    fo.largest_page = 3
    uri = of_all(fo_client.entity_set_uri("ProductionOrderHeaders")).expand("ProdutionOrderBOMLines")

    found = list(fo_client.iter_entities(uri))

    assert len(found) == 14
    lines = found[0].get_navigation_link("ProdutionOrderBOMLines").inline_entity_set.entities
    assert [line.get_value("BOMLineQuantity") for line in lines] == [Decimal("1.5"), Decimal("1.5")]
    deep = "ProdutionOrderBOMLines($expand=Anything)"
    with pytest.raises(ODataClientError) as caught:
        fo_client.get_entity_set(fo_client.entity_set_uri("ProductionOrderHeaders").expand(deep))
    assert caught.value.status_code == 400


def test_enumerations_in_filters_want_their_namespace(fo_client):
    whole = "PurchaseOrderStatus eq Microsoft.Dynamics.DataEntities.PurchStatus'Canceled'"
    uri = fo_client.entity_set_uri("PurchaseOrderHeadersV2")

    assert len(fo_client.get_entity_set(uri.filter(whole)).entities) == 5
    for short in ("PurchaseOrderStatus eq PurchStatus'Canceled'", "PurchaseOrderStatus eq 'Canceled'"):
        with pytest.raises(ODataClientError) as caught:
            fo_client.get_entity_set(fo_client.entity_set_uri("PurchaseOrderHeadersV2").filter(short))
        assert caught.value.status_code == 400


def test_a_mark_that_is_outdated_is_refused(fo_client, fo):
    uri = fo_client.entity_uri("FixedAssetsV2", {"dataAreaId": "usmf", "FixedAssetNumber": "FORK-001"})
    read = fo_client.get_entity(uri)
    fo_client.update_entity(uri, {"Make": "Linde"}, headers={"If-Match": read.etag})

    with pytest.raises(ODataClientError) as outdated:
        fo_client.update_entity(uri, {"Make": "Still"}, headers={"If-Match": read.etag})
    assert outdated.value.status_code == 412
    assert fo.books.tables["FixedAssetsV2"]["usmf", "FORK-001"]["Make"] == "Linde"
