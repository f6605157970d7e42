"""Agents, connections and enrolment codes: page by page, and their end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from relay.health.alerting import Alerting
from relay.health.keeping import HealthStore
from relay.health.rules import Rule
from relay.identities import create_token
from relay.lifecycle import CommandState
from relay.store.base import ConnectionStatus, TokenScope
from tests.unit.relay.api.serving import Served, filled, served
from tests.unit.relay.making import NOW, enrolled

CODES = "/enrolment-codes"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


async def paged(client: httpx.AsyncClient, path: str, **params: Any) -> list[str]:
    """The ids of all items, two at a time."""
    found: list[str] = []
    cursor = ""
    while True:
        answer = (await client.get(path, params={"limit": 2, "cursor": cursor, **params})).json()
        assert len(answer["items"]) <= 2
        found += [item["id"] for item in answer["items"]]
        if answer["nextCursor"] is None:
            return found
        cursor = answer["nextCursor"]


async def test_agents_and_connections_come_page_by_page_and_by_filter(api: Served) -> None:
    agents = [await enrolled(api.relay.store, "acme", f"plant-{number}") for number in range(5)]
    await enrolled(api.relay.store, "globex", "theirs")
    for agent in agents[:3]:
        statuses = [ConnectionStatus(f"erp-{agent.name}"), ConnectionStatus(f"crm-{agent.name}")]
        await api.relay.store.save_connections(agent, statuses, NOW)

    assert await paged(api.acme, "/agents") == [agent.id for agent in agents]
    assert await paged(api.acme, "/agents", name="plant-3") == [agents[3].id]
    assert len(await paged(api.acme, "/connections")) == 6
    mine = ["crm-plant-1", "erp-plant-1"]
    assert await paged(api.acme, "/connections", agent=agents[1].id) == mine
    assert await paged(api.globex, "/connections", agent=agents[1].id) == []


async def test_codes_are_listed_without_what_opens_and_can_be_revoked(api: Served) -> None:
    made = (await api.acme.post(CODES, json={"agentName": "plant", "minutes": 5})).json()

    listed = await api.acme.get(CODES)
    revoked = await api.acme.delete(f"{CODES}/{made['id']}")

    assert listed.json()["items"] == [
        {
            "id": made["id"],
            "agentName": "plant",
            "used": False,
            "createdAt": "2026-01-05T12:00:00Z",
            "expiresAt": "2026-01-05T12:05:00Z",
        }
    ]
    assert made["code"].replace("-", "")[len(made["id"]) :] not in listed.text.replace("-", "")
    assert revoked.status_code == 204
    assert (await api.acme.get(CODES)).json()["items"] == []
    assert await api.relay.store.code(made["id"], NOW) is None
    assert (await api.acme.delete(f"{CODES}/{made['id']}")).status_code == 404


async def test_a_code_is_its_tenants_alone_and_ends_with_its_time(api: Served) -> None:
    made = (await api.acme.post(CODES, json={"minutes": 1})).json()

    assert (await api.globex.get(CODES)).json()["items"] == []
    assert (await api.globex.delete(f"{CODES}/{made['id']}")).status_code == 404
    assert await api.relay.store.code(made["id"], NOW) is not None
    api.relay.clock.advance(61.0)
    assert (await api.acme.get(CODES)).json()["items"] == []


async def test_a_used_code_cannot_be_revoked(api: Served) -> None:
    await enrolled(api.relay.store, "acme", "plant")
    code = (await api.acme.get(CODES)).json()["items"][0]

    assert code["used"] is True
    assert (await api.acme.delete(f"{CODES}/{code['id']}")).status_code == 409


async def test_codes_need_the_scope_that_makes_them(api: Served) -> None:
    token = await create_token(api.relay.store, "acme", "report", NOW, scopes=frozenset({TokenScope.READ}))
    reader = {"Authorization": f"Bearer {token.text}"}

    assert (await api.acme.get(CODES, headers=reader)).status_code == 403
    assert (await api.acme.delete(f"{CODES}/ABCDE", headers=reader)).status_code == 403
    assert (await api.acme.delete("/agents/agt_acme_plant", headers=reader)).status_code == 403


async def test_a_revoked_agent_is_gone_and_its_commands_end(api: Served) -> None:
    sender = await filled(api)
    agent, store = sender.agent, api.relay.store
    queued = (await api.acme.post("/connections/nav/test")).json()["id"]
    sent = (await api.acme.post("/connections/nav/pause")).json()["id"]
    await store.send_command(agent, sent, NOW)
    other = await enrolled(store, "acme", "other")

    answer = await api.acme.delete(f"/agents/{agent.id}")

    assert answer.status_code == 204
    assert api.agents.revoked == [agent.id]
    assert (await api.acme.get(f"/agents/{agent.id}")).status_code == 404
    assert await paged(api.acme, "/agents") == [other.id]
    states = {}
    for command in (queued, sent):
        found = (await api.acme.get(f"/commands/{command}")).json()
        states[command] = (found["state"], found["result"])
    assert states == {
        queued: (CommandState.CANCELLED, {"code": "agent_revoked"}),
        sent: (CommandState.IN_DOUBT, {"code": "agent_revoked"}),
    }
    assert await store.agent_by_key(agent.public_key) is None
    assert (await api.acme.get("/connections/nav/purchase-orders/1")).status_code == 200
    refused = await api.acme.post("/connections/nav/test")
    assert refused.status_code == 409
    assert "revoked" in refused.json()["detail"]
    assert (await api.acme.delete(f"/agents/{agent.id}")).status_code == 404


async def test_an_agent_that_enrols_under_the_name_of_a_revoked_one_takes_over(api: Served) -> None:
    agent = (await filled(api)).agent
    await api.acme.delete(f"/agents/{agent.id}")

    back = await enrolled(api.relay.store, "acme", "plant", bound="plant", key=b"k" * 32)

    assert back.id == agent.id
    assert await paged(api.acme, "/agents") == [agent.id]
    assert (await api.acme.post("/connections/nav/test")).status_code == 202


async def test_another_tenants_agent_is_not_revoked(api: Served) -> None:
    agent = (await filled(api)).agent

    assert (await api.globex.delete(f"/agents/{agent.id}")).status_code == 404
    assert api.agents.revoked == []
    assert (await api.acme.get(f"/agents/{agent.id}")).status_code == 200


async def test_a_revoked_agent_has_no_health_and_no_alert_stands_of_it_until_it_is_replaced(
    api: Served,
) -> None:
    """G148, G161."""
    agent = await enrolled(api.relay.store)
    await api.relay.store.save_connections(agent, [ConnectionStatus("nav")], NOW)
    health, clock = HealthStore(api.relay.store.engine), api.relay.clock
    clock.advance(3_600)
    alerting = Alerting(health, clock)
    await alerting.look()
    path = f"/agents/{agent.id}/health"
    before = (await api.acme.get(path)).status_code, (await api.acme.get("/fleet")).json()["agents"]
    standing = [alert.rule for alert in await health.standing("acme")]

    assert (await api.acme.delete(f"/agents/{agent.id}")).status_code == 204
    await alerting.look()

    assert (before[0], sum(before[1].values())) == (200, 1)
    assert Rule.AGENT_OFFLINE in standing
    assert (await api.acme.get(path)).status_code == 404
    assert (await api.acme.get("/fleet")).json()["items"] == []
    assert await health.standing("acme") == []
    assert (await api.acme.get("/connections/nav/health")).status_code == 200
    await enrolled(api.relay.store, bound="plant", key=b"n" * 32)
    assert (await api.acme.get(path)).status_code == 200
