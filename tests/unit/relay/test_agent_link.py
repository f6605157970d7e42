"""One agent's link at the relay, over a socket that the test holds in its hands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.protocol import State

from agent.clock import SystemClock
from agent.protocol.events import Welcomed
from agent.protocol.faults import MIB
from agent.protocol.frames import (
    Ack,
    ConnectionsRefused,
    Error,
    Heartbeat,
    HeartbeatAck,
    Hello,
    decode,
    encode,
)
from agent.protocol.session import AgentSession
from relay.acting import THE_RELAY
from relay.agent_link import UNREAD_FRAMES, AgentLink
from relay.bus.memory import MemoryBus
from relay.credits import HeldBack
from relay.ingest import Ingest
from relay.members import Members, new_process
from relay.settings import Gateway
from relay.store import audited
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
        self.aborted = False
        self.transport = SimpleNamespace(abort=self._abort)
        self.seconds_each = 0.0  # that it takes to read one message
        self.hearing = asyncio.Event()
        self.hearing.set()
        self.heard: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.said: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.in_parts = False
        self.read = 0

    def _abort(self) -> None:
        self.aborted = True

    async def recv_streaming(self) -> AsyncIterator[str | bytes]:
        message = await self.said.get()
        self.read += 1
        for part in message if self.in_parts else [message]:
            yield part  # type: ignore[misc] - a text's parts are texts

    async def send(self, message: str | bytes) -> None:
        await self.hearing.wait()
        if self.seconds_each:
            await CLOCK.sleep(self.seconds_each)
        self.heard.put_nowait(message)

    async def close(self, code: int = 1000) -> None:
        self.state = State.CLOSED


class Nobody:
    def arrived(self, link: AgentLink) -> None: ...

    def left(self, link: AgentLink) -> None: ...


async def shake_hands(socket: Socket, agent: str, key: Ed25519PrivateKey) -> None:
    hello = Hello(1, 1, agent, 0, "test", ("connections_refused",))
    session = AgentSession(hello, sign=key.sign, now=CLOCK.monotonic())
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


async def read_until(socket: Socket, count: int) -> None:
    async with asyncio.timeout(60):
        while socket.read < count and not socket.aborted:
            await CLOCK.sleep(0.05)


@dataclass
class Linked:
    socket: Any
    link: AgentLink
    ingest: Ingest
    agent: Agent


@asynccontextmanager
async def linked(tmp_path: Path, settings: Gateway | None = None) -> AsyncIterator[Linked]:
    """Behind the handshake. Its ingest stores nothing before somebody runs it."""
    store = await SqliteStore.open(tmp_path / "relay.db")
    key = Ed25519PrivateKey.generate()
    agent = await enrolled(store, key=key.public_key().public_bytes_raw())
    socket: Any = Socket()
    ingest = Ingest(store, clock=CLOCK)
    members = Members(store.engine, MemoryBus(CLOCK), new_process("r", CLOCK), alone=True, clock=CLOCK)
    await members.join()
    link = AgentLink(
        socket,
        relay="r",
        settings=settings or Gateway(),
        store=store,
        ingest=ingest,
        presence=Nobody(),
        members=members,
        waiters=CommandWatch(CLOCK),
        clock=CLOCK,
    )
    running = asyncio.ensure_future(link.run())
    await shake_hands(socket, agent.id, key)
    yield Linked(socket, link, ingest, agent)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await store.aclose()


async def opened(here: Linked) -> None:
    async with asyncio.timeout(60):
        while here.link.own is None:
            await CLOCK.sleep(0.01)


async def heard(here: Linked, kind: type[Any]) -> Any:
    """The next message of this kind."""
    async with asyncio.timeout(60):
        while not isinstance(found := decode(await here.socket.heard.get()), kind):
            pass
    return found


async def test_an_agent_that_was_revoked_at_another_relay_is_sent_away(tmp_path: Path) -> None:
    """G148."""
    async with linked(tmp_path) as here:
        await opened(here)
        agent = here.agent
        await here.link._store.engine.write(
            lambda db: audited.revoke_agent(db, agent.tenant, agent.id, agent.enrolled_at, THE_RELAY)
        )
        await here.link.look_again()

        assert (await heard(here, Error)).code == "identity_refused"


class Answers:
    """Credits whose first answer comes later than its second."""

    def __init__(self) -> None:
        self.late = asyncio.Event()
        self.asked = 0

    async def try_again(self, _agent: Agent, _now: datetime) -> HeldBack:
        self.asked += 1
        if self.asked > 1:
            return HeldBack(frozenset(), "")
        await self.late.wait()
        return HeldBack(frozenset({"nav"}), "used up")


async def test_what_was_seen_of_the_credits_last_is_what_the_agent_is_told_last(tmp_path: Path) -> None:
    """G168: else a connection that has its credits would be held back for as long as the session lasts."""
    async with linked(tmp_path) as here:
        await opened(here)
        answers: Any = Answers()
        here.link._credits = answers
        first = asyncio.ensure_future(here.link.look_again())
        second = asyncio.ensure_future(here.link.look_again())
        async with asyncio.timeout(60):
            while not answers.asked:
                await CLOCK.sleep(0.01)
        for _ in range(20):
            await CLOCK.sleep(0.01)
        answers.late.set()
        await asyncio.gather(first, second)

        assert (await heard(here, ConnectionsRefused)).connections == ("nav",)
        assert (await heard(here, ConnectionsRefused)).connections == ()


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
        await read_until(socket, begun + 10 * UNREAD_FRAMES)
        assert socket.read == begun + 10 * UNREAD_FRAMES


async def test_an_agent_that_reads_slowly_is_not_taken_for_dead_while_it_is_not_read(tmp_path: Path) -> None:
    async with linked(tmp_path, Gateway(heartbeat_seconds=1.0)) as here:
        socket = here.socket
        begun = await until_still(socket)
        socket.seconds_each = 4.0 / UNREAD_FRAMES  # so many take longer than a silence may last
        for beat in range(3 * UNREAD_FRAMES):
            socket.said.put_nowait(encode(Heartbeat(beat + 1)))

        await read_until(socket, begun + 3 * UNREAD_FRAMES)
        assert not socket.aborted


async def test_an_agent_whose_share_of_the_line_is_used_up_is_told_meanwhile_that_the_relay_is_there(
    tmp_path: Path,
) -> None:
    settings = Gateway(agent_bytes_per_second=MIB, heartbeat_seconds=1.0)
    async with linked(tmp_path, settings) as here:
        socket = here.socket
        begun = await until_still(socket)
        socket.in_parts = True
        socket.said.put_nowait(encode(Heartbeat(1)) + " " * 400)  # type: ignore[operator] - a text
        await read_until(socket, begun + 1)
        socket.in_parts = False
        socket.said.put_nowait(encode(Heartbeat(2)))

        await read_until(socket, begun + 2)
        assert not socket.aborted
        assert socket.heard.qsize() >= 5  # each half interval of four seconds and more


# Behind half of the interval the relay says by itself that it is there.
BEHIND_HALF = 0.6


async def test_each_heartbeat_is_answered_once(tmp_path: Path) -> None:
    async with linked(tmp_path, Gateway(heartbeat_seconds=1.0)) as here:
        assert await answers_to(here.socket, encode(Heartbeat(2))) == [1, 2]


async def test_short_messages_that_a_heartbeat_waits_behind_are_told_that_the_relay_is_there(
    tmp_path: Path,
) -> None:
    async with linked(tmp_path, Gateway(heartbeat_seconds=1.0)) as here:
        batch = encode(wire(Sender(here.agent).batch(orders(["1"]))))

        assert await answers_to(here.socket, batch, encode(Heartbeat(2))) == [1, 1, 2]


async def answers_to(socket: Socket, *messages: str | bytes) -> list[int]:
    """The heartbeats that were answered, from a first one up to number 2, each message a while behind the other."""
    answered: list[int] = []
    for message in (encode(Heartbeat(1)), *messages):
        socket.said.put_nowait(message)
        await CLOCK.sleep(BEHIND_HALF)
    while 2 not in answered:
        frame = decode(await socket.heard.get())
        if isinstance(frame, HeartbeatAck):
            answered.append(frame.n)
    return answered


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
