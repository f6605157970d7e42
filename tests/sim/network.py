"""A line between agent and relay that delays, cuts, falls silent, and loses, repeats or swaps acks.

What is given to a line arrives in order or not at all, as over TCP, also when its sender is no more. A cut is noticed by both ends sooner or later; a
black hole by neither. Acks alone may also be lost, repeated or swapped while the line lives, as by a peer's own fault.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextvars import Context
from dataclasses import dataclass
from random import Random
from types import SimpleNamespace
from typing import Any, Final

from websockets.exceptions import ConnectionClosedError
from websockets.protocol import State

from agent.errors import Unreachable
from agent.protocol.faults import KIB, MAX_BATCH_BYTES

FULL_MESSAGES: Final = 8  # on their way in one direction; beyond it the sender waits, as for TCP's window
PART_BYTES: Final = 16 * KIB


@dataclass(slots=True)
class Weather:
    """How the network is just now."""

    latency: float = 0.02
    spread: float = 0.05
    refuses: bool = False  # nothing can be reached
    black_hole: bool = False  # what is sent is swallowed, and nobody is told
    ack_trouble: float = 0.0  # the share of acks that are lost, repeated or swapped


class Pipe:
    """One direction of a line."""

    def __init__(self, loop: asyncio.AbstractEventLoop, weather: Weather, random: Random) -> None:
        self._loop, self._weather, self._random = loop, weather, random
        self._arrived: deque[str | bytes] = deque()
        self._on_way: deque[str | bytes] = deque()
        self._last = 0.0
        self._held: str | bytes | None = None  # an ack that the next one overtakes
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self.broken = False
        self.lost = False  # something was swallowed: nothing behind it can arrive either

    async def send(self, message: str | bytes) -> None:
        await self._room.wait()
        if self.broken:
            raise Broken
        for each in self._acks_troubled(message):
            self._put(each)

    async def receive(self) -> str | bytes:
        while not self._arrived:
            if self.broken:
                raise Broken
            self._news.clear()
            await self._news.wait()
        return self._arrived.popleft()

    def break_off(self) -> None:
        """What has arrived can still be read."""
        self.broken = True
        self._news.set()
        self._room.set()

    def _put(self, message: str | bytes) -> None:
        self._on_way.append(message)
        if len(self._on_way) >= FULL_MESSAGES:
            self._room.clear()
        delay = self._weather.latency + self._random.random() * self._weather.spread
        self._last = max(self._last, self._loop.time() + delay)
        self._loop.call_at(self._last, self._arrive, context=Context())

    def _arrive(self) -> None:
        self.lost |= self._weather.black_hole
        if self.lost or self.broken:
            return  # and the room that it took stays taken
        self._arrived.append(self._on_way.popleft())  # timers of one moment have no order of their own
        if len(self._on_way) < FULL_MESSAGES:
            self._room.set()
        self._news.set()

    def _acks_troubled(self, message: str | bytes) -> list[str | bytes]:
        if not (isinstance(message, str) and message.startswith('{"type":"ack"')):
            return [message]
        held, self._held = self._held, None
        later = [held] if held is not None else []
        if self._random.random() >= self._weather.ack_trouble:
            return [message, *later]
        fate = self._random.choice(("lost", "repeated", "swapped"))
        if fate == "swapped":
            self._held = message
            return later
        return later if fate == "lost" else [message, *later, message]


class Broken(Exception):
    """The line is gone."""


class Line:
    """A connection: both directions, and both ends."""

    def __init__(self, loop: asyncio.AbstractEventLoop, weather: Weather, random: Random) -> None:
        self._loop, self._random, self._weather = loop, random, weather
        self.up, self.down = Pipe(loop, weather, random), Pipe(loop, weather, random)
        self.cut = False

    def break_off(self, *, at_once: bool = False) -> None:
        """Both ends notice, each in its own time."""
        if self.cut:
            return
        self.cut = True
        for pipe in (self.up, self.down):
            delay = 0.0 if at_once else self._random.random() * 3.0
            self._loop.call_later(self._weather.latency + delay, pipe.break_off, context=Context())

    def end_of(self, side: str) -> None:
        """One side closed, or its process is gone: the other is told, if the network carries it."""
        own, other = (self.up, self.down) if side == "agent" else (self.down, self.up)
        other.broken = True  # nobody reads there any more
        other._room.set()
        if not self._weather.black_hole:
            self._loop.call_later(self._weather.latency, own.break_off, context=Context())


class AgentEnd:
    """A `Channel` of the agent."""

    certificate_ends = None

    def __init__(self, line: Line, note: Callable[[str, Any], None]) -> None:
        self._line, self._note = line, note

    async def send(self, message: str | bytes) -> None:
        self._note("up", message)
        try:
            await self._line.up.send(message)
        except Broken as error:
            raise Unreachable("the connection broke", where="the simulated network") from error

    async def receive(self, arrived: Callable[[], None]) -> str | bytes:
        try:
            message = await self._line.down.receive()
            arrived()
            return message
        except Broken as error:
            raise Unreachable("the connection broke", where="the simulated network") from error

    async def close(self, code: int) -> None:
        del code
        self._line.end_of("agent")


class RelayEnd:
    """What the relay uses of a websocket."""

    def __init__(self, line: Line, note: Callable[[str, Any], None]) -> None:
        self._line, self._note = line, note
        self.protocol = SimpleNamespace(max_message_size=64 * KIB)
        self.transport = SimpleNamespace(abort=lambda: line.break_off(at_once=True))

    async def recv_streaming(self) -> AsyncIterator[str | bytes]:
        try:
            message = await self._line.up.receive()
        except Broken as error:
            raise ConnectionClosedError(None, None) from error
        assert len(message) <= min(self.protocol.max_message_size, MAX_BATCH_BYTES), "a frame above the limit"
        for start in range(0, len(message), PART_BYTES):
            yield message[start : start + PART_BYTES]

    @property
    def state(self) -> State:
        return State.CLOSED if self._line.up.broken else State.OPEN

    async def send(self, message: str | bytes | Iterable[bytes]) -> None:
        whole = message if isinstance(message, str | bytes) else b"".join(message)
        self._note("down", whole)
        try:
            await self._line.down.send(whole)
        except Broken as error:
            raise ConnectionClosedError(None, None) from error

    async def close(self, *_: Any) -> None:
        self._line.end_of("relay")
