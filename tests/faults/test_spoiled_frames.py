"""F14: frames that are cut, and garbage behind them, between a real link and a real relay over a real socket.

It is plain, so that the proxy can tell the frames apart. GROUNDWIRE_CUTS=all cuts at every byte.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.streams import StreamReader

from agent.tunnel.endpoint import make_endpoint
from agent.tunnel.link import Link
from relay.app import RelayApp
from relay.settings import RelaySettings
from tests.faults.fault_proxy import FaultProxy
from tests.faults.fleet import CLOCK, LightAgent, enrol
from tests.faults.oracle import chains
from tests.integration.relay_peer import made, patient
from tests.integration.tunnel_peer import FakeOutbox, FakeSink, FakeStatus

ALL = os.environ.get("GROUNDWIRE_CUTS") == "all"
PLACES = 15  # of each kind of frame
PATIENCE_SECONDS = 60.0

pytestmark = pytest.mark.timeout(0 if ALL else 180)

Spoil = Callable[
    [Frame, bool], tuple[bytes, bool]
]  # of a frame, masked or not: what passes, and if it is the last


class Wire:
    """One direction, frame by frame: the next one that counts is spoiled, the others pass as they are."""

    def __init__(self, *, masked: bool) -> None:
        self.spoil: Spoil | None = None
        self.sizes: list[int] = []  # of the frames that count
        self.connections: list[list[Frame]] = []  # what each of them has carried
        self._masked = masked
        self._begin()

    def pass_on(self, chunk: bytes) -> tuple[bytes, bool]:
        head = b""
        if chunk.startswith((b"GET ", b"HTTP/1.1")):
            head, end, chunk = chunk.partition(b"\r\n\r\n")
            head += end
            self.connections.append([])
            self._begin()
        self._reader.feed_data(chunk)
        passed, last = bytearray(head), False
        while not last and (frame := self._next()) is not None:
            self.connections[-1].append(frame)
            spoiled, last = self._spoiled(frame)
            passed += spoiled
        return bytes(passed), last

    def _begin(self) -> None:
        self._reader = StreamReader()
        self._parser = Frame.parse(self._reader.read_exact, mask=self._masked)

    def _next(self) -> Frame | None:
        try:
            next(self._parser)
        except StopIteration as done:
            self._parser = Frame.parse(self._reader.read_exact, mask=self._masked)
            found: Frame = done.value
            return found
        return None

    def _spoiled(self, frame: Frame) -> tuple[bytes, bool]:
        if frame.opcode is Opcode.BINARY or bytes(frame.data).startswith(b'{"type":"ack"'):
            self.sizes.append(len(frame.data))
            if self.spoil is not None:
                spoil, self.spoil = self.spoil, None
                return spoil(frame, self._masked)
        return frame.serialize(mask=self._masked), False


def message_cut(place: int) -> Spoil:
    """A whole websocket message that holds a part of a frame."""
    return lambda frame, masked: (
        Frame(frame.opcode, frame.data[: place % len(frame.data)]).serialize(mask=masked),
        False,
    )


def line_cut(place: int) -> Spoil:
    def spoil(frame: Frame, masked: bool) -> tuple[bytes, bool]:
        raw = frame.serialize(mask=masked)
        return raw[: place % len(raw)], True

    return spoil


def more_in_it(garbage: bytes) -> Spoil:
    return lambda frame, masked: (
        Frame(frame.opcode, bytes(frame.data) + garbage).serialize(mask=masked),
        False,
    )


def bytes_behind(garbage: bytes) -> Spoil:
    return lambda frame, masked: (frame.serialize(mask=masked) + garbage, False)


def message_behind(opcode: Opcode, garbage: bytes) -> Spoil:
    return lambda frame, masked: (
        frame.serialize(mask=masked) + Frame(opcode, garbage).serialize(mask=masked),
        False,
    )


class World:
    """One agent's link, one relay, and a line on which the frames can be told apart."""

    def __init__(self, settings: RelaySettings, proxy: FaultProxy, agent: LightAgent) -> None:
        self.settings, self.agent = settings, agent
        self.there, self.back = Wire(masked=True), Wire(masked=False)
        proxy.change = lambda there, chunk: (self.there if there else self.back).pass_on(chunk)

    @asynccontextmanager
    async def running(self, proxy: FaultProxy) -> AsyncIterator[None]:
        async with RelayApp(self.settings) as app:
            proxy.aim(app.gateway.port)
            task = asyncio.ensure_future(self.agent.link.run())
            try:
                yield
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def send(self, spoil: Spoil | None, wire: Wire) -> tuple[list[Frame], list[Frame]]:
        """Send one batch; what the connection carried there and back that `spoil` ended, once there is a new one."""
        await self._until(lambda: self.agent.connected)
        number = len(self.back.connections)
        wire.spoil = spoil
        self.agent.enqueue()
        if spoil is not None:
            await self._until(lambda: len(self.back.connections) == number + 1 and self.agent.connected)
        await self._until(lambda: self.agent.delivered)
        return self.there.connections[number - 1], self.back.connections[number - 1]

    def stored_once(self) -> bool:
        (rows,) = chains(self.settings.data).values()
        return [payload for *_, payload in rows] == [batch.payload for batch in self.agent.outbox.batches]

    async def _until(self, condition: Callable[[], bool]) -> None:
        deadline = CLOCK.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert CLOCK.monotonic() < deadline, self.agent.link.state
            await CLOCK.sleep(0.002)


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    with FaultProxy(1) as proxy:
        yield proxy


@pytest.fixture
async def world(tmp_path: Path, proxy: FaultProxy) -> AsyncIterator[World]:
    settings = patient((await asyncio.to_thread(made, tmp_path / "relay"))[0])
    gateway = settings.gateway.model_copy(update={"new_sessions_per_second": 10_000.0})
    url = f"ws://127.0.0.1:{proxy.port}"
    (store,) = await enrol(tmp_path / "relay", tmp_path / "agents", url, 1)
    outbox = FakeOutbox()
    link = Link(
        make_endpoint(url, allow_plain_loopback=True), store, outbox,
        sink=FakeSink(), status=FakeStatus(), clock=CLOCK, software="test", fraction=lambda: 0.0,
    )  # fmt: skip
    world = World(settings.model_copy(update={"gateway": gateway}), proxy, LightAgent(link, outbox))
    async with world.running(proxy):
        yield world
    assert world.stored_once()


def places(size: int) -> Iterator[int]:
    """The ends, and places between them."""
    return iter(range(size)) if ALL else iter(sorted({*range(0, size, -(-size // PLACES)), size - 1}))


def closed_with(frames: list[Frame]) -> list[int]:
    return [Close.parse(bytes(frame.data)).code for frame in frames if frame.opcode is Opcode.CLOSE]


def errors_in(frames: list[Frame]) -> list[str]:
    texts = [json.loads(frame.data) for frame in frames if frame.opcode is Opcode.TEXT]
    return [text["code"] for text in texts if text["type"] == "error"]


async def test_a_batch_cut_anywhere_is_refused_and_stored_once_when_it_comes_whole(world: World) -> None:
    await world.send(None, world.there)
    for place in places(world.there.sizes[0]):
        _, back = await world.send(message_cut(place), world.there)
        assert errors_in(back) == ["malformed"]
        assert closed_with(back) == [CloseCode.PROTOCOL_ERROR]
        await world.send(line_cut(place), world.there)


async def test_an_ack_cut_anywhere_ends_the_session_and_its_batch_is_stored_once(world: World) -> None:
    await world.send(None, world.back)
    for place in places(world.back.sizes[0]):
        there, _ = await world.send(message_cut(place), world.back)
        assert closed_with(there) == [CloseCode.PROTOCOL_ERROR]
        await world.send(line_cut(place), world.back)


NO_FRAMES = {  # as the websocket's own
    "reserved bits": bytes([0xFF, 0xFF, 0xFF]),
    "reserved kind": bytes([0x83, 0x80, 0, 0, 0, 0]),
    "rest of nothing": bytes([0x80, 0x80, 0, 0, 0, 0]),
}


async def test_garbage_behind_a_batch_ends_the_session_and_the_batch_is_stored_once(world: World) -> None:
    for spoil, code in (
        (more_in_it(b"!"), "malformed"),
        (more_in_it(bytes(5_000)), "malformed"),
        (message_behind(Opcode.BINARY, b"garbage"), "malformed"),
        (message_behind(Opcode.TEXT, b"}{"), "malformed"),
        (message_behind(Opcode.TEXT, b'{"type":"welcome"}'), "malformed"),
    ):
        _, back = await world.send(spoil, world.there)
        assert errors_in(back) == [code]
        assert closed_with(back) == [CloseCode.PROTOCOL_ERROR]
    for garbage in NO_FRAMES.values():
        _, back = await world.send(bytes_behind(garbage), world.there)
        assert closed_with(back) == [CloseCode.PROTOCOL_ERROR]


async def test_garbage_behind_an_ack_ends_the_session_and_nothing_is_sent_twice(world: World) -> None:
    for spoil in (
        more_in_it(b"}"),
        message_behind(Opcode.BINARY, b"garbage"),
        message_behind(Opcode.TEXT, b"}{"),
        *(bytes_behind(garbage) for garbage in NO_FRAMES.values()),
    ):
        there, _ = await world.send(spoil, world.back)
        assert closed_with(there) == [CloseCode.PROTOCOL_ERROR]
