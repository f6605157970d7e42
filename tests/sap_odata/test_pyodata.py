"""The V2 services as an independent client sees them: pyodata reads SAP's metadata, pages, creates, changes, calls."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from typing import Any

import pyodata
import pytest
import requests
from pyodata.exceptions import HttpError
from pyodata.v2.model import Config, PolicyIgnore

from tests.sap_odata.conftest import PASSWORD, USER
from tests.sap_odata.gateway import V2_ROOT, Gateway


@pytest.fixture
def session(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> Iterator[requests.Session]:
    caplog.set_level(logging.ERROR, logger="pyodata")  # it tells each annotation that it does not know
    gateway.plus_is_blank = True  # as pyodata writes it
    with requests.Session() as made:
        made.trust_env = False
        made.auth = (USER, PASSWORD)
        yield made


def client(gateway: Gateway, session: requests.Session, name: str, *, token: bool = False) -> Any:
    """As pyodata's documentation has it for SAP: the token is fetched first, and stays with the session."""
    url = f"{gateway.url}{V2_ROOT}/{name}/"
    if token:
        answer = session.head(url, headers={"x-csrf-token": "fetch"})
        session.headers["x-csrf-token"] = answer.headers["x-csrf-token"]
    return pyodata.Client(url, session, config=Config(default_error_policy=PolicyIgnore()))


@pytest.mark.parametrize(
    ("service", "entity_set", "count"),
    [
        ("API_PURCHASEORDER_PROCESS_SRV", "A_PurchaseOrder", 30),
        ("API_MAINTENANCEORDER", "MaintenanceOrder", 12),
        ("API_PRODUCT_SRV", "A_Product", 20),
        ("API_MATERIAL_STOCK_SRV", "A_MatlStkInAcctMod", 150),
        ("API_BUSINESS_PARTNER", "A_BusinessPartner", 8),
        ("API_EQUIPMENT", "Equipment", 13),
        ("API_FUNCTIONALLOCATION", "FunctionalLocation", 6),
    ],
)
def test_each_service_is_understood_and_gives_its_records(gateway, session, service, entity_set, count):
    records = getattr(client(gateway, session, service).entity_sets, entity_set).get_entities().execute()

    assert len(list(records)) == count


def test_an_order_comes_with_its_items_and_schedule_lines(gateway, session):
    orders = client(gateway, session, "API_PURCHASEORDER_PROCESS_SRV").entity_sets.A_PurchaseOrder

    order = orders.get_entity("4500000003").expand("to_PurchaseOrderItem/to_ScheduleLine").execute()

    items = order.to_PurchaseOrderItem
    assert [item.PurchaseOrderItem for item in items] == ["10", "20", "30", "40"]
    assert order.PurchaseOrderDate == dt.datetime(2026, 1, 4, tzinfo=dt.UTC)
    assert {line.PurchasingDocumentItem for line in items[1].to_ScheduleLine} == {"20"}


def test_filter_order_top_and_count(gateway, session):
    orders = client(gateway, session, "API_PURCHASEORDER_PROCESS_SRV").entity_sets.A_PurchaseOrder

    found = (
        orders.get_entities()
        .filter("Supplier eq '1000002' and PurchasingProcessingStatus ne '08'")
        .order_by("PurchaseOrder desc")
        .top(3)
        .count(inline=True)
        .execute()
    )

    assert [each.PurchaseOrder for each in found] == ["4500000029", "4500000025", "4500000017"]
    assert found.total_count == 6


def test_a_list_that_the_server_cuts_is_read_on_by_its_links(gateway, session):
    gateway.services["API_PURCHASEORDER_PROCESS_SRV"].page_size = 7
    orders = client(gateway, session, "API_PURCHASEORDER_PROCESS_SRV").entity_sets.A_PurchaseOrder

    found, answer = [], orders.get_entities().execute()
    found += [each.PurchaseOrder for each in answer]
    while answer.next_url:
        answer = orders.get_entities().next_url(answer.next_url).execute()
        found += [each.PurchaseOrder for each in answer]

    assert found == [str(4500000000 + number) for number in range(1, 31)]


def test_a_deep_insert_makes_an_order_with_items(gateway, session):
    orders = client(gateway, session, "API_PURCHASEORDER_PROCESS_SRV", token=True).entity_sets.A_PurchaseOrder

    made = (
        orders.create_entity()
        .set(
            CompanyCode="1010", PurchaseOrderType="NB", Supplier="1000001", PurchasingOrganization="1010",
            PurchasingGroup="001", DocumentCurrency="EUR",
            to_PurchaseOrderItem=[{"Plant": "1010", "Material": "TG0001", "OrderQuantity": "3"}],
        )
        .execute()
    )  # fmt: skip

    item = gateway.company["A_PurchaseOrderItemType"].where(PurchaseOrder=made.PurchaseOrder)
    assert made.PurchaseOrder == "4500000031"
    assert [each["PurchaseOrderItem"] for each in item] == ["10"]
    assert len(gateway.company["A_PurchaseOrderScheduleLineType"].where(PurchasingDocument="4500000031")) == 1


def test_without_a_token_nothing_is_written(gateway, session):
    orders = client(gateway, session, "API_PURCHASEORDER_PROCESS_SRV").entity_sets.A_PurchaseOrder

    with pytest.raises(HttpError) as caught:
        orders.create_entity().set(CompanyCode="1010").execute()

    assert caught.value.response.status_code == 403
    assert caught.value.response.headers["x-csrf-token"] == "Required"


def test_a_function_import_releases_a_work_order_once(gateway, session):
    functions = client(gateway, session, "API_MAINTENANCEORDER", token=True).functions

    functions.ReleaseMaintenanceOrder.parameter("MaintenanceOrder", "4000004").execute()
    with pytest.raises(HttpError) as caught:
        functions.ReleaseMaintenanceOrder.parameter("MaintenanceOrder", "4000004").execute()

    order = gateway.company["MaintenanceOrderType"].get(("4000004",))
    assert order["SystemStatusText"].startswith("REL ")
    assert caught.value.response.json()["error"]["code"] == "BS/007"


def test_a_changeset_is_one_unit_of_work(gateway, session):
    service = client(gateway, session, "API_BUSINESS_PARTNER", token=True)
    partners = service.entity_sets.A_BusinessPartner

    batch = service.create_batch()
    changes = service.create_changeset()
    changes.add_request(partners.create_entity().set(BusinessPartnerCategory="2", OrganizationBPName1="Good"))
    changes.add_request(partners.create_entity().set(BusinessPartnerCategory="9", OrganizationBPName1="Bad"))
    batch.add_request(changes)
    with pytest.raises(HttpError):
        batch.execute()

    names = {each["OrganizationBPName1"] for each in gateway.company["A_BusinessPartnerType"]}
    assert "Good" not in names


def test_a_changeset_that_holds_takes_effect(gateway, session):
    service = client(gateway, session, "API_BUSINESS_PARTNER", token=True)
    partners = service.entity_sets.A_BusinessPartner

    batch = service.create_batch()
    batch.add_request(partners.get_entity("3000002"))
    changes = service.create_changeset()
    changes.add_request(partners.create_entity().set(BusinessPartnerCategory="2", OrganizationBPName1="Good"))
    batch.add_request(changes)
    read, made = batch.execute()

    assert read.Supplier == "1000002"
    assert made[0].BusinessPartner == "1000101"
