"""The form that all routes share: entity tags, chosen fields, idempotency keys, limits, headers of routes that go."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from structlog.testing import capture_logs

from agent.errors import StorageFull
from relay.api import repeats
from relay.api.deprecation import Deprecation
from relay.api.examples import example_of
from relay.api.limits import Limits
from relay.api.shell import Shell
from relay.identities import ALL_SCOPES, create_token
from relay.store.base import OutcomeUnknown
from tests.unit.relay.api.serving import Served, filled, keys, served
from tests.unit.relay.making import NOW, orders

CODE = "/enrolment-codes"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


@pytest.mark.parametrize(
    "path",
    [
        "/purchase-orders",
        "/connections/nav/purchase-orders/1",
        "/connections",
        "/connections/nav",
        "/agents",
        "/commands",
        "/sync-runs",
        "/dead-letters",
        "/openapi.json",
    ],
)
async def test_what_has_not_changed_is_not_sent_again(api: Served, path: str) -> None:
    await filled(api)
    first = await api.acme.get(path)

    again = await api.acme.get(path, headers={"If-None-Match": f'"other", W/{first.headers["ETag"]}'})

    assert first.status_code == 200
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["ETag"] == first.headers["ETag"]


async def test_a_tag_changes_with_the_answer_and_is_of_its_request_alone(api: Served) -> None:
    sender = await filled(api)
    one = "/connections/nav/purchase-orders/1"
    before = (await api.acme.get(one)).headers["ETag"]

    await api.store(sender.batch(orders(["1"], note="other")))

    changed = await api.acme.get(one, headers={"If-None-Match": before})
    assert changed.status_code == 200
    assert changed.json()["notes"] == "other"
    chosen = await api.acme.get(one, params={"fields": "key"}, headers={"If-None-Match": before})
    assert chosen.status_code == 200


async def test_fields_choose_members_of_items_and_of_single_things(api: Served) -> None:
    await filled(api)

    listed = (await api.acme.get("/purchase-orders", params={"fields": "key,status"})).json()
    single = (await api.acme.get("/connections/nav", params={"fields": "id"})).json()
    agents = (await api.acme.get("/agents", params={"fields": "name"})).json()

    assert listed["items"][0] == {"key": "1", "status": "approved"}
    assert listed["nextCursor"]
    assert single == {"id": "nav"}
    assert agents["items"] == [{"name": "plant"}]


@pytest.mark.parametrize("fields", ["kay", "key,", "key,nothing", "*", "lineItems.quantity"])
async def test_a_field_that_is_not_there_is_refused_with_those_that_are(api: Served, fields: str) -> None:
    answer = await api.acme.get("/purchase-orders", params={"fields": fields})

    assert answer.status_code == 422
    assert "orderNo" in answer.json()["detail"]


async def test_fields_of_something_without_members_is_no_parameter(api: Served) -> None:
    answer = await api.acme.get("/feed", params={"fields": "key"})

    assert answer.status_code == 422
    assert "no parameter" in answer.json()["detail"]


async def test_a_repeated_write_has_the_same_answer_and_is_done_once(api: Served) -> None:
    key = {"Idempotency-Key": "replace plant-berlin"}
    body = {"agentName": "plant-berlin"}

    first = await api.acme.post(CODE, json=body, headers=key)
    again = await api.acme.post(CODE, json=body, headers=key)

    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Groundwire-API-Version"] == "1"
    assert (await api.acme.post(CODE, json=body)).json()["code"] != first.json()["code"]


async def test_what_is_shown_once_is_in_no_file_of_the_store(api: Served, tmp_path: Path) -> None:
    answer = await api.acme.post(CODE, json={}, headers={"Idempotency-Key": "k"})

    secret = answer.json()["code"].replace("-", "")[5:].encode()
    assert not any(
        secret in path.read_bytes() or answer.json()["code"].encode() in path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file()
    )


@pytest.mark.parametrize("body", [{"agentName": "b"}, {"agentName": "a", "minutes": 5}])
async def test_a_key_of_another_request_is_a_conflict(api: Served, body: dict[str, Any]) -> None:
    key = {"Idempotency-Key": "one"}
    await api.acme.post(CODE, json={"agentName": "a"}, headers=key)

    answer = await api.acme.post(CODE, json=body, headers=key)

    assert answer.status_code == 409


async def test_a_key_belongs_to_its_tenant_and_its_answer_to_its_token(api: Served) -> None:
    key = {"Idempotency-Key": "one"}
    first = await api.acme.post(CODE, json={}, headers=key)
    other = await create_token(api.relay.store, "acme", "other", NOW, scopes=ALL_SCOPES)

    stranger = await api.globex.post(CODE, json={}, headers=key)
    colleague = await api.acme.post(CODE, json={}, headers={**key, "Authorization": f"Bearer {other.text}"})

    assert stranger.status_code == 201
    assert stranger.json()["code"] != first.json()["code"]
    assert colleague.status_code == 409
    assert "another token" in colleague.json()["detail"]


async def test_a_refused_write_leaves_its_key_free(api: Served) -> None:
    key = {"Idempotency-Key": "one"}
    refused = await api.acme.post(CODE, json={"minutes": 0}, headers=key)

    assert refused.status_code == 422
    assert (await api.acme.post(CODE, json={}, headers=key)).status_code == 201


async def test_of_writes_at_the_same_time_one_is_done(api: Served) -> None:
    key = {"Idempotency-Key": "one"}
    answers = await asyncio.gather(*(api.acme.post(CODE, json={}, headers=key) for _ in range(5)))

    codes = {answer.json()["code"] for answer in answers if answer.status_code == 201}
    assert len(codes) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}


async def test_a_write_that_ended_without_an_answer_is_not_done_again(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(*_: Any) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(repeats.Claim, "keep", dies)
        with pytest.raises(asyncio.CancelledError):
            await api.acme.post(CODE, json={}, headers={"Idempotency-Key": "one"})

    answer = await api.acme.post(CODE, json={}, headers={"Idempotency-Key": "one"})
    assert answer.status_code == 409
    assert "without an answer" in answer.json()["detail"]


async def test_a_write_of_which_nobody_knows_whether_it_stands_is_not_done_again(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = {"Idempotency-Key": "one"}

    async def answers_no_more(*_: Any) -> None:
        raise OutcomeUnknown("the connection broke at a commit")

    with monkeypatch.context() as patched:
        patched.setattr(api.relay.store, "add_code", answers_no_more)
        unknown = await api.acme.post(CODE, json={}, headers=key)

    assert unknown.status_code == 503
    assert (await api.acme.post(CODE, json={}, headers=key)).status_code == 409


async def test_a_write_that_the_store_had_no_room_for_leaves_its_key_free(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = {"Idempotency-Key": "one"}

    async def full(*_: Any) -> None:
        raise StorageFull("no room")

    with monkeypatch.context() as patched:
        patched.setattr(api.relay.store, "add_code", full)
        assert (await api.acme.post(CODE, json={}, headers=key)).status_code == 503

    assert (await api.acme.post(CODE, json={}, headers=key)).status_code == 201


@pytest.mark.parametrize(
    ("path", "last"),
    [
        ("/usage/history", "9" * 30),
        ("/audit", '[1,"acme",18446744073709551615]'),
        ("/audit", '[1e300,"acme",1]'),
    ],
)
async def test_a_number_in_a_cursor_that_no_store_holds_is_refused(api: Served, path: str, last: str) -> None:
    cursor = base64.urlsafe_b64encode(orjson.dumps(["i", last])).rstrip(b"=").decode()

    assert (await api.acme.get(path, params={"cursor": cursor})).status_code == 422


async def test_a_key_is_kept_for_a_day_and_only_so_many_are(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "MAX_KEPT", 2)
    for number in (1, 2):
        await api.acme.post(CODE, json={}, headers={"Idempotency-Key": str(number)})

    full = await api.acme.post(CODE, json={}, headers={"Idempotency-Key": "3"})
    api.relay.clock.advance(timedelta(hours=25).total_seconds())
    later = await api.acme.post(CODE, json={}, headers={"Idempotency-Key": "1"})

    assert full.status_code == 429
    assert int(full.headers["Retry-After"]) > 0
    assert later.status_code == 201
    assert "Idempotency-Replayed" not in later.headers


async def test_a_token_that_asks_too_often_is_told_when_it_may_again(api: Served) -> None:
    api.app.state.context = replace(api.app.state.context, limits=Limits(0.3))  # 3 in ten seconds

    answers = [await api.acme.get("/agents") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"token";q=3;w=10'
    assert [answer.headers["RateLimit"] for answer in answers] == [
        '"token";r=2;t=4',
        '"token";r=1;t=7',
        '"token";r=0;t=10',
        '"token";r=0;t=10',
    ]
    assert answers[3].headers["Retry-After"] == "4"
    assert answers[3].headers["Groundwire-API-Version"] == "1"
    assert (await api.globex.get("/agents")).status_code == 200
    api.relay.clock.advance(4.0)
    assert (await api.acme.get("/agents")).status_code == 200


def test_buckets_are_bounded_and_refill_evenly() -> None:
    limits = Limits(1.0, most=2)
    for _ in range(limits.quota):
        assert limits.spend("a", 0.0).allowed
    assert not limits.spend("a", 0.9).allowed
    assert limits.spend("a", 1.0).allowed
    assert not limits.spend("a", 0.5).allowed  # a clock that goes back gives nothing

    limits.spend("b", 1.0)
    limits.spend("c", 1.0)

    assert limits.spend("a", 1.0).left == limits.quota - 1  # it had given way


async def test_a_route_that_will_go_says_so_in_every_answer(tmp_path: Path) -> None:
    since = datetime(2026, 1, 5, 12, tzinfo=UTC)
    going = Deprecation(since, since + timedelta(days=400), "/api/v2/orders")
    router = APIRouter()

    @router.get("/old", **going.of_route())
    async def old(limit: int = 1) -> int:
        return limit

    @router.get("/new")
    async def new() -> int:
        return 1

    async with served(tmp_path) as api:
        app = FastAPI(middleware=[Middleware(Shell)])
        app.state.context = api.app.state.context
        app.include_router(router)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://relay") as client:
            for path in ("/old", "/old?limit=x"):
                headers = (await client.get(path)).headers
                assert headers["Deprecation"] == "@1767614400"
                assert headers["Sunset"] == "Tue, 09 Feb 2027 12:00:00 GMT"
                assert headers["Link"] == '</api/v2/orders>; rel="successor-version"'
            assert "Deprecation" not in (await client.get("/new")).headers
        assert app.openapi()["paths"]["/old"]["get"]["deprecated"] is True


def test_no_route_goes_within_a_year_of_its_successor() -> None:
    with pytest.raises(ValueError, match="12 months"):
        Deprecation(NOW, NOW + timedelta(days=364), "/api/v2")


async def test_an_error_that_nobody_foresaw_names_the_version_and_nothing_else(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_: str) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(api.relay.store, "connection", breaks)

    with capture_logs() as lines:
        answer = await api.acme.get("/connections/nav")

    assert "request_crashed" in [line["event"] for line in lines]
    assert answer.status_code == 500
    assert answer.headers["Groundwire-API-Version"] == "1"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "secret" not in answer.text


async def test_answers_are_kept_by_nobody_on_the_way(api: Served) -> None:
    assert (await api.acme.get("/agents")).headers["Cache-Control"] == "private, no-cache"
    assert (await api.acme.post(CODE, json={})).headers["Cache-Control"] == "no-store"
    assert await keys(api.acme) == []


def test_an_example_is_made_of_the_examples_of_the_members() -> None:
    components = {
        "Part": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}},
        "Whole": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "examples": ["erp"]},
                "at": {"type": "string", "format": "date-time"},
                "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
                "none": {"anyOf": [{"type": "null"}, {"type": "string"}]},
                "kind": {"enum": ["a", "b"]},
            },
        },
    }

    assert example_of({"$ref": "#/components/schemas/Whole"}, components) == {
        "name": "erp",
        "at": "2026-01-05T12:00:00Z",
        "parts": [{"n": 3}],
        "none": None,
        "kind": "a",
    }
