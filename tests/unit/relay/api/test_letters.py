"""Dead letters as the API lists and counts them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.model.payload import DeadLetterRecord, encode_dead_letters
from relay.api import letters
from relay.store import index_letters
from tests.unit.relay.api.serving import Served, served
from tests.unit.relay.making import NOW, Sender, dead_letters, enrolled, orders, vendors

LETTERS = "/dead-letters"
CAUSES = "/dead-letters/causes"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


def letters_of(entity: str, *told: tuple[str, str, str]) -> bytes:
    """Key, field and reason of each."""
    made = [DeadLetterRecord(key, field, reason, f"{field} cannot pass", 7) for key, field, reason in told]
    return encode_dead_letters(made, {"entity": entity, "connection": "nav"})


async def several(api: Served) -> Sender:
    """Of two connections and two entities; `3` is settled, by its record."""
    sender = Sender(await enrolled(api.relay.store))
    first = letters_of(
        "purchase_order",
        ("1", "orderNo", "missing"),
        ("2", "orderDate", "not_a_date"),
        ("3", "orderNo", "missing"),
    )
    vendor = letters_of("vendor", ("V1", "name", "missing"))
    late = replace(
        sender.batch(
            letters_of("purchase_order", ("9", "orderNo", "missing")), kind="dead_letters", run="run-2"
        ),
        received_at=NOW + timedelta(hours=1),
    )
    other = sender.batch(
        letters_of("purchase_order", ("1", "orderNo", "missing")),
        kind="dead_letters",
        stream="sap/purchase_orders",
    )
    sender.seq, sender.tails = 0, {}
    await api.store(
        sender.batch(first, kind="dead_letters"),
        sender.batch(vendor, kind="dead_letters", stream="nav/vendors", entity="vendor"),
        replace(late, seq=3, prev=1),
        replace(other, seq=4, prev=0),
    )
    sender.seq, sender.tails["nav/purchase_orders"] = 4, 3
    await api.store(sender.batch(orders(["3"])))
    return sender


async def keys(api: Served, **params: Any) -> list[str]:
    answer = await api.acme.get(LETTERS, params=params)
    assert answer.status_code == 200, answer.text
    return [f"{item['connection']}:{item['key']}" for item in answer.json()["items"]]


async def test_dead_letters_are_chosen_by_where_they_are_of_and_by_their_cause(api: Served) -> None:
    """G228."""
    await several(api)

    assert await keys(api) == ["nav:1", "nav:2", "nav:V1", "nav:9", "sap:1"]
    assert await keys(api, connection="sap") == ["sap:1"]
    assert await keys(api, entity="vendor") == ["nav:V1"]
    assert await keys(api, reason="not_a_date") == ["nav:2"]
    assert await keys(api, field="orderNo", connection="nav") == ["nav:1", "nav:9"]
    assert await keys(api, run="run-2") == ["nav:9"]
    assert await keys(api, key="1") == ["nav:1", "sap:1"]
    assert await keys(api, reason="missing", since="2026-01-05T13:00:00Z") == ["nav:9"]
    assert await keys(api, reason="none") == []
    assert (await api.globex.get(LETTERS, params={"state": "all"})).json()["items"] == []


async def test_a_settled_letter_is_found_by_its_state(api: Served) -> None:
    """G228."""
    await several(api)

    assert await keys(api, state="settled") == ["nav:3"]
    assert await keys(api, state="all", field="orderNo", connection="nav") == ["nav:1", "nav:3", "nav:9"]
    shown = (await api.acme.get(LETTERS, params={"state": "all"})).json()["items"]
    assert {item["key"]: item["state"] for item in shown if item["connection"] == "nav"} == {
        "1": "open", "2": "open", "3": "settled", "V1": "open", "9": "open",
    }  # fmt: skip


async def test_dead_letters_come_page_by_page_whatever_few_pass_the_filter(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G228: one page looks at a bounded number of letters, and its cursor goes on behind them."""
    monkeypatch.setattr(index_letters, "SCANNED_LETTERS", 2)
    await several(api)
    for params in ({}, {"reason": "not_a_date"}, {"state": "all"}, {"connection": "sap", "limit": 1}):
        found, cursor, pages = [], "", 0
        while True:
            page = (await api.acme.get(LETTERS, params={**params, "cursor": cursor})).json()
            found += [f"{item['connection']}:{item['key']}" for item in page["items"]]
            cursor, pages = page["nextCursor"], pages + 1
            if not page["hasMore"]:
                break
        monkeypatch.setattr(index_letters, "SCANNED_LETTERS", 20_000)
        assert found == await keys(api, **{**params, "limit": 100})
        monkeypatch.setattr(index_letters, "SCANNED_LETTERS", 2)
        assert pages > 1
        nothing = (await api.acme.get(LETTERS, params={**params, "cursor": cursor})).json()
        assert (nothing["items"], nothing["hasMore"], nothing["nextCursor"]) == ([], False, cursor)


async def causes(api: Served, **params: Any) -> dict[tuple[str, str, str, str], int]:
    answer = await api.acme.get(CAUSES, params=params)
    assert answer.status_code == 200, answer.text
    assert answer.json()["complete"] is True
    return {
        (one["connection"], one["entity"], one["field"], one["reason"]): one["count"]
        for one in answer.json()["items"]
    }


@pytest.mark.parametrize("at_once", [1, 5_000])
async def test_dead_letters_are_counted_by_cause(
    api: Served, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """G228: however many pieces they are counted in."""
    monkeypatch.setattr(index_letters, "COUNTED_AT_ONCE", at_once)
    await several(api)
    number = ("nav", "purchase_order", "orderNo", "missing")

    assert await causes(api) == {
        number: 2,
        ("nav", "purchase_order", "orderDate", "not_a_date"): 1,
        ("nav", "vendor", "name", "missing"): 1,
        ("sap", "purchase_order", "orderNo", "missing"): 1,
    }
    assert await causes(api, connection="nav", reason="missing", entity="purchase_order") == {number: 2}
    assert await causes(api, state="settled") == {number: 1}
    assert (await causes(api, state="all"))[number] == 3
    first = (await api.acme.get(CAUSES)).json()["items"][0]
    assert (first["oldestAt"], first["newestAt"]) == ("2026-01-05T12:00:00Z", "2026-01-05T13:00:00Z")
    assert (await api.globex.get(CAUSES, params={"state": "all"})).json() == {"items": [], "complete": True}


async def test_a_count_that_ended_before_the_last_letter_says_so(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G228."""
    monkeypatch.setattr(index_letters, "COUNTED_AT_ONCE", 2)
    monkeypatch.setattr(letters, "COUNTED_LETTERS", 4)
    await several(api)

    counted = (await api.acme.get(CAUSES, params={"state": "all"})).json()

    assert counted["complete"] is False
    assert sum(one["count"] for one in counted["items"]) == 4


@pytest.mark.parametrize(
    "params",
    [
        {"since": "2026-02-30T08:00:00Z"},
        {"since": "yesterday"},
        {"state": "lost"},
        {"causes": "1"},
        {"key": ""},
    ],
)
async def test_a_filter_that_cannot_be_meant_is_refused(api: Served, params: dict[str, str]) -> None:
    answer = await api.acme.get(CAUSES, params=params)

    assert answer.status_code == 422
    assert "500" not in answer.text


async def test_a_letter_that_is_told_anew_counts_once(api: Served) -> None:
    sender = Sender(await enrolled(api.relay.store))
    await api.store(
        sender.batch(dead_letters("7"), kind="dead_letters"),
        sender.batch(dead_letters("7"), kind="dead_letters"),
        sender.batch(vendors(["7"]), stream="nav/vendors", entity="vendor"),
    )

    assert await keys(api) == ["nav:7"]
    assert list((await causes(api)).values()) == [1]
