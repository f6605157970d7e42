"""A real relay in a thread of its own, with something of everything, for tests of its API that do not await."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx

from relay.app import RelayApp
from relay.credits import Credits
from relay.health.alerts import Alert
from relay.health.keeping import HealthStore
from relay.health.rules import Rule
from relay.identities import create_admin_key
from relay.ids import new_id
from relay.store.base import ConnectionStatus
from relay.webhooks.base import Wish
from tests.integration.relay_peer import PATIENCE_SECONDS, made
from tests.unit.relay.making import (
    NOW,
    Sender,
    dead_letters,
    enrolled,
    orders,
    run_report,
    tombstones,
    vendors,
)

STOPPING_SECONDS = 40.0
CLOSED_PORT = 1024  # nobody listens there


@dataclass
class Address:
    url: str
    token: str
    admin_key: str

    @property
    def description(self) -> dict[str, Any]:
        answer = httpx.get(f"{self.url}/api/v1/openapi.json", trust_env=False, timeout=60)
        return dict(answer.json())


@contextmanager
def served_relay(folder: Path) -> Iterator[Address]:
    settings, token = made(folder)
    api = settings.api.model_copy(update={"requests_per_second": 100_000.0})
    webhooks = settings.webhooks.model_copy(
        update={"allow_http": True, "allow_networks": (ip_network("127.0.0.1/32"),)}
    )
    settings = settings.model_copy(update={"api": api, "webhooks": webhooks})
    ready, stop = threading.Event(), threading.Event()
    found: list[Address] = []
    failed: list[BaseException] = []

    async def serve() -> None:
        async with RelayApp(settings) as app:
            await _fill(app)
            key = await create_admin_key(app.store, "test", NOW)
            found.append(Address(app.api_url, token.text, key.text))
            ready.set()
            await asyncio.to_thread(stop.wait)

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        assert ready.wait(PATIENCE_SECONDS), "the relay did not start"
        if failed:
            raise failed[0]
        yield found[0]
    finally:
        stop.set()
        thread.join(STOPPING_SECONDS)
    if failed:
        raise failed[0]


async def _fill(app: RelayApp) -> None:
    agents = [await enrolled(app.store, "default", name) for name in ("plant", "spare", "third", "fourth")]
    sender = Sender(agents[0])
    await app.store.append_batches(
        [
            sender.batch(orders(["1", "2", "gone"], status="approved", vendor_key="V1")),
            sender.batch(vendors(["V1"]), stream="nav/vendors", entity="vendor"),
            sender.batch(tombstones(["gone", "never seen"]), kind="tombstones"),
            sender.batch(dead_letters("7"), kind="dead_letters"),
            sender.batch(run_report("run-1"), kind="run"),
        ]
    )
    credits_ = Credits(app.store.engine, app.settings.usage.prices())
    for agent, name in zip(agents, ("nav", "sap", "nav_2", "gp"), strict=True):
        status = ConnectionStatus(name, system="sandbox", driver="sandbox", state="idle")
        await app.store.save_connections(agent, [status], NOW)
        await credits_.told(agent, [status], [name], NOW, refusable=True)
    for address in (f"http://127.0.0.1:{CLOSED_PORT}/1", f"http://127.0.0.1:{CLOSED_PORT}/2"):
        await app.news.desk.create("default", Wish(address), enabled=True, secret=None)
    alert = Alert(
        new_id("alt", NOW),
        "default",
        Rule.AGENT_OFFLINE,
        agents[0].id,
        "",
        15,
        20,
        "It is offline.",
        "Look.",
        NOW,
    )
    await HealthStore(app.store.engine).change_alerts([alert], [], NOW)
    await app.materialiser.catch_up()
