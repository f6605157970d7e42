"""Each bound on what a websocket's peer can make this end do, by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

import agent.websockets as guards
from agent.protocol.faults import MAX_FRAGMENTS, Fault, ProtocolFault
from agent.websockets import GuardedClientConnection, GuardedServerConnection, next_message


class Parts:
    def __init__(self, count: int) -> None:
        self.count = count

    async def recv_streaming(self) -> AsyncIterator[str]:
        for _ in range(self.count):
            yield ""


async def test_a_message_of_more_parts_than_allowed_is_refused() -> None:
    came: list[int] = []
    whole = await next_message(cast("Connection", Parts(MAX_FRAGMENTS)), came.append)
    assert (whole, len(came)) == ("", MAX_FRAGMENTS)

    with pytest.raises(ProtocolFault) as caught:
        await next_message(cast("Connection", Parts(10**9)), came.append)
    assert caught.value.fault is Fault.TOO_BIG


async def _stay(socket: ServerConnection) -> None:
    await socket.wait_closed()


async def _pinged(connection: Any, times: int) -> None:
    async with serve(_stay, "127.0.0.1", 0, create_connection=connection) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with asyncio.timeout(30), connect(f"ws://127.0.0.1:{port}") as client:
            for number in range(times):
                await (await client.ping(str(number)))


async def test_a_peer_that_only_pings_is_ended() -> None:
    await _pinged(GuardedServerConnection, guards.MAX_PINGS - 1)
    with pytest.raises(ConnectionClosed):
        await _pinged(GuardedServerConnection, guards.MAX_PINGS + 1)


async def _answers_unread(connection: type[ServerConnection]) -> bool:
    """Whether a peer that makes the other end answer, and reads none of it, is ended."""
    async with serve(_stay, "127.0.0.1", 0, create_connection=connection) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}", create_connection=GuardedClientConnection) as client:
            client.transport.pause_reading()
            ping = b"\x89\xfd" + bytes(4) + bytes(125)
            try:
                async with asyncio.timeout(30):
                    for _ in range(400):
                        client.transport.write(ping * 500)
                        await client.drain()
            except (ConnectionError, TimeoutError):
                pass
            ended = client.transport.is_closing()
            client.transport.abort()
            return ended


async def test_a_peer_that_does_not_read_its_answers_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "MAX_PINGS", 10**9)
    assert await _answers_unread(GuardedServerConnection)
