"""What no client library checks: tokens, clients, logon, locks, literals, odd dates, links inside lists, busy answers."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import httpx
import pytest

from tests.canaries import canary
from tests.sap_odata.errors import Refused
from tests.sap_odata.gateway import TOKEN_PATH, V2_ROOT
from tests.sap_odata.web import Trouble

ORDERS = f"{V2_ROOT}/API_PURCHASEORDER_PROCESS_SRV"
WORK_ORDERS = f"{V2_ROOT}/API_MAINTENANCEORDER"
EQUIPMENT = f"{V2_ROOT}/API_EQUIPMENT"
PUMP = f"{EQUIPMENT}/Equipment(Equipment='10000003',ValidityEndDate=datetime'9999-12-31T00:00:00')"


def results(answer: httpx.Response) -> list[dict]:
    assert answer.status_code == 200, answer.text
    return answer.json()["d"]["results"]


def token(http: httpx.Client, service: str = ORDERS) -> dict[str, str]:
    return {
        "x-csrf-token": http.get(f"{service}/", headers={"x-csrf-token": "Fetch"}).headers["x-csrf-token"]
    }


def test_the_metadata_is_the_published_document(http, gateway):
    answer = http.get(f"{ORDERS}/$metadata")

    assert answer.content == gateway.company.models["API_PURCHASEORDER_PROCESS_SRV"].document


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ("LastChangeDateTime ge datetimeoffset'2026-01-05T08:00:00Z'", 200),
        ("LastChangeDateTime ge datetime'2026-01-05T08:00:00'", 400),
        ("LastChangeDateTime ge 2026-01-05T08:00:00Z", 400),
        ("PurchaseOrderDate ge datetime'2026-01-05T00:00:00'", 200),
        ("PurchaseOrder gt 4500000001", 400),
        ("NoSuchProperty eq 'x'", 400),
        ("AddressName eq 'O''Brien'", 200),
    ],
)
def test_a_filter_is_taken_only_with_literals_of_the_propertys_type(http, condition, status):
    plus = http.get(f"{ORDERS}/A_PurchaseOrder", params={"$filter": condition})  # httpx writes blanks as +
    plain = http.get(f"{ORDERS}/A_PurchaseOrder?$filter={condition.replace(' ', '%20')}")

    assert plus.status_code == 400
    assert plain.status_code == status


def test_moments_are_printed_to_the_millisecond_and_compared_more_finely(http, gateway):
    row = gateway.company["A_PurchaseOrderType"].get(("4500000001",))
    row["LastChangeDateTime"] = datetime(2026, 1, 5, 9, 0, 0, 123_456, tzinfo=UTC)

    shown = http.get(f"{ORDERS}/A_PurchaseOrder('4500000001')?$select=LastChangeDateTime").json()["d"]
    above = http.get(
        f"{ORDERS}/A_PurchaseOrder?$filter=LastChangeDateTime%20gt%20datetimeoffset'2026-01-05T09:00:00.123Z'"
    )

    assert shown["LastChangeDateTime"] == f"/Date({1767603600123}+0000)/"
    assert [each["PurchaseOrder"] for each in results(above)] == ["4500000001"]


def test_an_expanded_list_has_a_link_to_its_rest(http, gateway):
    gateway.services["API_PURCHASEORDER_PROCESS_SRV"].nested_size = 3

    inner = http.get(f"{ORDERS}/A_PurchaseOrder('4500000003')?$expand=to_PurchaseOrderItem").json()["d"][
        "to_PurchaseOrderItem"
    ]
    rest = results(http.get(inner["__next"]))

    assert [each["PurchaseOrderItem"] for each in inner["results"] + rest] == ["10", "20", "30", "40"]


def test_equipment_has_a_record_for_each_period(http):
    answer = http.get(f"{EQUIPMENT}/Equipment?$filter=Equipment%20eq%20'10000002'")

    assert [each["ValidityEndDate"] for each in results(answer)] == [
        "/Date(1748649600000)/",
        "/Date(253402214400000)/",
    ]


def test_a_token_ends_and_another_is_fetched(http, gateway):
    gateway.csrf_uses = 1
    headers = token(http, WORK_ORDERS)
    release = f"{WORK_ORDERS}/ReleaseMaintenanceOrder?MaintenanceOrder='4000004'"

    first, second = http.post(release, headers=headers), http.post(release, headers=headers)
    third = http.post(release, headers=token(http, WORK_ORDERS))

    assert (first.status_code, second.status_code, third.status_code) == (200, 403, 400)
    assert second.headers["x-csrf-token"] == "Required"


def test_a_token_belongs_to_its_session(http, gateway):
    headers = token(http, WORK_ORDERS)
    http.cookies.clear()

    answer = http.post(f"{WORK_ORDERS}/ReleaseMaintenanceOrder?MaintenanceOrder='4000004'", headers=headers)

    assert answer.status_code == 403


def test_a_guarded_record_changes_only_with_its_version(http):
    headers = token(http, EQUIPMENT)
    read = http.get(PUMP)
    body = {"EquipmentName": "Pump, mended"}

    without = http.patch(PUMP, json=body, headers=headers)
    right = http.patch(PUMP, json=body, headers={**headers, "If-Match": read.headers["etag"]})
    again = http.patch(PUMP, json=body, headers={**headers, "If-Match": read.headers["etag"]})

    assert (without.status_code, right.status_code, again.status_code) == (428, 204, 412)
    assert http.get(PUMP).json()["d"]["EquipmentName"] == "Pump, mended"


def test_a_document_that_another_user_has_open_is_not_changed(http, gateway):
    gateway.company.open_by("purchase_order", "4500000001")
    address = f"{ORDERS}/A_PurchaseOrder('4500000001')"

    answer = http.patch(address, json={"PaymentTerms": "0001"}, headers=token(http))

    detail = answer.json()["error"]["innererror"]["errordetails"][0]
    assert (detail["code"], detail["message"]) == (
        "ME/006",
        "MUELLER is processing purchase order 4500000001",
    )
    assert gateway.company["A_PurchaseOrderType"].get(("4500000001",))["PaymentTerms"] == "0004"


def test_a_refused_order_leaves_nothing_and_no_gap_in_the_numbers(http, gateway):
    order = {
        "CompanyCode": "1010", "PurchaseOrderType": "NB", "Supplier": "1000001", "PurchasingOrganization": "1010",
        "PurchasingGroup": "001", "to_PurchaseOrderItem": {"results": [{"Plant": "1010", "Material": "NONE", "OrderQuantity": "1"}]},
    }  # fmt: skip
    refused = http.post(f"{ORDERS}/A_PurchaseOrder", json=order, headers=token(http))
    order["to_PurchaseOrderItem"]["results"][0]["Material"] = "TG0001"  # type: ignore[index]
    made = http.post(f"{ORDERS}/A_PurchaseOrder", json=order, headers=token(http))

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "M3/305")
    assert made.json()["d"]["PurchaseOrder"] == "4500000031"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"OrderQuantity": 4}, "/IWCOR/CX_DS_EP_VALUE_ERROR"),
        ({"OrderQuantity": "4.1234"}, "/IWCOR/CX_DS_EP_VALUE_ERROR"),
        ({"PurchaseOrderItemText": "x" * 41}, "/IWCOR/CX_DS_EP_VALUE_ERROR"),
        ({"NoSuchProperty": "x"}, "/IWCOR/CX_DS_EP_PROPERTY_ERROR/0050568"),
        ({"DocumentCurrency": "USD"}, "/IWFND/CM_MGW/001"),
    ],
    ids=["a number for a decimal", "too many digits", "too long", "unknown", "read-only"],
)
def test_a_body_is_held_against_the_metadata(http, body, code):
    item = f"{ORDERS}/A_PurchaseOrderItem(PurchaseOrder='4500000001',PurchaseOrderItem='10')"

    answer = http.patch(item, json=body, headers=token(http))

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


@pytest.mark.parametrize(
    "wrong",
    [{"auth": ("GROUNDWIRE", "wrong")}, {"auth": None}, {"params": {"sap-client": "200"}}],
    ids=["password", "no user", "client"],
)
def test_who_does_not_sign_in_rightly_gets_a_logon_page(gateway, wrong):
    answer = httpx.get(
        f"{gateway.url}{ORDERS}/A_PurchaseOrder", **{"auth": ("GROUNDWIRE", canary("-1")), **wrong}
    )

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "text/html"


def test_a_bearer_token_signs_in(gateway):
    form = {"grant_type": "client_credentials"}
    given = httpx.post(gateway.url + TOKEN_PATH, data=form, auth=("connector", canary("-2"))).json()[
        "access_token"
    ]

    answer = httpx.get(
        f"{gateway.url}{ORDERS}/A_PurchaseOrder/$count", headers={"Authorization": f"Bearer {given}"}
    )

    assert (answer.status_code, answer.text) == (200, "30")


def test_a_service_that_is_not_active_and_one_that_is_not_there(http, gateway):
    gateway.services["API_EQUIPMENT"].active = False

    inactive, absent = http.get(f"{EQUIPMENT}/Equipment"), http.get(f"{V2_ROOT}/API_NOTHING/Set")

    assert (inactive.status_code, inactive.headers["content-type"]) == (403, "text/html")
    assert (absent.status_code, absent.json()["error"]["code"]) == (403, "/IWFND/MED/170")


def test_trouble_happens_as_often_as_it_is_told(http, gateway):
    gateway.troubles = [
        Trouble("A_PurchaseOrder", 503, headers={"Retry-After": "7"}),
        Trouble("A_PurchaseOrder", 429),
        Trouble("A_PurchaseOrder", drop="before"),
    ]
    address = f"{ORDERS}/A_PurchaseOrder/$count"

    busy, many = http.get(address), http.get(address)
    with pytest.raises(httpx.RemoteProtocolError):
        http.get(address)

    assert (busy.status_code, busy.headers["retry-after"], many.status_code) == (503, "7", 429)
    assert http.get(address).text == "30"


def test_an_answer_that_is_lost_may_be_of_a_write_that_was_done(http, gateway):
    headers = token(http, WORK_ORDERS)
    gateway.troubles = [Trouble("ReleaseMaintenanceOrder", drop="after")]

    with pytest.raises(httpx.RemoteProtocolError):
        http.post(f"{WORK_ORDERS}/ReleaseMaintenanceOrder?MaintenanceOrder='4000004'", headers=headers)

    assert gateway.company["MaintenanceOrderType"].get(("4000004",))["SystemStatusText"].startswith("REL")


def test_a_refusal_has_the_shape_of_its_version():
    refusal = Refused(400, "ME/083", "Enter Plant")

    v2, v4 = json.loads(refusal.body(2))["error"], json.loads(refusal.body(4))["error"]

    assert v2["message"] == {"lang": "en", "value": "Enter Plant"}
    assert v4["message"] == "Enter Plant"
    assert re.fullmatch(r"[0-9A-F]{32}", v2["innererror"]["transactionid"])
