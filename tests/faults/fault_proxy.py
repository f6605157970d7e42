"""A TCP proxy with a bad line behind it: cuts in the middle of a frame, slowness, silence.

It knows nothing of what it carries, so every fault is one that a network can produce.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable
from typing import Final, Self, TypeVar

CHUNK_BYTES: Final = 4096
LINGER_SECONDS: Final = 5.0

T = TypeVar("T")


class FaultProxy:
    """Runs on a loop in a thread of its own, so that tests may block."""

    def __init__(self, target_port: int, *, seed: int = 1) -> None:
        self.port = 0
        self.connections = 0
        self.cuts = 0
        self.cut_after_bytes: tuple[int, int] | None = None  # each connection dies somewhere in this range
        self.delay_seconds = 0.0  # per chunk
        self.silent = False  # everything is taken and nothing is passed on: a half-open connection
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

    def heal(self) -> None:
        self.cut_after_bytes, self.delay_seconds, self.silent = None, 0.0, False

    def cut_all(self) -> None:
        """Reset every connection now."""

        async def cut() -> None:
            for writer in list(self._writers):
                self._abort(writer)

        self._call(cut)

    def _call(self, work: Callable[[], T]) -> None:
        asyncio.run_coroutine_threadsafe(work(), self._loop).result(LINGER_SECONDS)  # type: ignore[arg-type]

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
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, back, left))
                group.create_task(self._pump(there, writer, None))
        except* OSError:
            pass
        finally:
            self._abort(writer)
            self._abort(back)
            self._tasks.discard(task)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: list[int] | None
    ) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            if self.delay_seconds:
                await asyncio.sleep(self._dice.random() * self.delay_seconds)  # noqa: TID251 - the slow line
            if self.silent:
                continue
            if left is not None and len(chunk) >= left[0]:
                writer.write(chunk[: left[0]])
                await writer.drain()
                self.cuts += 1
                raise ConnectionResetError
            if left is not None:
                left[0] -= len(chunk)
            writer.write(chunk)
            await writer.drain()
        raise ConnectionResetError

    def _abort(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.transport.abort()
