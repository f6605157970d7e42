"""Commands from the API to an agent and back: a real relay, and an agent that speaks the real protocol to it."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

from agent.protocol.events import ResultAcked
from agent.protocol.frames import Command, Result, Status
from relay.app import RelayApp
from relay.identities import NewSecret
from relay.settings import RelaySettings
from tests.integration.relay_peer import (
    CommandReceived,
    Peer,
    client_of,
    enrolled_peer,
    eventually,
    made,
    patient,
)
from tests.unit.relay.asking import ASKED, ODD_KEYS, ORDER, Asked

ORDERS = "/connections/nav/purchase-orders"
PROGRESS = 40


@dataclass
class Platform:
    """A relay that can be stopped and started again, with whoever uses it."""

    settings: RelaySettings
    token: NewSecret
    relay: RelayApp = field(init=False)
    client: httpx.AsyncClient = field(init=False)

    @asynccontextmanager
    async def up(self) -> AsyncIterator[None]:
        async with RelayApp(self.settings) as relay, client_of(relay, self.token) as client:
            self.relay, self.client = relay, client
            yield

    async def enrolled(self) -> Peer:
        peer = await enrolled_peer(self.relay, self.client)
        async with self.agent(peer):
            peer.live.send_status(Status(({"name": "nav", "state": "idle"},)))
            await peer.flush()
            await eventually(self._known)
        return peer

    async def _known(self) -> bool:
        return (await self.client.get("/connections/nav")).status_code == 200

    @asynccontextmanager
    async def agent(self, peer: Peer) -> AsyncIterator[Peer]:
        peer.url = self.relay.gateway_url
        async with peer.connected():
            await eventually(self._connected)
            yield peer
        await eventually(self._away)

    async def _connected(self) -> bool:
        return (await self.client.get("/agents")).json()["items"][0]["connected"] is True

    async def _away(self) -> bool:
        return not await self._connected()

    async def ask(self, asked: Asked, peer: Peer, **headers: str) -> httpx.Response:
        path = asked.path.format(agent=peer.agent)
        return await self.client.request(asked.method, path, json=asked.body, headers=asked.headers | headers)

    async def state_of(self, command: str) -> str:
        return str((await self.client.get(f"/commands/{command}")).json()["state"])

    async def reaches(self, command: str, state: str) -> dict[str, Any]:
        async def there() -> Any:
            found = (await self.client.get(f"/commands/{command}")).json()
            return found if found["state"] == state else None

        answer: dict[str, Any] = await eventually(there)
        return answer


@pytest.fixture
async def platform(tmp_path: Path) -> Platform:
    settings, token = await asyncio.to_thread(made, tmp_path / "relay")
    return Platform(patient(settings), token)


async def received(peer: Peer, command_id: str) -> Command:
    async def there() -> Command | None:
        commands = [event.command for event in peer.events if isinstance(event, CommandReceived)]
        return next((command for command in commands if command.id == command_id), None)

    command: Command = await eventually(there)
    return command


async def say(peer: Peer, command: str, state: str, result: dict[str, Any]) -> None:
    peer.live.send_result(Result(command, state, result))
    await peer.flush()


async def acked(peer: Peer, command: str, state: str) -> None:
    async def there() -> bool:
        return any(
            isinstance(event, ResultAcked) and (event.command, event.state) == (command, state)
            for event in peer.events
        )

    await eventually(there)


async def test_every_command_reaches_the_agent_and_its_outcome_comes_back(platform: Platform) -> None:
    async with platform.up():
        peer = await platform.enrolled()
        async with platform.agent(peer):
            for number, asked in enumerate(ASKED):
                fresh = {"Idempotency-Key": f"key {number}"}
                answer = await platform.ask(asked, peer, **fresh)
                command = await received(peer, answer.json()["id"])
                await say(peer, command.id, "succeeded", {"number": number})
                ended = await platform.reaches(command.id, "succeeded")

                assert answer.status_code == 202, answer.text
                assert (command.name, command.args) == (asked.kind, asked.args)
                assert ended["result"] == {"number": number}
                assert [step["state"] for step in ended["history"]] == ["queued", "sent", "succeeded"]


async def test_odd_keys_survive_a_real_server(platform: Platform) -> None:
    async with platform.up():
        peer = await platform.enrolled()
        async with platform.agent(peer):
            for key in ODD_KEYS:
                answer = await asyncio.to_thread(_delete, platform, quote(key, safe=""))
                command = await received(peer, answer["id"])

                assert command.args["key"] == key


def _delete(platform: Platform, quoted: str) -> dict[str, Any]:
    """Without a client library that might tidy the path up."""
    address = urlsplit(platform.relay.api_url)
    assert address.hostname is not None
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=15)
    headers = {"Authorization": f"Bearer {platform.token.text}", "Idempotency-Key": quoted}
    connection.request("DELETE", f"/api/v1{ORDERS}/{quoted}", headers=headers)
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return answer


async def test_a_relay_restarted_between_any_two_steps_keeps_every_command(platform: Platform) -> None:
    write = {"Idempotency-Key": "order 7"}
    async with platform.up():
        peer = await platform.enrolled()
        asked = (await platform.client.post(ORDERS, json=ORDER, headers=write)).json()
    async with platform.up():
        repeated = (await platform.client.post(ORDERS, json=ORDER, headers=write)).json()
        assert (repeated["id"], repeated["state"]) == (asked["id"], "queued")
        async with platform.agent(peer):
            first = await received(peer, asked["id"])
    async with platform.up():
        assert await platform.state_of(asked["id"]) == "sent"
        async with platform.agent(peer):
            assert await received(peer, asked["id"]) == first
            await say(peer, asked["id"], "running", {"done": 1})
            await acked(peer, asked["id"], "running")
    async with platform.up():
        assert (await platform.reaches(asked["id"], "running"))["progress"] == {"done": 1}
        async with platform.agent(peer):
            await say(peer, asked["id"], "in_doubt", {"code": "lost_reply"})
            await acked(peer, asked["id"], "in_doubt")
    async with platform.up():
        assert await platform.state_of(asked["id"]) == "in_doubt"
        async with platform.agent(peer):
            await say(peer, asked["id"], "succeeded", {"key": "4012"})
            await acked(peer, asked["id"], "succeeded")
    async with platform.up():
        ended = (await platform.client.post(ORDERS, json=ORDER, headers=write)).json()
        assert (ended["id"], ended["state"], ended["result"]) == (asked["id"], "succeeded", {"key": "4012"})
        assert [step["state"] for step in ended["history"]] == [
            "queued", "sent", "running", "in_doubt", "succeeded",
        ]  # fmt: skip


async def test_who_prefers_to_wait_is_answered_with_the_outcome(platform: Platform) -> None:
    async with platform.up():
        peer = await platform.enrolled()
        async with platform.agent(peer):
            waiting = asyncio.create_task(
                platform.client.post(f"{ORDERS}/1/read", headers={"Prefer": "wait=25"}, timeout=30)
            )
            command = (await peer.until(CommandReceived)).command
            await say(peer, command.id, "running", {"at": "source"})
            await say(peer, command.id, "succeeded", {"record": {"key": "1"}})
            answer = await waiting

    assert (answer.status_code, answer.json()["result"]) == (200, {"record": {"key": "1"}})
    assert answer.headers["Preference-Applied"] == "wait"


async def test_a_relay_that_stops_answers_those_who_wait(platform: Platform) -> None:
    async with platform.up():
        peer = await platform.enrolled()
        async with platform.agent(peer):
            waiting = asyncio.create_task(
                platform.client.post("/connections/nav/test", headers={"Prefer": "wait=25"}, timeout=30)
            )
            await peer.until(CommandReceived)
            platform.relay.waiters.close()

            answer = await waiting

    assert (answer.status_code, answer.json()["state"]) == (202, "sent")


async def test_much_progress_is_written_seldom_and_the_newest_word_is_kept(platform: Platform) -> None:
    async with platform.up():
        peer = await platform.enrolled()
        async with platform.agent(peer):
            asked = (await platform.client.post("/connections/nav/syncs", json={})).json()
            await received(peer, asked["id"])
            store, written = platform.relay.store, []
            answer_command = store.answer_command

            async def counted(*args: Any) -> bool:
                written.append(args)
                return await answer_command(*args)

            store.answer_command = counted  # type: ignore[method-assign]
            for number in range(PROGRESS):
                await say(peer, asked["id"], "running", {"records": number})

            async def newest() -> bool:
                found = (await platform.client.get(f"/commands/{asked['id']}")).json()
                return found["progress"] == {"records": PROGRESS - 1}

            await eventually(newest)

    assert 1 <= len(written) <= 4


async def test_a_word_of_a_later_version_is_no_outcome(platform: Platform) -> None:
    async with platform.up():
        peer = await platform.enrolled()
        async with platform.agent(peer):
            asked = (await platform.client.post("/connections/nav/test")).json()
            await say(peer, asked["id"], "half_done", {})
            await acked(peer, asked["id"], "half_done")

            assert await platform.state_of(asked["id"]) == "running"
            await say(peer, asked["id"], "succeeded", {})
            await platform.reaches(asked["id"], "succeeded")


async def test_a_result_that_nobody_asked_for_is_acked_and_changes_nothing(platform: Platform) -> None:
    async with platform.up():
        peer = await platform.enrolled()
        async with platform.agent(peer):
            for state in ("running", "succeeded"):
                await say(peer, "cmd_invented", state, {})
                await acked(peer, "cmd_invented", state)

        assert (await platform.client.get("/commands")).json()["items"] == []


async def test_the_agent_is_asked_to_cancel_what_it_has(platform: Platform) -> None:
    async with platform.up():
        peer = await platform.enrolled()
        async with platform.agent(peer):
            sync = (await platform.client.post("/connections/nav/syncs", json={})).json()
            await received(peer, sync["id"])
            wish = (await platform.client.post(f"/commands/{sync['id']}/cancel")).json()
            command = await received(peer, wish["id"])
            await say(peer, sync["id"], "cancelled", {})
            await say(peer, wish["id"], "succeeded", {"state": "cancelled"})

            assert (command.name, command.args) == ("cancel", {"command": sync["id"]})
            await platform.reaches(sync["id"], "cancelled")
            await platform.reaches(wish["id"], "succeeded")


async def test_what_the_replaced_agent_had_is_in_doubt_and_what_it_had_not_goes_to_the_new_one(
    platform: Platform,
) -> None:
    async with platform.up():
        peer = await platform.enrolled()
        async with platform.agent(peer):
            had = (await platform.client.post("/connections/nav/test")).json()
            await received(peer, had["id"])
        waiting = (await platform.client.post("/connections/nav/test")).json()
        successor = await enrolled_peer(platform.relay, platform.client, agentName="plant")
        async with platform.agent(successor):
            await received(successor, waiting["id"])
            ended = await platform.reaches(had["id"], "in_doubt")
            sent = [event for event in successor.events if isinstance(event, CommandReceived)]

        assert successor.agent == peer.agent
        assert ended["result"] == {"code": "agent_replaced"}
        assert [event.command.id for event in sent] == [waiting["id"]]
