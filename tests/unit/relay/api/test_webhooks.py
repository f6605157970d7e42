"""Events and webhooks as a platform's developer asks for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from agent.clock import SystemClock
from relay.bus.subjects import EVENTS
from relay.events import Event, EventType, event_id
from relay.identities import create_token
from relay.store import audit
from relay.store.base import TokenScope
from relay.webhooks.desk import MOST_ENDPOINTS
from relay.webhooks.signing import key_of, shown
from relay.webhooks.store import EventStore
from tests.canaries import canary
from tests.integration.webhook_receivers import answering, receiver
from tests.unit.relay.api.serving import Served, served
from tests.unit.relay.making import NOW

WORDS = ("webhook_created", "webhook_changed", "webhook_secret_rotated", "webhook_deleted")
OWN = shown(canary("-webhook").encode().ljust(32, b"."))
URL = "https://hooks.example.com/groundwire"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as found:
        yield found


async def tell(api: Served, *connections: str, tenant: str = "acme", start: int = 0) -> list[str]:
    made = [
        Event(
            event_id(tenant, start + number), tenant, NOW, EventType.RECORD_UPDATED, {"n": number}, connection
        )
        for number, connection in enumerate(connections)
    ]
    await EventStore(api.relay.store.engine).tell(made, api.relay.clock.utcnow())
    api.bus.publish(EVENTS)
    return [event.id for event in made]


async def created(api: Served, **body: Any) -> dict[str, Any]:
    answer = await api.acme.post("/webhook-endpoints", json={"url": URL} | body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_the_secret_is_shown_once(api: Served) -> None:
    made = await created(api, types=["record.updated"], connections=["nav"], ordered=True)

    assert len(key_of(made["secret"])) == 32
    read = (await api.acme.get(f"/webhook-endpoints/{made['id']}")).json()
    listed = (await api.acme.get("/webhook-endpoints")).json()["items"]
    assert read == listed[0] == {name: value for name, value in made.items() if name != "secret"}
    assert (read["types"], read["connections"], read["ordered"]) == (["record.updated"], ["nav"], True)


async def test_a_secret_that_is_brought_along_is_in_no_answer_but_the_first(api: Served) -> None:
    made = await created(api, secret=OWN)
    assert made["secret"] == OWN

    refused = await api.acme.post("/webhook-endpoints", json={"url": URL, "secret": "whsec_short"})
    assert refused.status_code == 422
    await api.acme.post(f"/webhook-endpoints/{made['id']}/secret", json={"secret": OWN, "overlapHours": 0})
    assert OWN not in (await api.acme.get("/webhook-endpoints")).text


@pytest.mark.parametrize(
    "url",
    [
        "ftp://hooks.example.com/",
        "https://u:p@hooks.example.com/",
        "https://169.254.169.254/latest",
        "https://10.0.0.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://hooks.example.com:25/",
        "nothing",
    ],
)
async def test_a_target_inside_is_refused_with_the_reason(api: Served, url: str) -> None:
    made = await created(api)
    for answer in (
        await api.acme.post("/webhook-endpoints", json={"url": url}),
        await api.acme.patch(f"/webhook-endpoints/{made['id']}", json={"url": url}),
    ):
        assert answer.status_code == 422
        assert (
            "URL" in answer.json()["detail"] or "address" in answer.json()["detail"] or "Port" in answer.text
        )


async def test_an_endpoint_is_changed_disabled_and_deleted(api: Served) -> None:
    made = await created(api)
    path = f"/webhook-endpoints/{made['id']}"

    changed = (await api.acme.patch(path, json={"description": "d", "types": ["agent.offline"]})).json()
    assert (changed["description"], changed["types"], changed["url"]) == ("d", ["agent.offline"], URL)
    disabled = (await api.acme.patch(path, json={"enabled": False})).json()
    assert (disabled["enabled"], disabled["disabledReason"]) == (False, "by_request")
    assert (await api.acme.post(f"{path}/replay", json={"since": "2026-01-01T00:00:00Z"})).status_code == 409
    enabled = (await api.acme.patch(path, json={"enabled": True})).json()
    assert (enabled["enabled"], enabled["disabledReason"], enabled["disabledAt"]) == (True, None, None)


async def test_an_endpoint_that_a_later_relay_disabled_is_shown_and_can_be_enabled(api: Served) -> None:
    made = await created(api)
    path = f"/webhook-endpoints/{made['id']}"
    await api.acme.patch(path, json={"enabled": False})
    await api.relay.store.engine.write(
        lambda db: db.execute("UPDATE webhook_endpoints SET disabled_reason = 'of_a_later_relay'")
    )

    shown_now = await api.acme.get(path)
    listed = await api.acme.get("/webhook-endpoints")
    enabled = await api.acme.patch(path, json={"enabled": True})

    assert (shown_now.status_code, listed.status_code, enabled.status_code) == (200, 200, 200)
    assert (shown_now.json()["enabled"], shown_now.json()["disabledReason"]) == (False, "of_a_later_relay")
    assert enabled.json()["enabled"]
    assert (await api.acme.delete(path)).status_code == 204
    assert [(await api.acme.request(m, path)).status_code for m in ("GET", "DELETE")] == [404, 404]


async def test_a_tenant_has_a_bounded_number_of_endpoints(api: Served) -> None:
    for _ in range(MOST_ENDPOINTS):
        await created(api)

    assert (await api.acme.post("/webhook-endpoints", json={"url": URL})).status_code == 409
    assert (await api.globex.post("/webhook-endpoints", json={"url": URL})).status_code == 201


async def test_another_tenant_s_endpoint_looks_like_none(api: Served) -> None:
    made = await created(api)
    path = f"/webhook-endpoints/{made['id']}"
    since = {"since": "2026-01-01T00:00:00Z"}
    asked = [
        ("GET", path, None),
        ("PATCH", path, {"enabled": False}),
        ("DELETE", path, None),
        ("POST", f"{path}/secret", {}),
        ("POST", f"{path}/test", None),
        ("POST", f"{path}/replay", since),
        ("GET", f"{path}/deliveries", None),
        ("GET", f"{path}/deliveries/dlv_1", None),
        ("POST", f"{path}/deliveries/dlv_1/replay", None),
    ]
    nobody = [(method, at.replace(made["id"], "wep_nobody"), body) for method, at, body in asked]

    theirs = [await api.globex.request(method, at, json=body) for method, at, body in asked]
    none = [await api.globex.request(method, at, json=body) for method, at, body in nobody]

    assert {answer.status_code for answer in theirs} == {404}
    assert [answer.json() for answer in theirs] == [answer.json() for answer in none]
    assert (await api.globex.get("/webhook-endpoints")).json()["items"] == []


async def test_a_token_that_may_only_read_changes_nothing(api: Served) -> None:
    made = await created(api)
    token = await create_token(api.relay.store, "acme", "r", NOW, scopes=frozenset({TokenScope.READ}))
    headers = {"Authorization": f"Bearer {token.text}"}
    path = f"/webhook-endpoints/{made['id']}"

    assert (await api.acme.get(path, headers=headers)).status_code == 200
    for method, at in (
        ("POST", "/webhook-endpoints"),
        ("PATCH", path),
        ("DELETE", path),
        ("POST", f"{path}/test"),
    ):
        answer = await api.acme.request(method, at, json={"url": URL}, headers=headers)
        assert answer.status_code == 403


async def test_every_change_leaves_a_line_in_the_audit_log_and_no_secret_in_it(api: Served) -> None:
    made = await created(api, secret=OWN)
    path = f"/webhook-endpoints/{made['id']}"
    await api.acme.patch(path, json={"enabled": False})
    await api.acme.post(f"{path}/secret", json={})
    await api.acme.delete(path)
    await api.acme.delete(path)

    lines = await api.relay.store.engine.read(lambda sql: audit.lines(sql, "acme", 0, 100))
    told = [line.text for line in lines if made["id"] in line.text]
    assert [next(word for word in WORDS if f'"{word}"' in text) for text in told] == list(WORDS)
    assert all("token" in text for text in told)
    assert OWN not in str(told)


async def test_the_test_button_sends_a_signed_event_and_shows_the_answer(api: Served) -> None:
    """The relay's clock stands still here, so the signature is checked against that moment."""
    async with receiver(answering(503, "Connection: close\r\n", b"later")) as there:
        made = await created(api, url=there.url)
        shown_answer = (await api.acme.post(f"/webhook-endpoints/{made['id']}/test")).json()

        [request] = there.requests
        assert request.event["type"] == "webhook.test"
        with pytest.raises(WebhookVerificationError, match="too old"):
            Webhook(made["secret"]).verify(request.body, request.headers)
        fresh = _signed_again(made["secret"], request.headers["webhook-id"], request.body)
        assert Webhook(made["secret"]).verify(request.body, fresh)["type"] == "webhook.test"
    assert (shown_answer["delivered"], shown_answer["status"], shown_answer["excerpt"]) == (
        False,
        503,
        "later",
    )


def _signed_again(secret: str, message: str, body: bytes) -> dict[str, str]:
    now = SystemClock().utcnow()
    signature = Webhook(secret).sign(message, now, body.decode())
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }


async def test_a_rotated_secret_is_shown_with_the_end_of_the_old_one(api: Served) -> None:
    made = await created(api)

    answer = (await api.acme.post(f"/webhook-endpoints/{made['id']}/secret", json={"overlapHours": 2})).json()

    assert answer["secret"] != made["secret"]
    assert answer["oldSecretUntil"] == (NOW + timedelta(hours=2)).isoformat().replace("+00:00", "Z")


async def test_events_are_listed_followed_and_chosen(api: Served) -> None:
    told = await tell(api, "nav", "sap", "nav")
    await tell(api, "nav", tenant="globex")

    first = (await api.acme.get("/events", params={"limit": 2})).json()
    rest = (await api.acme.get("/events", params={"cursor": first["nextCursor"]})).json()

    assert [item["id"] for item in first["items"] + rest["items"]] == told
    assert (first["hasMore"], rest["hasMore"]) == (True, False)
    chosen = (await api.acme.get("/events", params={"connection": "sap", "type": "record.updated"})).json()
    assert [item["id"] for item in chosen["items"]] == [told[1]]
    assert (await api.acme.get(f"/events/{told[0]}")).json() == first["items"][0]
    assert (await api.globex.get(f"/events/{told[0]}")).status_code == 404
    assert (await api.acme.get("/events", params={"type": "record.eaten"})).status_code == 422


async def test_a_cursor_gives_away_nothing_and_is_good_for_its_tenant_alone(api: Served) -> None:
    await tell(api, "nav")
    cursor = (await api.acme.get("/events")).json()["nextCursor"]

    assert (await api.globex.get("/events", params={"cursor": cursor})).status_code == 422
    assert (await api.acme.get("/events", params={"cursor": cursor[:-2] + "xx"})).status_code == 422


async def test_a_reader_that_waits_is_answered_when_something_is_told(api: Served) -> None:
    cursor = (await api.acme.get("/events", params={"cursor": "now"})).json()["nextCursor"]
    waiting = asyncio.create_task(api.acme.get("/events", params={"cursor": cursor, "wait": 30}))
    await asyncio.sleep(0)  # noqa: TID251 - a turn, no time

    told = await tell(api, "nav")

    answer = (await waiting).json()
    if not answer["items"]:  # the fake clock ran through the 30 seconds first
        answer = (await api.acme.get("/events", params={"cursor": answer["nextCursor"]})).json()
    assert [item["id"] for item in answer["items"]] == told


async def test_a_cursor_behind_which_events_are_gone_says_so(api: Served) -> None:
    """A reader that stayed away for longer than events are kept must not believe that it has seen everything."""
    await tell(api, "nav")
    cursor = (await api.acme.get("/events")).json()["nextCursor"]
    await tell(api, "nav", "nav", start=10)
    store = EventStore(api.relay.store.engine)
    await api.relay.store.engine.write(_all_fanned_out)
    assert (await api.acme.get("/events", params={"cursor": cursor})).status_code == 200

    await store.prune(NOW + timedelta(days=1), 2)

    assert (await api.acme.get("/events", params={"cursor": cursor})).status_code == 410
    assert len((await api.acme.get("/events")).json()["items"]) == 1


def _all_fanned_out(sql: Any) -> None:
    sql.execute("UPDATE event_numbers SET value = 100 WHERE name = 'fanned_out'")


async def test_a_cursor_of_a_store_that_came_back_from_a_copy_is_refused(api: Served) -> None:
    await tell(api, "nav")
    cursor = (await api.acme.get("/events")).json()["nextCursor"]

    def back(sql: Any) -> None:
        sql.execute("DELETE FROM events")
        sql.execute("UPDATE event_numbers SET value = 0 WHERE name = 'events'")

    await api.relay.store.engine.write(back)
    assert (await api.acme.get("/events", params={"cursor": cursor})).status_code == 410
    await tell(api, "nav", start=50)
    assert (await api.acme.get("/events", params={"cursor": cursor})).status_code == 410


async def test_an_endpoint_whose_types_only_a_newer_relay_knows_keeps_them_through_every_change(
    api: Served,
) -> None:
    """G230: it never looks as if it were given everything, and reading and writing it back changes nothing."""
    made = await created(api, types=["record.updated"])
    path = f"/webhook-endpoints/{made['id']}"
    await api.relay.store.engine.write(
        lambda db: db.change(
            "UPDATE webhook_endpoints SET types = ?, disabled_reason = 'on_fire'",
            ('["warehouse.flooded", "warehouse.dry"]',),
        )
    )

    read = (await api.acme.get(path)).json()
    assert (read["types"], read["disabledReason"]) == (["warehouse.dry", "warehouse.flooded"], "on_fire")
    again = await api.acme.patch(path, json={"types": read["types"], "description": "read and written back"})
    assert (again.status_code, again.json()["types"]) == (200, read["types"])
    added = await api.acme.patch(path, json={"types": ["record.deleted", "warehouse.dry", "agent.online"]})
    assert added.json()["types"] == ["record.deleted", "agent.online", "warehouse.dry"]
    strange = await api.acme.patch(path, json={"types": ["warehouse.burnt"]})
    assert (strange.status_code, "warehouse.burnt" in strange.json()["detail"]) == (422, True)
    assert (await api.acme.get(path)).json()["types"] == added.json()["types"]
