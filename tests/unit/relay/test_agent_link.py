"""One agent's link at the relay, over a socket that the test holds in its hands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.protocol import State

from agent.clock import SystemClock
from agent.protocol.events import Welcomed
from agent.protocol.frames import Ack, Heartbeat, HeartbeatAck, Hello, decode, encode
from agent.protocol.session import AgentSession
from relay.agent_link import UNREAD_FRAMES, AgentLink
from relay.ingest import Ingest
from relay.settings import Gateway
from relay.store.base import Agent
from relay.store.sqlite import SqliteStore
from relay.watch import CommandWatch
from tests.integration.relay_peer import wire
from tests.unit.relay.making import Sender, enrolled, orders

CLOCK = SystemClock()


class Socket:
    """A peer that says what it is told to, and reads only while `hearing` is set."""

    state = State.OPEN

    def __init__(self) -> None:
        self.protocol = SimpleNamespace(max_message_size=0)
        self.transport = SimpleNamespace(abort=lambda: None)
        self.hearing = asyncio.Event()
        self.hearing.set()
        self.heard: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.said: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.read = 0

    async def recv_streaming(self) -> AsyncIterator[str | bytes]:
        message = await self.said.get()
        self.read += 1
        yield message

    async def send(self, message: str | bytes) -> None:
        await self.hearing.wait()
        self.heard.put_nowait(message)

    async def close(self) -> None:
        self.state = State.CLOSED


class Nobody:
    def arrived(self, link: AgentLink) -> None: ...

    def left(self, link: AgentLink) -> None: ...


async def shake_hands(socket: Socket, agent: str, key: Ed25519PrivateKey) -> None:
    session = AgentSession(Hello(1, 1, agent, 0, "test"), sign=key.sign, now=CLOCK.monotonic())
    while not session.live:
        for message in session.messages_to_send():
            socket.said.put_nowait(message)
        for event in session.receive(await socket.heard.get(), CLOCK.monotonic()):
            if isinstance(event, Welcomed):
                session.confirm(CLOCK.monotonic())
    for message in session.messages_to_send():
        socket.said.put_nowait(message)


async def until_still(socket: Socket) -> int:
    """How many messages were read, once none has been for a while."""
    before = -1
    while socket.read != before:
        before = socket.read
        await CLOCK.sleep(0.3)
    return before


@dataclass
class Linked:
    socket: Any
    link: AgentLink
    ingest: Ingest
    agent: Agent


@asynccontextmanager
async def linked(tmp_path: Path) -> AsyncIterator[Linked]:
    """Behind the handshake. Its ingest stores nothing before somebody runs it."""
    store = await SqliteStore.open(tmp_path / "relay.db")
    key = Ed25519PrivateKey.generate()
    agent = await enrolled(store, key=key.public_key().public_bytes_raw())
    socket: Any = Socket()
    ingest = Ingest(store, clock=CLOCK)
    link = AgentLink(
        socket,
        relay="r",
        settings=Gateway(),
        store=store,
        ingest=ingest,
        presence=Nobody(),
        waiters=CommandWatch(CLOCK),
        clock=CLOCK,
    )
    running = asyncio.ensure_future(link.run())
    await shake_hands(socket, agent.id, key)
    yield Linked(socket, link, ingest, agent)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await store.aclose()


async def test_an_agent_that_does_not_read_is_not_read_either_and_fills_no_memory(tmp_path: Path) -> None:
    async with linked(tmp_path) as here:
        socket = here.socket
        begun = await until_still(socket)
        socket.hearing.clear()
        for beat in range(10 * UNREAD_FRAMES):
            socket.said.put_nowait(encode(Heartbeat(beat + 1)))

        assert await until_still(socket) - begun <= 2 * UNREAD_FRAMES
        assert here.link._session.waiting_to_send <= UNREAD_FRAMES + 1

        socket.hearing.set()
        assert await until_still(socket) == begun + 10 * UNREAD_FRAMES


async def test_a_batch_is_acked_once_it_is_stored_and_not_when_it_has_come(tmp_path: Path) -> None:
    async with linked(tmp_path) as here:
        socket = here.socket
        socket.said.put_nowait(encode(wire(Sender(here.agent).batch(orders(["1"])))))
        async with asyncio.timeout(60):
            while not here.ingest.busy:
                await CLOCK.sleep(0.01)
        socket.said.put_nowait(encode(Heartbeat(1)))
        heard = [decode(await socket.heard.get())]
        while not isinstance(heard[-1], HeartbeatAck):
            heard.append(decode(await socket.heard.get()))
        assert [frame for frame in heard if isinstance(frame, Ack)] == []

        here.ingest.stop()
        await here.ingest.run()
        while not isinstance(heard[-1], Ack):
            heard.append(decode(await socket.heard.get()))
