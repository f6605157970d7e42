"""Business One's Service Layer as an independent client sees it (b1sl-python), and what only plain requests show."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import httpx
import pytest
from b1sl.b1sl import B1Client, B1Config
from b1sl.b1sl.exceptions.exceptions import (
    B1AuthError,
    B1NotFoundError,
    B1ValidationError,
    SAPConcurrencyError,
)
from b1sl.b1sl.models._generated import complex_types
from b1sl.b1sl.models._generated.entities import businesspartners, general, inventory, production

from tests.canaries import canary
from tests.sap_odata.business_one import MODEL
from tests.sap_odata.service_layer import ServiceLayer

KNOWN = {
    "Document": general.Document,
    "Item": inventory.Item,
    "BusinessPartner": businesspartners.BusinessPartner,
    "ProductionOrder": production.ProductionOrder,
}


@pytest.fixture
def client(service_layer: ServiceLayer) -> Iterator[B1Client]:
    service_layer.plus_is_blank = True  # as httpx writes it
    config = B1Config(f"{service_layer.url}/b1s/v2", "manager", canary("-3"), "SBODEMO")
    with B1Client(config) as made:
        yield made


@pytest.fixture
def http(service_layer: ServiceLayer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{service_layer.url}/b1s/v2", trust_env=False) as made:
        made.post("/Login", json=service_layer.logon)
        yield made


@pytest.mark.parametrize("set_name", MODEL)
def test_every_name_of_the_model_is_one_that_service_layer_has(set_name):
    entity = MODEL[set_name]

    mine = {field.alias for field in KNOWN[entity.type].model_fields.values()}
    assert {*entity.fields, *entity.lines} <= mine
    for lines in entity.lines.values():
        theirs = {field.alias for field in getattr(complex_types, lines.type).model_fields.values()}
        assert set(lines.fields) <= theirs


def test_orders_come_with_their_lines(client):
    found = client.get_resource(general.Document, "PurchaseOrders").filter("DocNum eq 1003").execute()

    assert [(each.doc_entry, each.card_code, len(each.document_lines)) for each in found] == [
        (3, "V40000", 1)
    ]


def test_a_long_list_is_read_page_by_page(client, service_layer):
    found = list(client.get_resource(inventory.Item, "Items").stream(page_size=4))

    assert [each.item_code for each in found] == sorted(service_layer.books.rows["Items"])
    assert len([each for each in service_layer.seen if "/Items" in each.path]) == 4


def test_an_order_is_made_changed_and_closed(client, service_layer):
    orders = client.get_resource(general.Document, "PurchaseOrders")
    line = complex_types.DocumentLine(item_code="A00001", quantity=3, unit_price=2.5, warehouse_code="01")
    order = general.Document(card_code="V10000", doc_due_date="2026-02-01", document_lines=[line])

    made = orders.create(order)
    orders.update(made.doc_entry, {"Comments": "by rail"})
    orders.action(made.doc_entry, "Close")

    row = service_layer.books.rows["PurchaseOrders"][made.doc_entry]
    assert (row["DocTotal"], row["Comments"], row["DocumentStatus"]) == (
        Decimal("7.5"),
        "by rail",
        "bost_Close",
    )


def test_refusals_are_understood(client):
    orders = client.get_resource(general.Document, "PurchaseOrders")

    with pytest.raises(B1NotFoundError):
        orders.get(9999)
    with pytest.raises(B1ValidationError, match="Enter valid code"):
        orders.create(general.Document(card_code="NOBODY", doc_due_date="2026-02-01"))
    with pytest.raises(B1ValidationError, match="Field cannot be updated"):
        orders.update(5, {"Comments": "too late"})


def test_a_wrong_password_does_not_sign_in(service_layer):
    config = B1Config(f"{service_layer.url}/b1s/v2", "manager", "wrong", "SBODEMO")

    with pytest.raises(B1AuthError), B1Client(config) as client:
        client.get_resource(general.Document, "PurchaseOrders").get(1)


def test_a_change_with_an_old_version_is_refused(client, service_layer):
    orders = client.get_resource(general.Document, "PurchaseOrders")
    orders.get(1)
    service_layer.books.rows["PurchaseOrders"][1]["Comments"] = "somebody else was here"

    with pytest.raises(SAPConcurrencyError):
        orders.update(1, {"Comments": "mine"})


def test_a_session_ends_after_its_time(http, service_layer):
    service_layer.session_minutes = -1

    answer = http.get("/PurchaseOrders")

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "301"


def test_a_session_ends_with_its_logout(http):
    assert http.get("/Items").status_code == 200
    assert http.post("/Logout").status_code == 204
    assert http.get("/Items").status_code == 401


def test_the_logon_gives_a_session_and_a_route(http):
    assert {"B1SESSION", "ROUTEID"} <= set(http.cookies)


@pytest.mark.parametrize(("replace", "left"), [(False, [0, 1, 2]), (True, [1, 2])])
def test_a_collection_is_merged_or_replaced(http, service_layer, replace, left):
    headers = {"B1S-ReplaceCollectionsOnPatch": "true"} if replace else {}
    lines = [{"LineNum": 1, "Quantity": 9.5}, {"ItemCode": "A00009", "Quantity": 1}]

    answer = http.patch("/PurchaseOrders(1)", json={"DocumentLines": lines}, headers=headers)

    held = service_layer.books.rows["PurchaseOrders"][1]["DocumentLines"]
    assert answer.status_code == 204
    assert [line["LineNum"] for line in held] == left
    assert next(line for line in held if line["LineNum"] == 1)["Quantity"] == Decimal("9.5")
    assert next(line for line in held if line["LineNum"] == 1)["WarehouseCode"] == "01"


@pytest.mark.parametrize("moment", ["2026-01-05T00:00:00Z", "'2026-01-05'"])
def test_dates_are_compared_plain_or_quoted(http, moment):
    answer = http.get(
        f"/PurchaseOrders?$filter=UpdateDate%20ge%20{moment}&$select=DocEntry",
        headers={"Prefer": "odata.maxpagesize=0"},
    )

    assert len(answer.json()["value"]) == 25


def test_pages_have_twenty_records_without_a_wish_and_a_link(http):
    answer = http.get("/PurchaseOrders?$select=DocEntry").json()

    rest = http.get("/" + answer["@odata.nextLink"]).json()

    assert (len(answer["value"]), len(rest["value"])) == (20, 5)
    assert "@odata.nextLink" not in rest
