"""A TCP proxy with a bad line behind it: cuts in the middle of a frame, slowness, latency, loss, silence.

It knows nothing of what it carries, so every fault is one that a network can produce; a test that does know may
change what passes (`change`). Lost packets are stalls here, as TCP shows them: what follows waits until the packet was
sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self

CHUNK_BYTES: Final = 4096
LINGER_SECONDS: Final = 5.0
HEAD_BYTES: Final = 512  # of each connection's first words, kept for tests to look at

Change = Callable[
    [bool, bytes], tuple[bytes, bool]
]  # of a chunk, there or back: what passes, and if it is the last


@dataclass
class Line:
    """What one direction of a connection does to what it carries."""

    delay_seconds: float = 0.0  # per chunk, one after the other
    latency_seconds: float = 0.0  # between the arrival of a chunk and its delivery
    bytes_per_second: float = 0.0  # 0: as fast as it goes
    loss: float = 0.0  # the share of chunks that have to be sent again
    loss_seconds: float = 0.0  # ... and how long that takes
    reset: float = 0.0  # the share of chunks at which the connection is reset


class FaultProxy:
    """Runs on a loop in a thread of its own, so that tests may block."""

    def __init__(self, target_port: int, *, seed: int = 1) -> None:
        self.port = 0
        self.connections = 0
        self.cuts = 0
        self.cut_after_bytes: tuple[int, int] | None = None  # each connection dies somewhere in this range
        self.delay_seconds = 0.0  # per chunk
        self.silent = False  # everything is taken and nothing is passed on: a half-open connection
        self.line = Line()  # in both directions
        self.idle_seconds = 0.0  # a connection without traffic for so long is reset, as many proxies do
        self.buffer_bytes = 0  # taken at once and passed on as the line allows; 0: no more than a chunk
        self.heads: list[bytearray] = []  # the first bytes of each connection
        self.change: Change | None = None
        self._target = target_port
        self._dice = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy")
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen)
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LINGER_SECONDS)
        self._loop.close()

    def aim(self, target_port: int) -> None:
        """Whom connections lead to from now on."""
        self._target = target_port

    def heal(self) -> None:
        self.cut_after_bytes, self.delay_seconds, self.silent = None, 0.0, False
        self.line, self.idle_seconds, self.buffer_bytes = Line(), 0.0, 0

    def cut_all(self) -> None:
        """Reset every connection now."""

        async def cut() -> None:
            for writer in list(self._writers):
                self._abort(writer)

        self._call(cut)

    def _call(self, work: Callable[[], Any]) -> None:
        asyncio.run_coroutine_threadsafe(work(), self._loop).result(LINGER_SECONDS)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            self._abort(writer)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self._writers.add(writer)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            self._abort(writer)
            self._tasks.discard(task)
            return
        self._writers.add(back)
        left = [self._dice.randrange(*self.cut_after_bytes)] if self.cut_after_bytes else None
        self.heads.append(bytearray())
        try:
            await self._carry(_Way(self, reader, back, left, self.heads[-1]), _Way(self, there, writer))
        finally:
            self._abort(writer)
            self._abort(back)
            self._tasks.discard(task)

    async def _carry(self, *ways: _Way) -> None:
        with contextlib.suppress(OSError, ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                for way in ways:
                    group.create_task(way.take())
                    group.create_task(way.give())
                group.create_task(self._mind_idleness(ways))

    async def _mind_idleness(self, ways: tuple[_Way, ...]) -> None:
        while True:
            await _rest(0.02)
            if self.idle_seconds and time.monotonic() - max(way.moved for way in ways) > self.idle_seconds:
                self.cuts += 1
                raise ConnectionResetError

    def _abort(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.transport.abort()


class _Way:
    """One direction of one connection."""

    def __init__(
        self,
        proxy: FaultProxy,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        left: list[int] | None = None,
        head: bytearray | None = None,  # on the way there only
    ) -> None:
        self.moved = time.monotonic()
        self._proxy = proxy
        self._reader, self._writer = reader, writer
        self._left, self._head = left, head
        self._held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._room = asyncio.Event()
        self._bytes = 0

    async def take(self) -> None:
        while chunk := await self._read():
            self.moved = time.monotonic()
            if self._head is not None and len(self._head) < HEAD_BYTES:
                self._head += chunk
            self._bytes += len(chunk)
            self._held.put_nowait((time.monotonic() + self._proxy.line.latency_seconds, chunk))
            while self._bytes > self._proxy.buffer_bytes and not self._proxy.line.latency_seconds:
                self._room.clear()
                await self._room.wait()
        self._held.put_nowait((time.monotonic() + self._proxy.line.latency_seconds, b""))

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(CHUNK_BYTES)
        except OSError:
            return b""

    async def give(self) -> None:
        proxy, dice = self._proxy, self._proxy._dice
        while True:
            due, chunk = await self._held.get()
            line = proxy.line
            await _rest(due - time.monotonic())
            if not chunk:
                while proxy.silent:  # not even that the other side has gone
                    await _rest(0.02)
                raise ConnectionResetError
            await _rest(dice.random() * proxy.delay_seconds)
            if line.loss and dice.random() < line.loss:
                await _rest(line.loss_seconds)
            if line.bytes_per_second:
                await _rest(len(chunk) / line.bytes_per_second)
            if line.reset and dice.random() < line.reset:
                proxy.cuts += 1
                raise ConnectionResetError
            passed, last = proxy.change(self._head is not None, chunk) if proxy.change else (chunk, False)
            await self._pass_on(passed)
            if last:
                proxy.cuts += 1
                raise ConnectionResetError
            self._bytes -= len(chunk)
            self._room.set()

    async def _pass_on(self, chunk: bytes) -> None:
        if self._proxy.silent:
            return
        left = self._left
        if left is not None and len(chunk) >= left[0]:
            self._writer.write(chunk[: left[0]])
            await self._writer.drain()
            self._proxy.cuts += 1
            raise ConnectionResetError
        if left is not None:
            left[0] -= len(chunk)
        self._writer.write(chunk)
        await self._writer.drain()


async def _rest(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)  # noqa: TID251 - the line's own pace
