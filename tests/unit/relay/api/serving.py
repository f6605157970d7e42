"""The API over the real store, without sockets."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from relay.api.context import ApiContext
from relay.api.server import application
from relay.bus.base import Bus
from relay.bus.memory import MemoryBus
from relay.bus.subjects import POSITIONS
from relay.cursors import Cursors
from relay.identities import ALL_SCOPES, create_tenant, create_token
from relay.lifecycle import Command
from relay.store.base import NewBatch
from relay.watch import CommandWatch
from relay.webhooks.courier import Courier
from relay.webhooks.desk import WebhookDesk
from relay.webhooks.keyring import Keyring
from relay.webhooks.store import WebhookStore
from relay.webhooks.targets import Rules, networks_of
from tests.unit.relay.making import (
    NOW,
    Relay,
    Sender,
    dead_letters,
    enrolled,
    opened,
    orders,
    run_report,
    tombstones,
    vendors,
)


@cache
def the_application() -> FastAPI:
    """Made once: its routes take half a second. What differs from test to test is its context."""
    return application()


@dataclass
class FakeAgents:
    here: set[str] = field(default_factory=set)
    dispatched: list[Command] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)

    def connected(self, agent_id: str) -> bool:
        return agent_id in self.here

    def revoke(self, agent_id: str) -> None:
        self.revoked.append(agent_id)

    async def dispatch(self, command: Command) -> bool:
        self.dispatched.append(command)
        return True


@dataclass
class Served:
    relay: Relay
    app: FastAPI
    agents: FakeAgents
    acme: httpx.AsyncClient
    globex: httpx.AsyncClient
    anybody: httpx.AsyncClient
    bus: Bus

    async def store(self, *batches: NewBatch) -> None:
        await self.relay.store.append_batches(batches)
        self.bus.publish(POSITIONS)
        await self.relay.materialiser.catch_up()


WEBHOOK_RULES = Rules(allow_http=True, networks=networks_of(["127.0.0.0/8"]))


def desk_of(relay: Relay, bus: Bus) -> WebhookDesk:
    courier = Courier(WEBHOOK_RULES, ssl.create_default_context(), clock=relay.clock)
    store = WebhookStore(relay.store.engine)
    return WebhookDesk(store, courier, Keyring(bytes(32)), WEBHOOK_RULES, bus=bus, clock=relay.clock)


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Served]:
    """Two tenants, each with a token."""
    async with opened(folder) as relay:
        agents = FakeAgents()
        app = the_application()
        bus = MemoryBus(relay.clock)
        app.state.context = ApiContext(
            relay.store, relay.index, relay.documents, agents, CommandWatch(relay.clock), relay.clock,
            cursors=await Cursors.open(relay.store.engine), bus=bus, webhooks=desk_of(relay, bus),
        )  # fmt: skip
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)

        async def client(tenant: str) -> httpx.AsyncClient:
            await create_tenant(relay.store, tenant, NOW)
            token = await create_token(relay.store, tenant, "test", NOW, scopes=ALL_SCOPES)
            headers = {"Authorization": f"Bearer {token.text}"}
            return httpx.AsyncClient(transport=transport, base_url="http://relay/api/v1", headers=headers)

        anybody = httpx.AsyncClient(transport=transport, base_url="http://relay")
        async with await client("acme") as acme, await client("globex") as globex, anybody:
            yield Served(relay, app, agents, acme, globex, anybody, bus)


async def filled(served: Served) -> Sender:
    """One agent of acme with something of everything."""
    sender = Sender(await enrolled(served.relay.store))
    await served.store(
        sender.batch(orders(["1", "a/b c", "gone"], note="n", status="approved", vendor_key="V1")),
        sender.batch(vendors(["V1"]), stream="nav/vendors", entity="vendor"),
        sender.batch(tombstones(["gone"]), kind="tombstones"),
        sender.batch(dead_letters("7", "8", "9"), kind="dead_letters"),
        sender.batch(run_report("run-1"), kind="run"),
    )
    return sender


async def keys(client: httpx.AsyncClient, **params: Any) -> list[str]:
    answer = await client.get("/purchase-orders", params=params)
    assert answer.status_code == 200, answer.text
    return [item["key"] for item in answer.json()["items"]]
