from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.model.run import rfc3339
from relay.health.alerting import Alerting
from relay.health.facts import Certificate
from relay.health.keeping import HealthStore
from relay.health.notes import HealthNotes
from relay.health.outlook import Outlook
from relay.observing import Settled, Word
from relay.statuses import connection_statuses
from relay.store.base import Agent, AppendOutcome
from tests.unit.relay.api.serving import Served, served
from tests.unit.relay.making import NOW, Sender, enrolled, orders


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


def notes_of(api: Served) -> HealthNotes:
    return HealthNotes(HealthStore(api.relay.store.engine), api.relay.clock)


async def connected(api: Served, notes: HealthNotes, name: str = "plant", **connection: Any) -> Agent:
    agent = await enrolled(api.relay.store, name=name)
    notes.agent_arrived(agent)
    statuses = connection_statuses([{"name": name, "state": "idle", **connection}])
    await api.relay.store.save_connections(agent, statuses, NOW)
    some = {"batches": 2, "records": 30, "bytes": 400, "oldestAt": rfc3339(NOW)}
    health = {
        "at": rfc3339(NOW + timedelta(seconds=5)),
        "waiting": some,
        "outbox": {"highWaterBytes": 1000, "diskBytes": 100, "diskFreeBytes": 60, "readingPaused": False},
        "certificates": [{"hop": "relay", "expiresAt": "2027-01-05T12:00:00Z"}],
        "connections": {name: some},
    }
    notes.told(Word(agent, statuses, health))
    await notes.write()
    return agent


async def got(client: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_health_of_an_agent_says_everything_that_it_told(api: Served) -> None:
    agent = await connected(api, notes_of(api))

    found = await got(api.acme, f"/agents/{agent.id}/health")

    assert (found["state"], found["reasons"], found["connected"]) == ("ok", [], True)
    assert found["connectedSince"] == found["toldAt"] == "2026-01-05T12:00:00Z"
    assert found["clockSkewSeconds"] == 5.0
    assert (found["backlog"]["records"], found["backlog"]["emptyInSeconds"]) == (30, None)
    assert (found["outbox"]["diskFreeBytes"], found["outbox"]["fileBytes"]) == (60, None)
    assert found["certificates"] == [{"hop": "relay", "expiresAt": "2027-01-05T12:00:00Z"}]
    assert found["connections"] == [{"connection": "plant", "state": "ok", "reasons": []}]


async def test_the_health_of_a_connection_says_what_is_wrong_since_when_and_what_to_try(api: Served) -> None:
    notes = notes_of(api)
    agent = await connected(
        api, notes, state="needs_reauthorisation", error={"code": "credentials_refused", "hint": "set them"}
    )
    batch = Sender(agent).batch(orders(["1"]), stream="plant/orders")
    await api.store(batch)
    notes.settled(Settled(batch, AppendOutcome.APPENDED, rfc3339(NOW)))
    await notes.write()

    found = await got(api.acme, "/connections/plant/health")

    assert (found["state"], found["condition"]) == ("failing", "needs_reauthorisation")
    assert found["reasons"][0]["code"] == "credentials_refused"
    assert found["reasons"][0]["hint"] == "set them"
    assert found["error"] == {
        "code": "credentials_refused", "hint": "set them", "since": "2026-01-05T12:00:00Z",
    }  # fmt: skip
    assert found["credentials"] == {"state": "refused", "refusedSince": "2026-01-05T12:00:00Z"}
    assert (found["lastPosition"], found["lastAckAt"]) == (1, "2026-01-05T12:00:00Z")
    assert (found["backlog"]["records"], found["agentConnected"]) == (30, True)


async def test_a_connections_certificates_are_told_by_their_part_of_the_way(api: Served) -> None:
    shown = [{"hop": "source", "expiresAt": rfc3339(NOW + timedelta(days=9))}]
    await connected(api, notes_of(api), certificates=shown)

    found = await got(api.acme, "/connections/plant/health")

    assert found["certificates"] == shown
    assert [(one["code"], one["state"]) for one in found["reasons"]] == [("certificate_expires", "attention")]


async def test_an_agent_of_before_has_nulls_where_it_says_nothing(api: Served) -> None:
    agent = await enrolled(api.relay.store)
    api.agents.here.add(agent.id)
    await api.relay.store.save_connections(
        agent, connection_statuses([{"name": "nav", "state": "idle"}]), NOW
    )

    told = await got(api.acme, f"/agents/{agent.id}/health")
    connection = await got(api.acme, "/connections/nav/health")

    assert (told["state"], told["connected"]) == ("ok", True)
    assert [told[name] for name in ("backlog", "outbox", "clockSkewSeconds", "toldAt")] == [None] * 4
    assert (connection["state"], connection["credentials"]["state"]) == ("ok", "unknown")
    assert connection["certificates"] == []
    assert [connection[name] for name in ("paused", "backlog", "lastPosition", "lateSince")] == [None] * 4


async def test_the_operators_least_version_and_the_relays_certificate_count_for_every_agent(
    api: Served,
) -> None:
    agent = await connected(api, notes_of(api))
    await api.relay.store.saw_agent(agent.id, "groundwire/0.1.0", NOW)
    ending = Certificate("relay", NOW + timedelta(days=2))
    api.app.state.context = replace(api.app.state.context, outlook=Outlook((0, 2), lambda: ending))

    found = await got(api.acme, f"/agents/{agent.id}/health")

    assert {reason["code"] for reason in found["reasons"]} == {"version_old", "certificate_urgent"}


async def fleet_of(api: Served, count: int) -> None:
    """Of every three one fails, one is to be looked at, and one is well."""
    notes = notes_of(api)
    for number in range(count):
        kind = number % 3
        error = {"code": "credentials_refused"} if kind == 0 else None
        await connected(api, notes, f"p{number}", error=error, paused=kind == 1)


async def test_the_fleet_has_the_worst_first_and_its_pages_join(api: Served) -> None:
    await fleet_of(api, 7)
    seen: list[str] = []
    cursor = ""
    while True:
        page = await got(api.acme, "/fleet", limit=2, cursor=cursor)
        seen += [item["state"] for item in page["items"]]
        if not page["hasMore"]:
            break
        cursor = page["nextCursor"]

    assert seen == ["failing"] * 3 + ["attention"] * 2 + ["ok"] * 2
    assert page["agents"] == page["connections"] == {"failing": 3, "attention": 2, "ok": 2}
    assert page["nextCursor"] is None


async def test_the_fleet_is_filtered_by_state_and_counts_all_the_same(api: Served) -> None:
    await fleet_of(api, 4)

    found = await got(api.acme, "/fleet", state="attention")

    (item,) = found["items"]
    assert (item["name"], item["agentState"], item["connections"]["attention"]) == ("p1", "ok", 1)
    assert found["agents"] == {"failing": 2, "attention": 1, "ok": 1}


async def test_one_page_of_the_fleet_is_one_statement_for_its_agents_however_many(api: Served) -> None:
    await fleet_of(api, 5)
    statements: list[str] = []
    database = api.relay.store.engine._database  # type: ignore[attr-defined]

    def note(_cursor: Any, statement: str, _bindings: Any) -> bool:
        statements.append(statement)
        return True

    database._connection.exec_trace = note
    await got(api.acme, "/fleet")
    database._connection.exec_trace = None

    assert sum("FROM agents" in statement for statement in statements) == 1
    assert sum("health" in statement for statement in statements) == 1


async def test_alerts_are_listed_found_and_filtered(api: Served) -> None:
    agent = await enrolled(api.relay.store)
    for _ in range(2):
        api.relay.clock.advance(3600)
        await Alerting(HealthStore(api.relay.store.engine), api.relay.clock).look()
        notes = notes_of(api)
        notes.agent_arrived(agent)
        await notes.write()
        await Alerting(HealthStore(api.relay.store.engine), api.relay.clock).look()
        notes.agent_left(agent)
        await notes.write()
    api.relay.clock.advance(3600)
    await Alerting(HealthStore(api.relay.store.engine), api.relay.clock).look()

    first = await got(api.acme, "/alerts", limit=2)
    rest = await got(api.acme, "/alerts", limit=2, cursor=first["nextCursor"])
    (standing,) = (await got(api.acme, "/alerts", state="standing", agent=agent.id))["items"]

    assert [len(first["items"]), len(rest["items"]), rest["nextCursor"]] == [2, 1, None]
    assert (standing["rule"], standing["unit"], standing["clearedAt"]) == ("agent_offline", "minutes", None)
    assert (standing["value"], standing["threshold"], standing["connection"]) == (60, 15, None)
    assert await got(api.acme, f"/alerts/{standing['id']}") == standing
    assert len((await got(api.acme, "/alerts", state="cleared"))["items"]) == 2
    assert (await got(api.acme, "/alerts", connection="nav"))["items"] == []


async def test_a_rule_is_changed_switched_off_and_given_back(api: Served) -> None:
    before = (await got(api.acme, "/alert-rules"))["items"]
    changed = await api.acme.put("/alert-rules/clock_skew", json={"threshold": 5, "enabled": False})
    after = {one["rule"]: one for one in (await got(api.acme, "/alert-rules"))["items"]}
    back = await api.acme.delete("/alert-rules/clock_skew")

    assert changed.json() == after["clock_skew"]
    assert (after["clock_skew"]["threshold"], after["clock_skew"]["enabled"]) == (5, False)
    assert back.status_code == 204
    assert (await got(api.acme, "/alert-rules"))["items"] == before
    assert (await api.acme.put("/alert-rules/nothing", json={"threshold": 5})).status_code == 422
    assert (await api.acme.put("/alert-rules/clock_skew", json={"threshold": -5})).status_code == 422


async def test_another_tenant_finds_nothing_of_it(api: Served) -> None:
    agent = await connected(api, notes_of(api))
    other = await enrolled(api.relay.store, "globex")
    api.relay.clock.advance(7200)
    await Alerting(HealthStore(api.relay.store.engine), api.relay.clock).look()
    (alert,) = (await got(api.acme, "/alerts", agent=agent.id, state="standing"))["items"]

    for path in (f"/agents/{agent.id}/health", "/connections/plant/health", f"/alerts/{alert['id']}"):
        assert (await api.globex.get(path)).status_code == 404, path
    assert [item["agent"] for item in (await got(api.globex, "/fleet"))["items"]] == [other.id]
    assert [one["agent"] for one in (await got(api.globex, "/alerts"))["items"]] == [other.id]
