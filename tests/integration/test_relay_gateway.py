"""A real relay, and agents that speak the real protocol to it over real sockets."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from agent.errors import StorageFull
from agent.protocol.events import Acked
from agent.protocol.frames import Result, Status
from relay import ingest as ingest_room
from relay.app import RelayApp
from relay.store.base import Agent, Appended, NewBatch
from tests.feed_reader import FeedReader
from tests.integration.relay_peer import (
    CommandReceived,
    GapReported,
    Peer,
    Refused,
    RelayDraining,
    client_of,
    enrolled_peer,
    eventually,
    made,
    patient,
)
from tests.unit.relay.making import NOW, Sender, orders, run_report, tombstones


@dataclasses.dataclass
class Running:
    relay: RelayApp
    client: httpx.AsyncClient

    async def stored(self, peer: Peer) -> Agent:
        found = await self.relay.store.agent(peer.agent)
        assert found is not None
        return found

    async def sender(self, peer: Peer) -> Sender:
        return Sender(await self.stored(peer))


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    settings, token = await asyncio.to_thread(made, tmp_path / "relay")
    async with RelayApp(patient(settings)) as relay, client_of(relay, token) as client:
        yield Running(relay, client)


@pytest.fixture
async def impatient(tmp_path: Path) -> AsyncIterator[Running]:
    settings, token = await asyncio.to_thread(made, tmp_path / "relay")
    async with RelayApp(settings) as relay, client_of(relay, token) as client:
        yield Running(relay, client)


async def test_records_travel_from_agent_to_api(running: Running) -> None:
    peer = await enrolled_peer(running.relay, running.client)
    sender = await running.sender(peer)
    async with peer.connected():
        await peer.send(sender.batch(orders(["1", "2"], note="first")))
        await peer.send(sender.batch(tombstones(["2"]), kind="tombstones"))
        await peer.send(sender.batch(run_report("run-1"), kind="run"))
        await peer.acked("nav/purchase_orders", 3)

    await eventually(running.relay.caught_up)
    listed = (await running.client.get("/purchase-orders")).json()
    runs = (await running.client.get("/sync-runs")).json()
    assert [(item["key"], item["orderNo"], item["connection"]) for item in listed["items"]] == [
        ("1", "PO-1", "nav")
    ]
    assert [(run["run"], run["counts"]["read"]) for run in runs["items"]] == [("run-1", 3)]


async def test_nothing_is_acked_before_the_disk_has_it(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = running.relay.store
    works, begun, goes_on = store.append_batches, asyncio.Event(), asyncio.Event()

    async def held(new: Sequence[NewBatch]) -> list[Appended]:
        begun.set()
        await goes_on.wait()
        return await works(new)

    monkeypatch.setattr(store, "append_batches", held)
    peer = await enrolled_peer(running.relay, running.client)
    sender = await running.sender(peer)
    async with peer.connected():
        await peer.send(sender.batch(orders(["1"])))
        await begun.wait()
        await asyncio.sleep(0.2)  # noqa: TID251 - for what must not happen to happen
        acked = [event for event in peer.events if isinstance(event, Acked)]
        goes_on.set()  # whatever was found: the relay ends only when its batches are stored
        assert acked == []
        await peer.acked("nav/purchase_orders", 1)


async def test_a_lost_ack_makes_no_second_record(running: Running) -> None:
    peer = await enrolled_peer(running.relay, running.client)
    sender = await running.sender(peer)
    batch = sender.batch(orders(["1"]))
    async with peer.connected():
        await peer.send(batch)
        await peer.acked("nav/purchase_orders", 1)

    async with peer.connected() as welcomed:
        await peer.send(batch)
        second = sender.batch(orders(["2"]))
        await peer.send(second)
        await peer.acked("nav/purchase_orders", 2)

    assert welcomed.positions == {"nav/purchase_orders": 1}
    assert await running.relay.store.last_position() == 2


async def test_a_gap_is_reported_and_nothing_behind_it_is_stored(running: Running) -> None:
    peer = await enrolled_peer(running.relay, running.client)
    sender = await running.sender(peer)
    sender.batch(orders(["1"]))
    async with peer.connected():
        await peer.send(sender.batch(orders(["2"])))

        gap = await peer.until(GapReported)

    assert gap.last == 0
    assert await running.relay.store.last_position() == 0


async def test_credit_comes_back_after_each_stored_batch(running: Running) -> None:
    peer = await enrolled_peer(running.relay, running.client)
    sender = await running.sender(peer)
    async with peer.connected() as welcomed:
        for number in range(3 * welcomed.welcome.credit):
            await peer.send(sender.batch(orders([str(number)])))
        await peer.acked("nav/purchase_orders", 3 * welcomed.welcome.credit)


async def test_a_batch_that_cannot_be_read_is_kept_acked_and_shown_and_holds_nothing_up(
    running: Running,
) -> None:
    peer = await enrolled_peer(running.relay, running.client)
    sender = await running.sender(peer)
    poison = dataclasses.replace(sender.batch(orders(["1"])), count=2)
    async with peer.connected():
        await peer.send(poison)
        await peer.send(sender.batch(orders(["2"])))
        await peer.acked("nav/purchase_orders", 2)

    stored = await running.relay.store.batch(1)
    assert stored is not None
    assert (stored.payload, bool(stored.header.damaged)) == (poison.payload, True)
    await eventually(running.relay.caught_up)
    shown = (await running.client.get("/purchase-orders")).json()["items"]
    assert [record["key"] for record in shown] == ["2"]
    (letter,) = (await running.client.get("/dead-letters")).json()["items"]
    assert (letter["reason"], letter["connection"]) == ("unreadable_batch", "nav")
    reader = FeedReader()
    reader.read((await running.client.get("/feed")).content)
    assert (reader.keys, reader.more) == (["2"], False)


async def test_an_agent_that_comes_back_again_and_again_fills_no_memory_while_the_disk_refuses(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A nearly full disk takes the few bytes of a handshake, and not the batch."""
    monkeypatch.setattr(ingest_room, "MAX_QUEUED_BYTES", 10)
    ingest, store = running.relay.ingest, running.relay.store
    works, submitted = store.append_batches, 0

    async def refuse(_new: Sequence[NewBatch]) -> list[Appended]:
        raise StorageFull

    original = ingest.submit

    def counted(batch: NewBatch) -> asyncio.Future[Appended]:
        nonlocal submitted
        submitted += 1
        return original(batch)

    monkeypatch.setattr(store, "append_batches", refuse)
    monkeypatch.setattr(ingest, "submit", counted)
    peer = await enrolled_peer(running.relay, running.client)
    batch = (await running.sender(peer)).batch(orders(["1"]))
    for _ in range(4):
        async with peer.connected():
            await peer.send(batch)
            await eventually(lambda: _holds_a_batch(running, peer))
            await asyncio.sleep(0.2)  # noqa: TID251 - for what must not happen to happen

    assert submitted == 1
    monkeypatch.setattr(store, "append_batches", works)
    async with peer.connected():
        await peer.send(batch)
        await peer.acked("nav/purchase_orders", 1)


async def _holds_a_batch(running: Running, peer: Peer) -> bool:
    link = running.relay.gateway._agents.get(peer.agent)
    return link is not None and link._unstored > 0


async def test_a_session_that_breaks_says_so_in_the_log(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(running.relay.store, "save_connections", broken)
    peer = await enrolled_peer(running.relay, running.client)
    with capture_logs() as lines:
        async with peer.connected():
            peer.live.send_status(Status(({"name": "nav"},)))
            await peer.flush()
            await eventually(lambda: _said(lines, "session_crashed"))


async def _said(lines: list[MutableMapping[str, Any]], event: str) -> bool:
    return any(line["event"] == event for line in lines)


async def test_bytes_changed_on_the_way_are_refused_and_not_stored(running: Running) -> None:
    peer = await enrolled_peer(running.relay, running.client)
    good = (await running.sender(peer)).batch(orders(["1"]))
    async with peer.connected():
        await peer.send(dataclasses.replace(good, payload=good.payload[:-1] + b"!"))

        refused = await peer.until(Refused)

    assert refused.error.code == "bad_hash"
    assert await running.relay.store.last_position() == 0


async def test_a_code_enrols_one_agent(running: Running) -> None:
    answer = await running.client.post("/enrolment-codes", json={})
    code = answer.json()["code"]

    assert await Peer(running.relay.gateway_url).enrol(code) == ""
    assert await Peer(running.relay.gateway_url).enrol(code) == "code_refused"


async def test_a_copied_identity_is_fenced(running: Running) -> None:
    """The copy that comes second has the older epoch."""
    peer = await enrolled_peer(running.relay, running.client)
    async with peer.connected():
        pass
    copy = dataclasses.replace(peer, events=[])
    async with peer.connected():
        await eventually(lambda: _epoch_is(running, peer))
        assert await copy.refusal() == "stale_epoch"


async def _epoch_is(running: Running, peer: Peer) -> bool:
    return (await running.stored(peer)).epoch == peer.epoch


async def test_a_newer_session_takes_the_place_of_an_older_one(running: Running) -> None:
    peer = await enrolled_peer(running.relay, running.client)
    async with peer.connected():
        await eventually(lambda: _epoch_is(running, peer))
        second = dataclasses.replace(peer, events=[])
        async with second.connected():
            refused = await peer.until(Refused)

            assert refused.error.code == "superseded"
            assert running.relay.gateway.connected(peer.agent)


async def test_another_key_is_refused_like_an_unknown_agent(running: Running) -> None:
    peer = await enrolled_peer(running.relay, running.client)

    forged = Peer(running.relay.gateway_url, agent=peer.agent)
    unknown = Peer(running.relay.gateway_url, agent="agt_nobody")

    assert await forged.refusal() == await unknown.refusal() == "identity_refused"


async def test_a_revoked_agent_is_sent_away_and_stays_refused_until_it_enrols_anew(running: Running) -> None:
    peer = await enrolled_peer(running.relay, running.client)
    async with peer.connected():
        answer = await running.client.delete(f"/agents/{peer.agent}")

        assert answer.status_code == 204
        assert (await peer.until(Refused)).error.code == "identity_refused"

    assert await peer.refusal() == "identity_refused"
    back = await enrolled_peer(running.relay, running.client, agentName="plant")
    assert back.agent == peer.agent
    async with back.connected():
        pass
    assert await peer.refusal() == "identity_refused"


async def test_a_sync_asked_for_over_the_api_reaches_the_agent_and_its_result_comes_back(
    running: Running,
) -> None:
    peer = await enrolled_peer(running.relay, running.client)
    async with peer.connected():
        peer.live.send_status(Status(({"name": "nav", "state": "idle", "system": "dynamics_nav"},)))
        await peer.flush()
        await eventually(lambda: _has_connection(running))
        asked = await running.client.post(
            "/connections/nav/syncs", json={"entities": ["purchase_order"], "full": True}
        )
        command = (await peer.until(CommandReceived)).command
        peer.live.send_result(Result(command.id, "succeeded", {"runs": ["r1"]}))
        await peer.flush()

        async def ended() -> Any:
            answer = (await running.client.get(f"/commands/{command.id}")).json()
            return answer if answer["state"] == "succeeded" else None

        answer = await eventually(ended)

    assert asked.status_code == 202
    assert (command.name, command.args) == (
        "resync",
        {"connection": "nav", "entities": ["purchase_order"]},
    )
    assert answer["result"] == {"runs": ["r1"]}


async def _has_connection(running: Running) -> bool:
    return (await running.client.get("/connections/nav")).status_code == 200


async def test_a_command_waits_for_an_agent_that_is_away(running: Running) -> None:
    peer = await enrolled_peer(running.relay, running.client)
    async with peer.connected():
        peer.live.send_status(Status(({"name": "nav"},)))
        await peer.flush()
        await eventually(lambda: _has_connection(running))
    await eventually(lambda: _away(running, peer))

    asked = (await running.client.post("/connections/nav/syncs", json={})).json()
    async with peer.connected():
        command = (await peer.until(CommandReceived)).command

    assert asked["state"] == "queued"
    assert command.id == asked["id"]


async def _away(running: Running, peer: Peer) -> bool:
    return not running.relay.gateway.connected(peer.agent)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{}",
        "[]",
        '{"type":"welcome"}',
        b"",
        b"GWB\x00garbage",
        "{" * 5_000,
        '{"type":"confirm","epoch":1}',
    ],
)
async def test_garbage_ends_that_session_alone(running: Running, message: str | bytes) -> None:
    async with connect(running.relay.gateway_url) as stranger:
        await stranger.send(message)
        with pytest.raises(ConnectionClosed):
            await _to_the_end(stranger)

    peer = await enrolled_peer(running.relay, running.client)
    async with peer.connected():
        pass


async def test_a_stranger_may_not_send_more_than_a_control_frame(running: Running) -> None:
    async with connect(running.relay.gateway_url) as stranger:
        await stranger.send(b"x" * 100_000)
        with pytest.raises(ConnectionClosed):
            await _to_the_end(stranger)


async def test_a_silent_agent_is_noticed(impatient: Running) -> None:
    peer = await enrolled_peer(impatient.relay, impatient.client)
    async with peer.connected():
        await eventually(lambda: _epoch_is(impatient, peer))
        peer.live._next_beat = None

        await eventually(lambda: _away(impatient, peer))


async def test_a_full_relay_says_so(tmp_path: Path) -> None:
    settings, token = await asyncio.to_thread(made, tmp_path / "relay")
    full = settings.model_copy(update={"gateway": settings.gateway.model_copy(update={"max_sessions": 1})})
    async with RelayApp(full) as relay, client_of(relay, token) as client:
        peer = await enrolled_peer(relay, client)
        await eventually(lambda: _no_links(relay))
        async with peer.connected():
            with pytest.raises(InvalidStatus, match="503"):
                await connect(relay.gateway_url)


async def _no_links(relay: RelayApp) -> bool:
    return not relay.gateway._links


async def test_a_relay_that_stops_asks_its_agents_to_finish(tmp_path: Path) -> None:
    settings, token = await asyncio.to_thread(made, tmp_path / "relay")
    async with RelayApp(settings) as relay, client_of(relay, token) as client:
        peer = await enrolled_peer(relay, client)
        sender = Sender(Agent(peer.agent, "default", "plant", b"", 0, None, 1, "", NOW, None))
        async with peer.connected():
            stopping = asyncio.create_task(relay.gateway.stop())
            await peer.until(RelayDraining)
            await peer.send(sender.batch(orders(["1"])))
            await peer.acked("nav/purchase_orders", 1)
        await asyncio.wait_for(stopping, 15)


async def _to_the_end(socket: ClientConnection) -> None:
    async with asyncio.timeout(10):
        while True:
            await socket.recv()
