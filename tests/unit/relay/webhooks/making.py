"""Endpoints and events as the tests of webhooks need them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.clock import ManualClock
from relay.events import Event, EventType, event_id
from relay.store.sqlite import SqliteStore
from relay.webhooks.base import Endpoint, Wish
from relay.webhooks.keyring import Keyring
from relay.webhooks.store import EventStore, WebhookStore
from tests.canaries import canary
from tests.unit.relay import making
from tests.unit.relay.making import NOW

SECRET = canary("-webhook").encode().ljust(32, b".")
KEYRING = Keyring(bytes(range(32)))
ALL_INDEXED = 10**9


@dataclass
class Hooks:
    """The store of events and webhooks."""

    store: SqliteStore
    events: EventStore
    webhooks: WebhookStore
    clock: ManualClock
    told: int = 0

    async def tell(
        self,
        *connections: str | None,
        tenant: str = "acme",
        kind: EventType = EventType.RECORD_UPDATED,
        source: int | None = None,
        **data: Any,
    ) -> list[Event]:
        made = []
        for connection in connections or ("nav",):
            self.told += 1
            made.append(
                Event(
                    id=event_id(tenant, self.told),
                    tenant=tenant,
                    at=self.clock.utcnow(),
                    type=kind,
                    data={"number": self.told} | data,
                    connection=connection,
                    subject="purchase_order",
                    source=source,
                )
            )
        await self.events.tell(made, self.clock.utcnow())
        return made

    async def endpoint(
        self, url: str = "http://127.0.0.1:9/hook", *, tenant: str = "acme", name: str = "", **wish: Any
    ) -> Endpoint:
        made = endpoint_for(url, tenant, name or f"wep_{tenant}_{url[-12:]}", self.clock.utcnow(), **wish)
        assert await self.webhooks.add(made, KEYRING.close(tenant, made.id, SECRET), most=1_000)
        found = await self.webhooks.endpoint(tenant, made.id)
        assert found is not None
        return found

    async def fan_out(self) -> int:
        fanned = await self.webhooks.fan_out(ALL_INDEXED, self.clock.utcnow(), 1_000)
        return fanned.events


def endpoint_for(url: str, tenant: str, name: str, now: datetime = NOW, **wish: Any) -> Endpoint:
    return Endpoint(
        id=name,
        tenant=tenant,
        wish=replace(Wish(url), **wish),
        enabled=True,
        begins_after=0,
        version=1,
        created_at=now,
        updated_at=now,
    )


@asynccontextmanager
async def hooks(folder: Path) -> AsyncIterator[Hooks]:
    store = await making.open_store(folder)
    try:
        yield Hooks(store, EventStore(store.engine), WebhookStore(store.engine), ManualClock(NOW))
    finally:
        await store.aclose()
