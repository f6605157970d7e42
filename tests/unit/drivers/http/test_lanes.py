"""Connections under requests that are given up: whatever is cancelled and when, the next request gets through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from drivers.contract import Unreachable
from drivers.http.client import HttpClient
from drivers.http.messages import Request
from drivers.http.options import HttpOptions

HALF, REST = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", b"world"


class _Server:
    def __init__(self) -> None:
        self.accepted = 0
        self.silent = False
        self.open: set[asyncio.Task[None]] = set()

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.open.add(asyncio.ensure_future(self._answered(reader, writer)))

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                if self.silent:
                    await reader.read()
                    break
                for part in (HALF, REST):
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(0)  # noqa: TID251 - gives the loop a turn, waits for nothing
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@asynccontextmanager
async def serving(**options: object) -> AsyncIterator[tuple[_Server, HttpClient]]:
    held = _Server()
    server = await asyncio.start_server(held.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    made = HttpClient(HttpOptions.model_validate({"url": url, **options}), {})
    try:
        yield held, made
    finally:
        await made.aclose()
        server.close()
        await asyncio.gather(*held.open)


async def ask(made: HttpClient) -> bytes:
    return (await made.send(Request("GET", "/x"))).body


async def test_requests_that_are_given_up_at_any_moment_hold_no_connection() -> None:
    async with serving(parallel=2, request_seconds=5) as (_, made):
        for turns in range(150):
            tasks = [asyncio.ensure_future(ask(made)) for _ in range(3)]
            for _ in range(turns % 50):
                await asyncio.sleep(0)  # noqa: TID251 - gives the loop a turn, waits for nothing
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

            assert await ask(made) == b"helloworld"


async def test_answers_that_take_too_long_hold_no_connection() -> None:
    async with serving(parallel=1, request_seconds=1) as (server, made):
        server.silent = True
        with pytest.raises(Unreachable, match="took longer"):
            await ask(made)
        server.silent = False

        assert await ask(made) == b"helloworld"


async def test_a_connection_is_kept_for_the_next_request() -> None:
    async with serving(parallel=4) as (server, made):
        for _ in range(5):
            await ask(made)
        assert server.accepted == 1

        assert await asyncio.gather(*(ask(made) for _ in range(20))) == [b"helloworld"] * 20
        assert server.accepted <= 4
