"""Receivers of webhooks on loopback: one that behaves, and scripts for those that do not."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import h11
import orjson

Script = Callable[["Peer"], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return dict(orjson.loads(self.body))


@dataclass
class Peer:
    """One connection of the relay's, as a script sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    receiver: Receiver

    async def request(self) -> Request | None:
        """The next request, whole; None: the connection ended."""
        http = h11.Connection(h11.SERVER)
        head, body = None, b""
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                data = await self.reader.read(65_536)
                if not data:
                    return None
                http.receive_data(data)
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                break
        assert head is not None
        headers = {name.decode(): value.decode() for name, value in head.headers}
        found = Request(head.target.decode(), headers, body)
        self.receiver.requests.append(found)
        self.receiver.came.set()
        return found

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


@dataclass
class Receiver:
    port: int = 0
    connections: int = 0
    requests: list[Request] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def until(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.requests) < count:
                self.came.clear()
                await self.came.wait()


async def well(peer: Peer) -> None:
    while await peer.request() is not None:
        await peer.say(OK)


def answering(status: int, headers: str = "", body: bytes = b"") -> Script:
    async def script(peer: Peer) -> None:
        while await peer.request() is not None:
            head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
            await peer.say(head.encode() + body)

    return script


async def hanging(peer: Peer) -> None:
    await peer.request()
    await peer.reader.read()


async def resetting(peer: Peer) -> None:
    await peer.request()
    peer.writer.transport.abort()


@asynccontextmanager
async def receiver(script: Script = well, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    made = Receiver()
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        made.connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, h11.ProtocolError):
                await script(Peer(reader, writer, made))
        except asyncio.CancelledError:
            pass
        finally:
            running.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
