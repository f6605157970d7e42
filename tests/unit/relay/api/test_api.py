from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from relay.api.shell import MAX_BODY_BYTES
from tests.feed_reader import FeedReader
from tests.unit.relay.api.serving import Served, filled, keys, served
from tests.unit.relay.making import orders

logging.getLogger("httpx").setLevel(logging.WARNING)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


async def test_records_are_listed_without_the_deleted_ones(api: Served) -> None:
    await filled(api)

    assert await keys(api.acme) == ["1", "a/b c"]
    assert await keys(api.acme, deleted="include") == ["1", "a/b c", "gone"]
    assert await keys(api.acme, deleted="only") == ["gone"]


async def test_a_record_says_where_it_comes_from(api: Served) -> None:
    await filled(api)

    (document, *_) = (await api.acme.get("/purchase-orders")).json()["items"]

    assert document["connection"] == "nav"
    assert document["syncRun"] == "run-1"
    assert document["receivedAt"] == "2026-01-05T12:00:00Z"
    assert (document["deleted"], document["deletedAt"]) == (False, None)


async def test_a_key_with_a_slash_is_found(api: Served) -> None:
    await filled(api)

    answer = await api.acme.get("/connections/nav/purchase-orders/a%2Fb%20c")

    assert answer.json()["key"] == "a/b c"


async def test_a_deleted_record_can_still_be_got(api: Served) -> None:
    await filled(api)

    document = (await api.acme.get("/connections/nav/purchase-orders/gone")).json()

    assert (document["deleted"], document["notes"]) == (True, "n")


async def test_filters(api: Served) -> None:
    await filled(api)

    assert await keys(api.acme, status="approved", vendorKey="V1", code="PO-1") == ["1"]
    assert await keys(api.acme, connection="other") == []
    assert await keys(api.acme, updated_after="2026-01-05T11:59:59Z") == ["1", "a/b c"]
    assert await keys(api.acme, updated_after="2026-01-05T12:00:00Z") == []
    assert await keys(api.acme, updated_after="2026-01-05T14:00:00+02:30") == ["1", "a/b c"]


async def test_a_cursor_stays_valid_and_shows_what_came_behind_it(api: Served) -> None:
    sender = await filled(api)
    first = (await api.acme.get("/purchase-orders")).json()
    nothing = (await api.acme.get("/purchase-orders", params={"cursor": first["nextCursor"]})).json()

    await api.store(sender.batch(orders(["1"], note="changed")))
    later = (await api.acme.get("/purchase-orders", params={"cursor": nothing["nextCursor"]})).json()

    assert (nothing["items"], nothing["hasMore"]) == ([], False)
    assert [(item["key"], item["notes"]) for item in later["items"]] == [("1", "changed")]


async def test_pages_join_without_a_gap(api: Served) -> None:
    await filled(api)
    one = (await api.acme.get("/purchase-orders", params={"limit": 1})).json()
    two = (await api.acme.get("/purchase-orders", params={"limit": 1, "cursor": one["nextCursor"]})).json()

    assert [item["key"] for item in one["items"] + two["items"]] == ["1", "a/b c"]
    assert (one["hasMore"], two["hasMore"]) == (True, False)


async def test_raw_comes_only_when_asked_for(api: Served) -> None:
    sender = await filled(api)
    await api.store(sender.batch(orders(["raw"], raw='{"No_":"1"}')))

    plain = (await api.acme.get("/purchase-orders", params={"key": "raw"})).json()["items"][0]
    full = (await api.acme.get("/purchase-orders", params={"key": "raw", "include": "raw"})).json()["items"][
        0
    ]

    assert plain.get("raw") is None
    assert full["raw"] == {"No_": "1"}


PATHS = [
    "/agents/{agent}",
    "/connections/nav",
    "/connections/nav/purchase-orders/1",
    "/sync-runs/run-1",
    "/commands/{command}",
]


async def test_another_tenants_things_look_like_nothing(api: Served) -> None:
    sender = await filled(api)
    command = (await api.acme.post("/connections/nav/syncs", json={})).json()["id"]

    for path in PATHS:
        place = path.format(agent=sender.agent.id, command=command)
        nowhere = (
            path.format(agent="agt_none", command="cmd_none").replace("nav", "none").replace("run-1", "none")
        )
        assert (await api.acme.get(place)).status_code == 200, path
        foreign, absent = await api.globex.get(place), await api.globex.get(nowhere)
        assert (foreign.status_code, foreign.json()) == (404, absent.json()), path
    assert (await api.globex.post("/connections/nav/syncs", json={})).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/agents", "/connections", "/purchase-orders", "/vendors", "/sync-runs", "/dead-letters", "/commands"],
)
async def test_lists_hold_nothing_of_another_tenant(api: Served, path: str) -> None:
    await filled(api)
    await api.acme.post("/connections/nav/syncs", json={})

    assert (await api.acme.get(path)).json()["items"]
    assert (await api.globex.get(path)).json()["items"] == []


async def test_the_feed_holds_nothing_of_another_tenant(api: Served) -> None:
    await filled(api)

    reader = FeedReader()
    reader.read((await api.globex.get("/feed")).content)

    assert (reader.took, reader.more) == ([], False)
    assert (await api.globex.get("/feed/nav/purchase_order")).status_code == 404


@pytest.mark.parametrize("header", [None, "Bearer ", "Bearer nonsense", "Basic YTpi", "gwt_1_2"])
async def test_without_a_valid_token_there_is_one_answer(api: Served, header: str | None) -> None:
    for path in ("/agents", "/purchase-orders", "/feed", "/connections/nav/vendors/1"):
        headers = {} if header is None else {"Authorization": header}
        answer = await api.anybody.get(f"/api/v1{path}", headers=headers)

        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0}, {"limit": 501}, {"limit": "x"}, {"cursor": "x"}, {"cursor": "WyJpIiwieCJd"}, {"cursor": "€" * 9},
        {"cursor": "A" * 9_999}, {"updated_after": "yesterday"}, {"updated_after": "2026-01-01T00:00:00"},
        {"updated_after": "0001-01-01T00:00:00+23:00"}, {"deleted": "maybe"}, {"include": "secrets"},
        {"updated_after": "43"}, {"updated_after": "2026-02-30T00:00:00Z"}, {"vendorkey": "V1"}, {"status": ["a", "b"]},
    ],
)  # fmt: skip
async def test_an_invalid_request_is_a_problem_document(api: Served, params: dict[str, Any]) -> None:
    answer = await api.acme.get("/purchase-orders", params=params)

    if "+23:00" in str(params):
        assert answer.status_code == 200  # long ago, but a moment
        return
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 422


async def test_every_answer_names_the_version(api: Served) -> None:
    for client, path in [
        (api.acme, "/agents"),
        (api.acme, "/none"),
        (api.anybody, "/healthz"),
        (api.anybody, "/api/v1/feed"),
    ]:
        assert (await client.get(path)).headers["Groundwire-API-Version"] == "1"


async def test_health_needs_no_token_and_tells_nothing(api: Served) -> None:
    answer = await api.anybody.get("/healthz")

    assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_a_body_too_large_is_refused(api: Served) -> None:
    answer = await api.acme.post("/enrolment-codes", content=b" " * (MAX_BODY_BYTES + 1))

    assert answer.status_code == 413


async def test_a_body_longer_than_announced_is_cut_off(api: Served) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b" " * (MAX_BODY_BYTES // 4)

    answer = await api.acme.post("/enrolment-codes", content=endless())

    assert answer.status_code >= 400


async def test_a_connection_shows_its_streams_and_last_runs(api: Served) -> None:
    await filled(api)

    detail = (await api.acme.get("/connections/nav")).json()

    assert [(stream["name"], stream["lastSeq"], stream["records"]) for stream in detail["streams"]] == [
        ("purchase_orders", 5, 3),
        ("vendors", 2, 1),
    ]
    assert [run["run"] for run in detail["lastRuns"]] == ["run-1"]


async def test_dead_letters_come_page_by_page(api: Served) -> None:
    await filled(api)
    first = (await api.acme.get("/dead-letters", params={"limit": 2})).json()
    rest = (await api.acme.get("/dead-letters", params={"limit": 2, "cursor": first["nextCursor"]})).json()

    assert [item["key"] for item in first["items"] + rest["items"]] == ["7", "8", "9"]
    assert (first["hasMore"], rest["hasMore"]) == (True, False)


async def test_no_log_line_holds_a_token_a_key_or_a_query(api: Served) -> None:
    await filled(api)
    with capture_logs() as logged:
        await api.acme.get("/connections/nav/purchase-orders/a%2Fb%20c", params={"include": "raw"})
        await api.acme.get("/purchase-orders", params={"code": "PO-1"})

    text = str(logged)
    assert "request_answered" in text
    for secret in (api.acme.headers["Authorization"].split()[1], "a/b c", "PO-1", "raw"):
        assert secret not in text


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/agents?nam=x", 422, "there are cursor, fields, limit, name"),
        ("GET", "/agents?name=x&name=y", 422, "`name` is given twice"),
        ("GET", "/agents?cursor=x", 422, "send `nextCursor` as it came, or none"),
        ("GET", "/nothing", 404, "/api/v1/openapi.json"),
        ("PUT", "/agents", 405, "There is no PUT of this path"),
        ("POST", "/tokens", 422, "`errors` says where"),
    ],
)
async def test_a_refusal_says_what_to_try_next(
    api: Served, method: str, path: str, status: int, words: str
) -> None:
    answer = await api.acme.request(method, path)

    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text
