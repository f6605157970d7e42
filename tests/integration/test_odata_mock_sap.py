"""Against mock-sap, a peer that others wrote: SAP's shapes of V2 and V4."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any, Self

import mocksap
import pytest

from drivers.contract import (
    CredentialsRefused,
    OperationKind,
    Outcome,
    OutcomeStatus,
    ReadMode,
    ReadRequest,
    StreamSpec,
    WriteCommand,
)
from drivers.odata.driver import ODataDriver
from tests.conformance.suite import DriverConformance, Subject, keys, pages, rows

V2 = "sap/opu/odata/sap/API_PURCHASEORDER_PROCESS_SRV"
V4 = "sap/opu/odata4/sap/api_purchaseorder/srvd_a2x/sap/api_purchaseorder/0001"
READ: dict[int, dict[str, Any]] = {
    2: {"service": V2, "entity_set": "A_PurchaseOrder"},
    4: {"service": V4, "entity_set": "PurchaseOrder"},
}
ITEMS = {"lines": {"items": {"expand": "to_PurchaseOrderItem"}}, "replication_key": "CreationDate"}


class MockSap:
    def __init__(self, **options: Any) -> None:
        config = mocksap.Config(port=0, host="127.0.0.1", quiet=True, **options)
        self.http = mocksap.make_server(config)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self._thread = threading.Thread(
            target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self._thread.join()
        self.http.server_close()


@pytest.fixture(scope="module")
def basic() -> Iterator[MockSap]:
    with MockSap(basic_auth="ann:right") as peer:
        yield peer


def connected(peer: MockSap, word: str = "right", **options: Any) -> ODataDriver:
    auth = {"kind": "basic", "user": "ann"}
    return ODataDriver("sap", {"url": peer.url, "auth": auth, **options}, {"password": word})


@pytest.mark.parametrize("version", [2, 4], ids=["v2", "v4"])
class TestMockSap(DriverConformance):
    @pytest.fixture
    async def subject(self, basic: MockSap, version: int) -> AsyncIterator[Subject]:
        made = connected(basic, services=[V2, V4])
        stream = StreamSpec("orders", "purchase_order", {**READ[version], **ITEMS})
        yield Subject(made, stream, line_sets=frozenset({"items"}))
        await made.aclose()


async def test_both_versions_say_the_same_of_one_order(basic: MockSap) -> None:
    made = connected(basic)
    found = []
    for version in (2, 4):
        stream = StreamSpec(
            "orders", "purchase_order", {**READ[version], **ITEMS}, columns=["Supplier", "items.Material"]
        )
        read = rows(await pages(made, ReadRequest(stream, ReadMode.SCAN)))
        found.append(
            [
                (
                    row["__key"],
                    row["Supplier"],
                    [(item["PurchaseOrderItem"], item["Material"]) for item in row["items"]],
                )
                for row in read
            ]
        )
    await made.aclose()

    assert found[0] == found[1]
    assert any(items for _, _, items in found[0])


async def test_a_wrong_password_is_told_from_a_wrong_service(basic: MockSap) -> None:
    made = connected(basic, "wrong")
    stream = StreamSpec("orders", "purchase_order", READ[2])
    with pytest.raises(CredentialsRefused):
        await pages(made, ReadRequest(stream, ReadMode.KEYS))
    await made.aclose()

    made = connected(basic, service="sap/opu/odata/sap/API_NOTHING")
    steps = await made.check()
    await made.aclose()
    assert (steps[-1].ok, steps[-1].code) == (False, "source_changed")


async def test_a_token_of_the_oauth_endpoint_signs_in_and_is_renewed() -> None:
    with MockSap(oauth="me:hush", token_ttl=1) as peer:
        auth = {"kind": "oauth2", "token_url": f"{peer.url}/sap/bc/sec/oauth2/token", "client_id": "me"}
        made = ODataDriver("sap", {"url": peer.url, "auth": auth}, {"client_secret": "hush"})
        stream = StreamSpec("orders", "purchase_order", READ[2])
        first = keys(await pages(made, ReadRequest(stream, ReadMode.KEYS)))
        made._client._sign_in._token = "ended"  # what the endpoint will not take any more
        again = keys(await pages(made, ReadRequest(stream, ReadMode.KEYS, page_rows=5)))
        await made.aclose()

    assert first == again != []


# --- writing

ITEM_SETS = {2: "A_PurchaseOrderItem", 4: "PurchaseOrderItem"}
ORDER: dict[str, Any] = {
    "vendorCode": "1000015",
    "currency": "EUR",
    "orderedAt": "2026-01-02T00:00:00Z",
    "lineItems": [
        {"lineNo": "00010", "materialKey": "TG11", "quantity": "3.125", "unitPrice": "10.10"},
        {"lineNo": "00020", "materialKey": "TG12", "quantity": "1", "unitPrice": "0.99"},
    ],
}


def writable(version: int) -> StreamSpec:
    entity_set, items = READ[version]["entity_set"], ITEM_SETS[version]
    lines = {
        "PurchaseOrderItem": "lineItems.lineNo",
        "Material": "lineItems.materialKey",
        "OrderQuantity": "lineItems.quantity",
        "NetPriceAmount": "lineItems.unitPrice",
    }
    create = {
        "create": entity_set,
        "values": {
            "Supplier": "vendorCode",
            "CompanyCode": {"const": "1710"},
            "PurchaseOrderType": {"const": "NB"},
            "DocumentCurrency": "currency",
            "PurchaseOrderDate": "orderedAt",
            "PurchasingGroup": "idempotencyKey",  # there is no better place for it in this peer
        },
        "lines": {"to_PurchaseOrderItem": {"for_each": "lineItems", "values": lines}},
    }
    whole = {"PurchaseOrder": "key", "PurchaseOrderItem": "lineItems.lineNo"}
    write = {
        "create": {
            "find": "PurchasingGroup eq :idempotencyKey",
            "reference": "result.PurchaseOrder",
            "steps": [create],
        },
        "update": {
            "steps": [
                {
                    "update": entity_set,
                    "where": {"PurchaseOrder": "key"},
                    "set": {"PaymentTerms": "paymentTerms"},
                },
                {
                    "update": items,
                    "for_each": "lineItems",
                    "where": whole,
                    "set": {"OrderQuantity": "lineItems.quantity"},
                },
            ]
        },
        "delete": {"steps": [{"delete": entity_set, "where": {"PurchaseOrder": "key"}}]},
    }
    options = {**READ[version], "lines": ITEMS["lines"]}
    return StreamSpec("orders", "purchase_order", options, write=write)


@pytest.mark.parametrize("version", [2, 4], ids=["v2", "v4"])
async def test_an_order_is_created_found_changed_with_its_lines_and_deleted(version: int) -> None:
    """With a token against forgery, deep insert, If-Match (which the peer insists on) and a changeset."""
    with MockSap(basic_auth="ann:right", require_if_match=True) as peer:
        made, stream = connected(peer, csrf="fetch"), writable(version)

        async def send(kind: OperationKind, record: dict[str, Any]) -> Outcome:
            return await made.execute(WriteCommand(kind, "purchase_order", record, "Q7", stream))

        async def read(key: str) -> list[dict[str, Any]]:
            return rows(await pages(made, ReadRequest(stream, ReadMode.BY_KEYS, keys=[key])))

        outcome = await send(OperationKind.CREATE, ORDER)
        found = await made.find_effect(
            WriteCommand(OperationKind.CREATE, "purchase_order", ORDER, "Q7", stream)
        )
        (order,) = await read(outcome.key)
        assert (outcome.status, outcome.reference) == (OutcomeStatus.SUCCEEDED, outcome.key)
        assert found == outcome
        assert (order["Supplier"], str(order["PurchaseOrderDate"])[:10]) == ("1000015", "2026-01-02")
        assert [Decimal(item["OrderQuantity"]) for item in order["items"]] == [Decimal("3.125"), Decimal(1)]

        change = {
            "key": outcome.key,
            "paymentTerms": "0002",
            "lineItems": [{"lineNo": "00020", "quantity": "4.5"}],
        }
        assert (await send(OperationKind.UPDATE, change)).status is OutcomeStatus.SUCCEEDED
        (order,) = await read(outcome.key)
        assert order["PaymentTerms"] == "0002"
        assert [Decimal(item["OrderQuantity"]) for item in order["items"]] == [
            Decimal("3.125"),
            Decimal("4.5"),
        ]

        assert (await send(OperationKind.DELETE, {"key": outcome.key})).status is OutcomeStatus.SUCCEEDED
        assert await read(outcome.key) == []
        assert (await send(OperationKind.DELETE, {"key": outcome.key})).messages[0].code == "not_found"
        await made.aclose()
