"""Tokens, tenants, the audit log and connection credits as the API has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter

from relay.acting import THE_RELAY
from relay.api.context import Context, Tenant
from relay.credits import Credits
from relay.identities import create_admin_key
from relay.pricing import default_prices
from relay.removal import Remover
from relay.store import removing
from relay.store.base import ConnectionStatus
from tests.unit.relay.api.serving import Served, filled, served
from tests.unit.relay.making import NOW


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


def bearing(api: Served, token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(api.app, raise_app_exceptions=False),
        base_url="http://relay/api/v1",
        headers={"Authorization": f"Bearer {token}"},
    )


async def made(client: httpx.AsyncClient, *scopes: str) -> dict[str, Any]:
    answer = await client.post("/tokens", json={"name": "t", "scopes": list(scopes)})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_token_is_shown_once_and_never_listed_with_its_secret(api: Served) -> None:
    """G165."""
    token = await made(api.acme, "read")
    listed = await api.acme.get("/tokens")

    assert token["id"] in listed.text
    assert token["token"].split("_", 2)[2] not in listed.text
    async with bearing(api, token["token"]) as reader:
        assert (await reader.get("/agents")).status_code == 200
        assert (await reader.get("/tokens")).status_code == 403


async def test_no_token_gives_more_than_it_has(api: Served) -> None:
    """G165: neither by making one nor by rotating one."""
    strong = await made(api.acme, "read", "command")
    manager = await made(api.acme, "manage")
    async with bearing(api, manager["token"]) as client:
        wanted = await client.post("/tokens", json={"name": "t", "scopes": ["command"]})
        rotated = await client.post(f"/tokens/{strong['id']}/rotate")

    assert (wanted.status_code, rotated.status_code) == (403, 403)
    assert "token" not in wanted.json() | rotated.json()


async def test_a_revoked_token_gets_no_answer_to_a_request_that_waited(api: Served) -> None:
    """G165."""
    token = await made(api.acme, "read")
    waiting = APIRouter(prefix="/api/v1")

    @waiting.get("/slow")
    async def slow(_ctx: Context, _tenant: Tenant) -> dict[str, str]:
        assert (await api.acme.delete(f"/tokens/{token['id']}")).status_code == 200
        api.relay.clock.advance(1.0)
        return {"secret": "record"}

    routes = api.app.router.routes
    before = list(routes)
    api.app.include_router(waiting)
    try:
        async with bearing(api, token["token"]) as client:
            answer = await client.get("/slow")
    finally:
        routes[:] = before

    assert answer.status_code == 401
    assert "record" not in answer.text


async def test_a_disabled_tenant_is_told_so_and_goes_on_when_it_is_enabled(api: Served) -> None:
    """G165."""
    key = await create_admin_key(api.relay.store, "operator", NOW)
    async with bearing(api, key.text) as operator:
        for disabled, expected in ((True, 403), (False, 200)):
            changed = await operator.patch("/admin/tenants/acme", json={"disabled": disabled})
            assert changed.status_code == 200, changed.text
            assert (await api.acme.get("/agents")).status_code == expected
        assert (await operator.get("/agents")).status_code == 403  # a tenant's things are not the operator's
        tenants = (await operator.get("/admin/tenants")).json()["items"]

    assert [tenant["id"] for tenant in tenants] == ["acme", "globex"]


async def test_the_audit_log_names_the_token_and_its_address(api: Served) -> None:
    """G170."""
    await filled(api)
    command = (await api.acme.post("/connections/nav/pause")).json()["id"]
    (newest, *_) = (await api.acme.get("/audit")).json()["items"]

    mine = api.acme.headers["Authorization"].split("_")[1]
    assert (newest["action"], newest["on"]) == ("command_asked", command)
    assert newest["by"] == {"kind": "token", "name": mine, "address": "127.0.0.1"}


async def test_a_repeated_request_is_one_command_and_one_line(api: Served) -> None:
    """G170."""
    await filled(api)
    for _ in range(2):
        await api.acme.post("/connections/nav/pause", headers={"Idempotency-Key": "k"})

    lines = (await api.acme.get("/audit", params={"action": "command_asked"})).json()["items"]
    assert len(lines) == 1


async def test_usage_and_its_history(api: Served) -> None:
    """G169."""
    sender = await filled(api)
    status = ConnectionStatus("nav", system="sap-ecc")
    credits_ = Credits(api.relay.store.engine, default_prices())
    await credits_.resize("acme", 8, NOW)
    await credits_.told(sender.agent, [status], ["nav"], NOW, refusable=True)
    usage = (await api.acme.get("/usage")).json()
    await api.acme.post("/usage/connections/nav/release")
    freed = (await api.acme.get("/usage")).json()
    history = (await api.acme.get("/usage/history")).json()["items"]

    assert (usage["pool"], usage["inUse"], usage["free"], usage["established"]) == (8, 8, 0, 1)
    assert (freed["inUse"], freed["released"]) == (0, 1)
    assert [(line["action"], line["inUse"]) for line in history] == [
        ("returned", 0),
        ("taken", 8),
        ("pool_changed", 0),
    ]
    assert (await api.globex.get("/usage/history")).json()["items"] == []


async def test_a_deleted_tenant_is_told_so_can_be_taken_back_and_not_once_its_removal_has_begun(
    api: Served,
) -> None:
    """G174."""
    key = await create_admin_key(api.relay.store, "operator", NOW)
    remover = Remover(api.relay.store, api.relay.index, clock=api.relay.clock)
    async with bearing(api, key.text) as operator:
        deleted = await operator.delete("/admin/tenants/acme", params={"graceDays": 3})
        assert (deleted.status_code, deleted.json()["removeAfter"]) == (202, "2026-01-08T12:00:00Z")
        assert (await api.acme.get("/agents")).status_code == 403
        assert (await operator.post("/admin/tenants", json={"id": "acme"})).status_code == 409
        kept = await operator.patch("/admin/tenants/acme", json={"disabled": False})
        assert (kept.json()["disabledAt"], kept.json()["removeAfter"]) == (None, None)
        assert (await api.acme.get("/agents")).status_code == 200

        await operator.delete("/admin/tenants/acme", params={"graceDays": 0})
        await api.relay.store.engine.write(
            lambda db: removing.begin(db, "acme", NOW + timedelta(minutes=2), THE_RELAY)
        )
        for refused in (
            await operator.patch("/admin/tenants/acme", json={"disabled": False}),
            await operator.post("/admin/tenants/acme/tokens", json={"name": "t", "scopes": ["read"]}),
            await operator.delete("/admin/tenants/acme"),
        ):
            assert refused.status_code == 409, refused.text
        api.relay.clock.step_wall_clock(120)
        await _ended(remover, api)
        assert (await operator.get("/admin/tenants/acme")).status_code == 404
        assert (await operator.delete("/admin/tenants/nobody")).status_code == 404
    assert (await api.acme.get("/agents")).status_code == 401
    assert (await api.globex.get("/agents")).status_code == 200


async def _ended(remover: Remover, api: Served) -> None:
    removed = asyncio.create_task(remover.look())
    while not removed.done():
        api.relay.clock.advance(1.0)
        await asyncio.sleep(0)  # noqa: TID251 - a turn for the others
    await removed
