"""The whole way: an agent's batch to a signed request at a receiver, whatever is killed in between."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from standardwebhooks.webhooks import Webhook
from websockets.exceptions import ConnectionClosed

from agent.model.run import RunStatus
from relay.identities import ALL_SCOPES, NewSecret, create_tenant, create_token
from relay.store.base import Agent
from relay.store.sqlite import SqliteStore
from tests.integration.relay_peer import Peer, eventually
from tests.integration.test_relay_kill import child, enrolled, made
from tests.integration.webhook_receivers import OK, Receiver, Script, hanging, receiver, well
from tests.integration.webhook_receivers import Peer as Line
from tests.unit.relay.making import NOW, Sender, orders, run_report

SETTINGS = '\n[webhooks]\nallow_http = true\nallow_networks = ["127.0.0.0/8"]\n'


@dataclass
class Platform:
    process: asyncio.subprocess.Process
    api: httpx.AsyncClient
    gateway: str

    async def endpoint(self, there: Receiver, **wish: Any) -> dict[str, Any]:
        answer = await self.api.post("/webhook-endpoints", json={"url": there.url} | wish)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


@asynccontextmanager
async def platform(config: Path, token: NewSecret) -> AsyncIterator[Platform]:
    async with child(config) as (process, api, gateway):
        headers = {"Authorization": f"Bearer {token.text}"}
        async with httpx.AsyncClient(
            base_url=f"{api}/api/v1", headers=headers, trust_env=False, timeout=30
        ) as client:
            yield Platform(process, client, gateway)


def relay_in(folder: Path) -> tuple[Path, NewSecret]:
    config, token = made(folder)
    config.write_text(config.read_text() + SETTINGS)
    return config, token


async def agent_of(there: Platform, token: NewSecret) -> tuple[Peer, Sender]:
    base = str(there.api.base_url).removesuffix("/api/v1/")
    peer = await enrolled(base, there.gateway, token)
    return peer, Sender(Agent(peer.agent, "default", "plant", b"", 0, None, 1, "", NOW, None))


def numbers(there: Receiver) -> list[str]:
    """The records of `record.created`, in the order in which they arrived."""
    return [request.event["data"]["keys"][0] for request in there.requests]


async def test_a_batch_of_an_agent_arrives_signed_at_a_platform(tmp_path: Path) -> None:
    """The independent library takes it, and the record that it names can be read at that moment."""
    config, token = await asyncio.to_thread(relay_in, tmp_path / "relay")
    read: list[int] = []
    async with platform(config, token) as there:

        async def script(line: Line) -> None:
            while (request := await line.request()) is not None:
                if request.event["type"] == "record.created":
                    key = request.event["data"]["keys"][0]
                    found = await there.api.get(f"/connections/nav/purchase-orders/{key}")
                    read.append(found.status_code)
                await line.say(OK)

        async with receiver(script) as platform_side:
            made_endpoint = await there.endpoint(platform_side)
            peer, sender = await agent_of(there, token)
            async with peer.connected():
                await peer.send(sender.batch(orders(["4011"])))
                await peer.send(sender.batch(run_report("run-1", RunStatus.SUCCEEDED), kind="run"))
                await platform_side.until(3)
                await eventually(lambda: _first(read))

            verified = [
                Webhook(made_endpoint["secret"]).verify(request.body, request.headers)
                for request in platform_side.requests
            ]
            assert {event["type"] for event in verified} == {
                "agent.online",
                "record.created",
                "sync.completed",
            }
            assert read == [200]
            listed = (await there.api.get("/events")).json()["items"]
            assert {event["id"] for event in verified} <= {event["id"] for event in listed}


async def _first(found: list[int]) -> bool:
    return bool(found)


async def test_a_relay_killed_in_the_middle_delivers_everything_in_order(tmp_path: Path) -> None:
    """Killed again and again while batches come and deliveries are on their way: at least once, in the lane's order."""
    config, token = await asyncio.to_thread(relay_in, tmp_path / "relay")
    wanted = [str(number) for number in range(12)]
    async with receiver() as ordered, receiver() as loose:
        async with platform(config, token) as there:
            await there.endpoint(ordered, types=["record.created"], ordered=True)
            await there.endpoint(loose, types=["record.created"])
            peer, sender = await agent_of(there, token)
        batches = [sender.batch(orders([key])) for key in wanted]
        for life in range(3):
            async with platform(config, token) as there:
                peer.url = there.gateway
                with suppress(ConnectionClosed):
                    async with peer.connected():
                        for batch in batches[: 3 * (life + 1)]:
                            await peer.send(batch)
                        await ordered.until(3 * life + 1)
                        there.process.send_signal(signal.SIGKILL)
                        await there.process.wait()
        async with platform(config, token) as there:
            peer.url = there.gateway
            async with peer.connected():
                for batch in batches:
                    await peer.send(batch)
                for side in (ordered, loose):
                    async with asyncio.timeout(60):
                        while set(numbers(side)) != set(wanted):
                            side.came.clear()
                            await side.came.wait()

    firsts = list(dict.fromkeys(numbers(ordered)))
    assert firsts == wanted
    ids = Counter(request.headers["webhook-id"] for request in ordered.requests)
    assert len(ids) == len(wanted)  # what came twice is known by its id


async def test_endpoints_of_two_tenants_never_see_each_other_s_events(tmp_path: Path) -> None:
    config, token = await asyncio.to_thread(relay_in, tmp_path / "relay")
    other = await _second_tenant(tmp_path / "relay")
    async with receiver() as ours, receiver() as theirs, platform(config, token) as there:
        await there.endpoint(ours, types=["record.created"])
        headers = {"Authorization": f"Bearer {other}"}
        answer = await there.api.post(
            "/webhook-endpoints", json={"url": theirs.url, "types": ["record.created"]}, headers=headers
        )
        assert answer.status_code == 201
        code = (await there.api.post("/enrolment-codes", json={}, headers=headers)).json()["code"]
        stranger = Peer(there.gateway)
        assert await stranger.enrol(code) == ""
        peer, sender = await agent_of(there, token)
        strange = Sender(Agent(stranger.agent, "globex", "plant", b"", 0, None, 1, "", NOW, None))
        async with peer.connected(), stranger.connected():
            await peer.send(sender.batch(orders(["ours"])))
            await stranger.send(strange.batch(orders(["theirs"])))
            await asyncio.gather(ours.until(1), theirs.until(1))
            await peer.send(sender.batch(orders(["ours-2"])))
            await ours.until(2)

        assert numbers(ours) == ["ours", "ours-2"]
        assert numbers(theirs) == ["theirs"]


async def _second_tenant(folder: Path) -> str:
    store = await SqliteStore.open(folder / "data" / "relay.db")
    try:
        await create_tenant(store, "globex", NOW)
        token = await create_token(store, "globex", "t", NOW, scopes=ALL_SCOPES)
        return token.text
    finally:
        await store.aclose()


async def test_one_endpoint_that_hangs_delays_no_other(tmp_path: Path) -> None:
    config, token = await asyncio.to_thread(relay_in, tmp_path / "relay")
    scripts: list[Script] = [hanging, well]
    async with (
        receiver(scripts[0]) as hangs,
        receiver(scripts[1]) as answers,
        platform(config, token) as there,
    ):
        stuck = await there.endpoint(hangs, types=["record.created"])
        await there.endpoint(answers, types=["record.created"], ordered=True)
        peer, sender = await agent_of(there, token)
        async with peer.connected():
            for number in range(10):
                await peer.send(sender.batch(orders([str(number)])))
            await answers.until(10)

            assert numbers(answers) == [str(number) for number in range(10)]
            log = (await there.api.get(f"/webhook-endpoints/{stuck['id']}/deliveries")).json()["items"]
            assert all(one["state"] == "pending" for one in log)
