"""Agents at a relay over real websockets, of this version and of the one before, while the operator decides of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.protocol.events import HeldBack, Welcomed
from agent.protocol.frames import Status
from relay.app import RelayApp
from relay.credits import Credits
from relay.pricing import Usage
from relay.store.administration import Administration
from tests.integration.relay_peer import Peer, Refused, client_of, enrolled_peer, eventually, made, patient
from tests.unit.relay.making import NOW, Sender, orders

STREAM = "nav/purchase_orders"
TOLD = Status(({"name": "nav", "system": "sap_ecc", "state": "ok"},), configured=("nav",))
TOLD_OF_BEFORE = Status(({"name": "nav", "state": "ok"},))


@asynccontextmanager
async def at_a_relay(folder: Path, **usage: int) -> AsyncIterator[tuple[RelayApp, Peer, Sender]]:
    settings, token = await asyncio.to_thread(made, folder / "relay")
    settings = patient(settings).model_copy(update={"usage": Usage(**usage)})
    async with RelayApp(settings) as relay, client_of(relay, token) as client:
        peer = await enrolled_peer(relay, client)
        agent = await relay.store.agent(peer.agent)
        assert agent is not None
        yield relay, peer, Sender(agent)


async def tell(peer: Peer, status: Status) -> None:
    peer.live.send_status(status)
    await peer.flush()


def held_back(peer: Peer) -> list[frozenset[str]]:
    return [event.connections for event in peer.events if isinstance(event, HeldBack)]


async def test_an_agent_whose_connection_is_refused_waits_and_sends_once_the_pool_has_grown(
    tmp_path: Path,
) -> None:
    """Without a new session: the relay says so in the one that there is."""
    async with at_a_relay(tmp_path, default_pool=0) as (relay, peer, sender):
        peer.capabilities = ("connections_refused",)
        async with peer.connected():
            await tell(peer, TOLD)
            await eventually(lambda: _is(held_back(peer)[-1:] == [frozenset({"nav"})]))

            credits_ = Credits(relay.store.engine, relay.settings.usage.prices())
            await credits_.resize("default", 100, NOW)

            await eventually(lambda: _is(held_back(peer)[-1:] == [frozenset()]))
            await peer.send(sender.batch(orders(["1"])))
            await peer.acked(STREAM, 1)
            assert (await credits_.pool("default")).in_use > 0


async def test_an_agent_of_the_version_before_is_served_and_told_nothing_that_it_does_not_know(
    tmp_path: Path,
) -> None:
    """It has no capabilities, says nothing of its health or of what is configured, and cannot be refused."""
    async with at_a_relay(tmp_path, default_pool=0) as (relay, peer, sender):
        async with peer.connected() as welcomed:
            assert isinstance(welcomed, Welcomed)
            await tell(peer, TOLD_OF_BEFORE)
            await peer.send(sender.batch(orders(["1"])))
            await peer.acked(STREAM, 1)
            await peer.send(sender.batch(orders(["2"])))
            await peer.acked(STREAM, 2)
            assert held_back(peer) == []

        (connection,) = await relay.store.connections("default")
        assert connection.status.state == "ok"


async def test_agents_of_a_disabled_tenant_are_sent_away_and_served_again_when_it_is_enabled(
    tmp_path: Path,
) -> None:
    async with at_a_relay(tmp_path) as (relay, peer, sender):
        administration = Administration(relay.store.engine)
        async with peer.connected():
            await peer.send(sender.batch(orders(["1"])))
            await peer.acked(STREAM, 1)  # by now it was looked at
            await administration.enable_tenant("default", NOW, enabled=False)
            refused = await peer.until(Refused)
            assert refused.error.code == "tenant_disabled"
            assert refused.error.retry_after is not None
        assert await peer.refusal() == "tenant_disabled"

        await administration.enable_tenant("default", NOW, enabled=True)

        async with peer.connected():
            await peer.send(sender.batch(orders(["2"])))
            await peer.acked(STREAM, 2)


async def _is(condition: bool) -> bool:
    return condition
