from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from relay.api import commanding
from relay.identities import create_token
from relay.lifecycle import CommandState
from relay.statuses import connection_statuses
from relay.store.base import TokenScope
from tests.unit.relay.api.serving import Served, filled, served
from tests.unit.relay.asking import ASKED, MAPPING, ODD_KEYS, ORDER, Asked
from tests.unit.relay.making import NOW

ORDERS = "/connections/nav/purchase-orders"
KEYED = {"Idempotency-Key": "once"}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        await filled(running)
        yield running


AGENT = "agt_acme_plant"


async def send(api: Served, asked: Asked, **headers: str) -> httpx.Response:
    path = asked.path.format(agent=AGENT)
    return await api.acme.request(asked.method, path, json=asked.body, headers=asked.headers | headers)


@pytest.mark.parametrize("asked", ASKED, ids=[f"{asked.kind}-{n}" for n, asked in enumerate(ASKED)])
async def test_every_request_makes_its_command(api: Served, asked: Asked) -> None:
    """The word and the arguments are those of the protocol."""
    answer = await send(api, asked)

    assert answer.status_code == 202, answer.text
    (command,) = api.agents.dispatched
    assert (command.kind, command.args) == (asked.kind, asked.args)
    assert answer.headers["Location"] == f"/api/v1/commands/{command.id}"
    assert (await api.acme.get(f"/commands/{command.id}")).json() == answer.json()


@pytest.mark.parametrize("asked", ASKED, ids=[f"{asked.kind}-{n}" for n, asked in enumerate(ASKED)])
async def test_no_command_reaches_another_tenants_agent(api: Served, asked: Asked) -> None:
    path = asked.path.format(agent=AGENT)
    foreign = await api.globex.request(asked.method, path, json=asked.body, headers=asked.headers)

    assert foreign.status_code == 404
    assert api.agents.dispatched == []


@pytest.mark.parametrize("asked", ASKED, ids=[f"{asked.kind}-{n}" for n, asked in enumerate(ASKED)])
async def test_a_token_without_the_scope_commands_nothing(api: Served, asked: Asked) -> None:
    reading = await create_token(api.relay.store, "acme", "r", NOW, scopes=frozenset({TokenScope.READ}))
    answer = await send(api, asked, Authorization=f"Bearer {reading.text}")

    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert api.agents.dispatched == []


async def test_a_reading_token_lets_no_agent_in_and_a_commanding_one_reads_nothing(api: Served) -> None:
    store = api.relay.store
    reading = await create_token(store, "acme", "r", NOW, scopes=frozenset({TokenScope.READ}))
    asking = await create_token(store, "acme", "c", NOW, scopes=frozenset({TokenScope.COMMAND}))

    enrolling = await api.acme.post(
        "/enrolment-codes", json={}, headers={"Authorization": f"Bearer {reading.text}"}
    )
    looking = await api.acme.get("/purchase-orders", headers={"Authorization": f"Bearer {asking.text}"})

    assert (enrolling.status_code, looking.status_code) == (403, 403)


@pytest.mark.parametrize("key", ODD_KEYS)
async def test_a_key_survives_the_path_to_the_character(api: Served, key: str) -> None:
    path = f"{ORDERS}/{quote(key, safe='')}"
    await api.acme.patch(path, json={}, headers={"Idempotency-Key": "a"})
    await api.acme.delete(path, headers={"Idempotency-Key": "b"})
    await api.acme.post(f"{path}/status", json={"status": "closed"}, headers={"Idempotency-Key": "c"})
    await api.acme.post(f"{path}/read")

    assert [command.args["key"] for command in api.agents.dispatched] == [key] * 4


async def test_a_path_that_is_no_text_is_refused_instead_of_guessed(api: Served) -> None:
    answer = await api.acme.delete(f"{ORDERS}/a%FFb", headers=KEYED)

    assert answer.status_code == 400
    assert api.agents.dispatched == []


@pytest.mark.parametrize("number", ["0.1", "1e3", "-2.0", "1E400", "9007199254740993", "-" + "9" * 400])
async def test_a_number_that_would_be_altered_on_the_way_is_refused(api: Served, number: str) -> None:
    body = f'{{"lineItems": [{{"price": "1"}}, {{"price": {number}}}]}}'
    answer = await api.acme.post(ORDERS, content=body, headers={**KEYED, "Content-Type": "application/json"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"] == "body.lineItems.1.price"
    assert "as text" in answer.json()["errors"][0]["message"]
    assert api.agents.dispatched == []


async def test_whole_numbers_and_texts_travel_as_they_are(api: Served) -> None:
    record = {
        "lineNo": 9007199254740991,
        "amount": "1.10",
        "zero": 0,
        "minus": -1,
        "yes": True,
        "no": None,
        "ü": "€",
    }
    await api.acme.post(ORDERS, json=record, headers=KEYED)

    assert api.agents.dispatched[0].args["record"] == record


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize(
    "body",
    ["[]", "3", "", "{", "nul", '{"a": NaN}', '{"a": 1, "a": 2}', '"text"', nested(15), nested(5_000), '{"a": "\\ud800"}',
     '{"\\ud800": 1.5}', b'{"a": "\xff"}', "[" * 100_000],
)  # fmt: skip
async def test_a_body_that_is_no_record_is_refused(api: Served, body: str | bytes) -> None:
    answer = await api.acme.post(ORDERS, content=body, headers={**KEYED, "Content-Type": "application/json"})

    assert answer.status_code == 422
    assert api.agents.dispatched == []


async def test_a_record_as_deep_as_a_frame_allows_is_taken(api: Served) -> None:
    answer = await api.acme.post(
        ORDERS, content=nested(14), headers={**KEYED, "Content-Type": "application/json"}
    )

    assert answer.status_code == 202


async def test_other_bodies_than_json_are_refused(api: Served) -> None:
    form = {**KEYED, "Content-Type": "application/x-www-form-urlencoded"}

    assert (await api.acme.post(ORDERS, content="{}", headers=form)).status_code == 415


@pytest.mark.parametrize("letter", ["x", "é", "😀"])
async def test_a_command_that_does_not_fit_into_a_frame_is_refused_with_its_size(
    api: Served, letter: str
) -> None:
    fits = {"notes": letter * (60_000 // len(json.dumps(letter)[1:-1]))}
    answer = await api.acme.post(ORDERS, json=fits, headers=KEYED)
    assert answer.status_code == 202

    large = {"notes": letter * (66_000 // len(json.dumps(letter)[1:-1]))}
    answer = await api.acme.post(ORDERS, json=large, headers={"Idempotency-Key": "2"})

    assert answer.status_code == 413
    assert "65536 is the most" in answer.json()["detail"]
    assert len(api.agents.dispatched) == 1


async def test_the_same_idempotency_key_is_one_command(api: Served) -> None:
    first = await api.acme.post(ORDERS, json=ORDER, headers=KEYED)
    api.relay.clock.advance(23 * 3_600)
    second = await api.acme.post(ORDERS, json=dict(reversed(ORDER.items())), headers=KEYED)

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (ORDERS, {"vendorKey": "V2"}),
        (f"{ORDERS}?deadlineSeconds=60", {"vendorKey": "V1"}),
        ("/connections/nav/vendors", {"vendorKey": "V1"}),
        ("/connections/nav/syncs", {}),
    ],
)
async def test_the_same_idempotency_key_for_another_request_is_a_conflict(
    api: Served, path: str, body: Any
) -> None:
    await api.acme.post(ORDERS, json={"vendorKey": "V1"}, headers=KEYED)
    answer = await api.acme.post(path, json=body, headers=KEYED)

    assert answer.status_code == 409
    assert len(api.agents.dispatched) == 1


async def test_the_idempotency_keys_of_two_tenants_have_nothing_to_do_with_each_other(api: Served) -> None:
    await api.acme.post("/connections/nav/syncs", json={}, headers=KEYED)

    assert (await api.globex.post("/connections/nav/syncs", json={}, headers=KEYED)).status_code == 404


async def test_duplicates_at_the_same_time_make_one_command(api: Served) -> None:
    answers = await asyncio.gather(*(api.acme.post(ORDERS, json=ORDER, headers=KEYED) for _ in range(20)))

    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len((await api.acme.get("/commands")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("method", "path"), [("POST", ORDERS), ("PATCH", f"{ORDERS}/1"), ("DELETE", f"{ORDERS}/1")]
)
async def test_a_write_needs_an_idempotency_key(api: Served, method: str, path: str) -> None:
    answer = await api.acme.request(method, path, json=None if method == "DELETE" else {})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"] == "header.idempotency-key"


async def test_a_tenant_has_only_so_many_open_commands(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commanding, "MAX_OPEN_COMMANDS", 2)
    made = [await api.acme.post("/connections/nav/test") for _ in range(2)]
    refused = await api.acme.post("/connections/nav/test")
    await api.acme.post(f"/commands/{made[0].json()['id']}/cancel")
    taken = await api.acme.post("/connections/nav/test")

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
    assert taken.status_code == 202


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/connections/none/test", None),
        ("/connections/nav/spaceships", {}),
        ("/agents/agt_none/diagnostics", None),
        ("/commands/cmd_none/cancel", None),
    ],
)
async def test_what_is_not_there_cannot_be_asked(api: Served, path: str, body: Any) -> None:
    assert (await api.acme.post(path, json=body, headers=KEYED)).status_code in (404, 405)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/connections/nav/syncs", {"entities": ["spaceship"]}),
        ("/connections/nav/syncs", {"everything": True}),
        ("/connections/nav/syncs", {"streams": "all"}),
        ("/connections/nav/syncs", {"since": "yesterday"}),
        ("/connections/nav/syncs", []),
        ("/connections/nav/pause", {"minutes": 5}),
        ("/connections/nav/dead-letters/requeue", {"keys": []}),
        ("/connections/nav/test?deadlineSeconds=4", None),
        ("/connections/nav/test?deadlineSeconds=604801", None),
        (f"{MAPPING}/preview", {}),
        (f"{MAPPING}/revert", {"to": 1.0}),
    ],
)
async def test_a_request_that_cannot_be_understood_is_refused(api: Served, path: str, body: Any) -> None:
    assert (await api.acme.post(path, json=body)).status_code == 422
    assert api.agents.dispatched == []


async def test_a_sync_of_everything_needs_no_body(api: Served) -> None:
    made = await api.acme.post("/connections/nav/syncs")

    assert made.status_code == 202
    assert (made.json()["kind"], made.json()["args"]) == ("sync", {"connection": "nav"})


async def test_a_moment_that_is_none_is_answered_with_how_one_is_written(api: Served) -> None:
    answer = await api.acme.post("/connections/nav/syncs", json={"since": "yesterday"})

    (fault,) = answer.json()["errors"]
    assert (fault["where"], "2026-01-31T08:00:00Z" in fault["message"]) == ("body.since", True)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, {"changes": [{"path": "notes"}]}, 428),
        ({"If-Match": "*"}, {"changes": [{"path": "notes"}]}, 422),
        ({"If-Match": '"3"'}, {"changes": [{"path": "notes"}], "basedOn": 4}, 422),
        ({"If-Match": "3"}, {"changes": [{"path": "notes"}], "basedOn": 3}, 202),
    ],
)
async def test_a_mapping_is_changed_from_a_version_that_is_named(
    api: Served, headers: dict[str, str], body: Any, status: int
) -> None:
    assert (await api.acme.patch(MAPPING, json=body, headers=headers)).status_code == status


async def test_a_command_expires_when_its_agent_does_not_come(api: Served) -> None:
    made = (await api.acme.post("/connections/nav/test?deadlineSeconds=60")).json()
    api.relay.clock.advance(61)
    found = (await api.acme.get(f"/commands/{made['id']}")).json()

    assert (made["state"], made["agentConnected"]) == ("queued", False)
    assert (found["state"], found["result"]) == ("expired", {"code": "never_sent"})
    assert found["history"][-1] == {"state": "expired", "at": made["deadline"], "result": None}


async def test_a_queued_command_is_cancelled_at_once(api: Served) -> None:
    made = (await api.acme.post("/connections/nav/test")).json()
    wish = (await api.acme.post(f"/commands/{made['id']}/cancel")).json()
    found = (await api.acme.get(f"/commands/{made['id']}")).json()
    again = await api.acme.post(f"/commands/{made['id']}/cancel")

    assert (wish["kind"], wish["state"]) == ("cancel", "succeeded")
    assert (found["state"], found["result"]) == ("cancelled", {"code": "never_sent"})
    assert again.status_code == 409
    assert [command.kind for command in api.agents.dispatched] == ["test"]


async def test_cancelling_what_was_sent_is_asked_of_the_agent_once(api: Served) -> None:
    made = (await api.acme.post("/connections/nav/test")).json()
    agent = await api.relay.store.agent(AGENT)
    assert agent is not None
    await api.relay.store.send_command(agent, made["id"], NOW)

    wishes = [(await api.acme.post(f"/commands/{made['id']}/cancel")).json() for _ in range(2)]

    assert wishes[0]["id"] == wishes[1]["id"]
    assert (wishes[0]["agent"], wishes[0]["connection"]) == (AGENT, "nav")
    assert api.agents.dispatched[1].args == {"command": made["id"]}


async def test_an_outcome_that_is_there_is_answered_at_once_when_waited_for(api: Served) -> None:
    api.agents.here.add(AGENT)
    made = (await api.acme.post(ORDERS, json=ORDER, headers=KEYED)).json()
    result = {"key": "4012", "reference": "PO-4012"}
    await api.relay.store.answer_command(AGENT, made["id"], CommandState.SUCCEEDED, result, NOW)

    answer = await api.acme.post(ORDERS, json=ORDER, headers={**KEYED, "Prefer": "respond-async, wait=5"})

    assert (answer.status_code, answer.json()["result"]) == (200, result)
    assert answer.headers["Preference-Applied"] == "wait"


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [("wait=7", 7), ("WAIT = 7", 7), ('a=b, wait="7"; x', 7), ("wait=999999", 30), ("wait=-1", 0), ("await=7", 0), ("", 0)],
)  # fmt: skip
async def test_a_preference_is_read_as_its_standard_says(prefer: str, seconds: float) -> None:
    assert await commanding.wait_seconds(prefer) == seconds


async def test_waiting_ends_with_its_time(api: Served) -> None:
    api.agents.here.add(AGENT)
    begun = api.relay.clock.monotonic()
    answer = await api.acme.post("/connections/nav/test", headers={"Prefer": "wait=10"})

    assert answer.status_code == 202
    assert api.relay.clock.monotonic() - begun == 10


async def test_nobody_waits_for_an_agent_that_is_away(api: Served) -> None:
    begun = api.relay.clock.monotonic()
    await api.acme.post("/connections/nav/test", headers={"Prefer": "wait=10"})

    assert api.relay.clock.monotonic() == begun


async def test_field_faults_are_shown_apart_and_nonsense_in_them_breaks_nothing(api: Served) -> None:
    made = (await api.acme.post(ORDERS, json=ORDER, headers=KEYED)).json()
    fault = {"field": "lineItems[0].quantity", "code": "not_a_decimal", "message": "is no amount"}
    result = {
        "code": "invalid",
        "fields": [fault, 3, {}, {"field": ["x"]}],
        "odd": float("inf"),
        "big": 10**30,
    }
    await api.relay.store.answer_command(AGENT, made["id"], CommandState.REFUSED, result, NOW)

    found = (await api.acme.get(f"/commands/{made['id']}")).json()

    assert found["fieldFaults"][0] == fault
    assert len(found["fieldFaults"]) == 3
    assert (found["result"]["odd"], found["result"]["big"]) == (None, str(10**30))


async def test_an_outcome_in_doubt_and_how_it_was_settled_are_both_shown(api: Served) -> None:
    made = (await api.acme.post(ORDERS, json=ORDER, headers=KEYED)).json()
    store = api.relay.store
    await store.answer_command(AGENT, made["id"], CommandState.IN_DOUBT, {"code": "lost_reply"}, NOW)
    await store.answer_command(AGENT, made["id"], CommandState.SUCCEEDED, {"key": "9"}, NOW)

    found = (await api.acme.get(f"/commands/{made['id']}")).json()

    assert (found["state"], found["result"]) == ("succeeded", {"key": "9"})
    assert [(step["state"], step["result"]) for step in found["history"]] == [
        ("queued", None), ("in_doubt", {"code": "lost_reply"}), ("succeeded", None),
    ]  # fmt: skip


async def test_commands_are_listed_newest_first_page_by_page(api: Served) -> None:
    made = []
    for _ in range(3):
        api.relay.clock.advance(1)
        made.append((await api.acme.post("/connections/nav/syncs", json={})).json()["id"])
    first = (await api.acme.get("/commands", params={"limit": 2})).json()
    rest = (await api.acme.get("/commands", params={"limit": 2, "cursor": first["nextCursor"]})).json()

    assert [item["id"] for item in first["items"] + rest["items"]] == made[::-1]
    assert rest["nextCursor"] is None


async def test_commands_are_filtered(api: Served) -> None:
    sync = (await api.acme.post("/connections/nav/syncs", json={})).json()["id"]
    about_agent = (await api.acme.post(f"/agents/{AGENT}/diagnostics")).json()["id"]
    await api.relay.store.answer_command(AGENT, sync, CommandState.FAILED, {}, NOW)

    async def listed(**params: str) -> set[str]:
        return {item["id"] for item in (await api.acme.get("/commands", params=params)).json()["items"]}

    assert (
        await listed(connection="nav") == await listed(kind="sync") == await listed(state="failed") == {sync}
    )
    assert await listed(state="queued") == await listed(kind="diagnostics") == {about_agent}
    assert await listed(agent=AGENT) == {sync, about_agent}
    assert await listed(agent="other") == set()
    assert (await api.acme.get("/commands", params={"state": "lost"})).status_code == 422


async def test_the_operation_matrix_is_shown_as_its_agent_told_it(api: Served) -> None:
    agent = await api.relay.store.agent(AGENT)
    assert agent is not None
    untold = (await api.acme.get("/connections/nav/operations")).json()
    operation = {
        "entity": "purchase_order", "operation": "update", "allowed": True, "required": ["key"],
        "fields": ["key", "lineItems.quantity"], "updatableIn": {"notes": ["draft"]}, "statuses": [], "lookup": True,
    }  # fmt: skip
    told = {
        "name": "nav", "operations": [operation], "paused": True, "commands": ["sync"],
        "streams": [{"name": "orders", "remap": "offered", "newColumns": ["x"], "goneColumns": []}],
    }  # fmt: skip
    await api.relay.store.save_connections(agent, connection_statuses([told]), NOW)

    shown = (await api.acme.get("/connections/nav/operations")).json()
    connection = (await api.acme.get("/connections/nav")).json()

    assert (untold["items"], untold["told"]) == ([], False)
    assert (shown["items"], shown["told"]) == ([operation], True)
    assert (connection["paused"], connection["commands"]) == (True, ["sync"])
    assert connection["toldStreams"] == told["streams"]
    assert (await api.globex.get("/connections/nav/operations")).status_code == 404
