"""Against mock-sap, a peer that others wrote: SAP's shapes of V2 and V4."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any, Self

import mocksap
import pytest

from drivers.contract import CredentialsRefused, ReadMode, ReadRequest, StreamSpec
from drivers.odata.driver import ODataDriver
from tests.conformance.suite import DriverConformance, Subject, keys, pages

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
        (page,) = await pages(made, ReadRequest(stream, ReadMode.SCAN))
        found.append(
            [
                (
                    row["__key"],
                    row["Supplier"],
                    [(item["PurchaseOrderItem"], item["Material"]) for item in row["items"]],
                )
                for row in page.table.to_pylist()
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
