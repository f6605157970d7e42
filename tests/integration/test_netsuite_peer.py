"""The fake, asked by a client of NetSuite that nobody here wrote: what it reads and writes is what the driver does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import requests
from netsuite_oauth import NetsuiteOauth

from drivers.contract import OperationKind, OutcomeStatus, ReadMode, ReadRequest, WriteCommand
from drivers.netsuite.driver import NetSuiteDriver
from tests.conformance.suite import pages, rows
from tests.netsuite import signatures
from tests.netsuite.connections import ACCOUNT, driver, orders, writable_orders
from tests.netsuite.server import QUERIES, RECORDS, NetSuite

QUERY = "SELECT id, tranid FROM transaction WHERE type = 'PurchOrd' ORDER BY id"


@pytest.fixture
async def account() -> AsyncIterator[NetSuite]:
    made = NetSuite(orders=9)
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def netsuite(account: NetSuite) -> AsyncIterator[NetSuiteDriver]:
    made = driver(account, signed=True)
    yield made
    await made.aclose()


def peer(account: NetSuite, place: str, secret: str = signatures.TOKEN_SECRET) -> NetsuiteOauth:
    return NetsuiteOauth(
        account.url + place,
        signatures.CONSUMER,
        signatures.CONSUMER_SECRET,
        signatures.TOKEN,
        secret,
        ACCOUNT,
    )


def queried(account: NetSuite) -> list[dict[str, Any]]:
    """By limit and offset, as most clients page."""
    found: list[dict[str, Any]] = []
    while True:
        answer = peer(account, QUERIES).request(
            "POST", {"q": QUERY}, {"limit": 4, "offset": len(found)}, {"Prefer": "transient"}
        )
        content = answer.json()
        found += content["items"]
        if not content["hasMore"]:
            return found


async def scanned(netsuite: NetSuiteDriver) -> dict[str, dict[str, Any]]:
    found = rows(await pages(netsuite, ReadRequest(orders(), ReadMode.SCAN, page_rows=4)))
    return {row["__key"]: row for row in found}


async def test_both_read_the_same_records(account: NetSuite, netsuite: NetSuiteDriver) -> None:
    theirs = await asyncio.to_thread(queried, account)

    assert {row["id"]: row["tranid"] for row in theirs} == {
        key: row["tranid"] for key, row in (await scanned(netsuite)).items()
    }


async def test_an_order_that_the_peer_makes_is_read_by_the_driver(
    account: NetSuite, netsuite: NetSuiteDriver
) -> None:
    order = {"entity": {"id": "101"}, "item": {"items": [{"item": {"id": "201"}, "quantity": 2}]}}

    answer = await asyncio.to_thread(peer(account, f"{RECORDS}/purchaseOrder").post, order)

    key = answer.headers["Location"].rpartition("/")[2]
    assert [line["quantity"] for line in (await scanned(netsuite))[key]["lines"]] == ["2"]


async def test_an_order_that_the_driver_makes_is_read_by_the_peer(
    account: NetSuite, netsuite: NetSuiteDriver
) -> None:
    record = {"vendorKey": "101", "notes": "New", "lineItems": [{"materialKey": "201", "quantity": "2"}]}

    outcome = await netsuite.execute(
        WriteCommand(OperationKind.CREATE, "purchase_order", record, "cmd-1", writable_orders())
    )

    assert outcome.status is OutcomeStatus.SUCCEEDED
    answer = await asyncio.to_thread(peer(account, f"{RECORDS}/purchaseOrder/eid:cmd-1").get)
    assert (answer.json()["id"], answer.json()["memo"]) == (outcome.key, "New")


async def test_the_peer_is_refused_as_the_driver_is(account: NetSuite) -> None:
    with pytest.raises(requests.HTTPError, match="401"):
        await asyncio.to_thread(peer(account, QUERIES, "wrong").post, {"q": QUERY}, {"Prefer": "transient"})
