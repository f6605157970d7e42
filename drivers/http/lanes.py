"""Connections of which each belongs to one request at a time, until its answer is read.

A pool of several connections does not survive requests that are given up: cancelled at the wrong moment, its record of
a connection stays busy for ever, and nothing gets through any more. So each connection has a pool of its own, and one
whose request was given up is thrown away with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import httpx

Connect = Callable[[], httpx.AsyncBaseTransport]
Exchange = Callable[[httpx.AsyncBaseTransport, httpx.Request], Awaitable[httpx.Response]]


async def _plain(connection: httpx.AsyncBaseTransport, request: httpx.Request) -> httpx.Response:
    return await connection.handle_async_request(request)


class Lanes(httpx.AsyncBaseTransport):
    def __init__(self, connect: Connect, count: int, exchange: Exchange = _plain) -> None:
        """`connect` makes a transport of one connection; `exchange` says how a request is sent over it."""
        self._all = [_Lane(connect) for _ in range(count)]
        self._exchange = exchange
        # The last one used comes first: it is open, and signed in where that is done by connection.
        self._free: asyncio.LifoQueue[_Lane] = asyncio.LifoQueue()
        for each in reversed(self._all):
            self._free.put_nowait(each)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        lane = await self._free.get()
        try:
            response = await self._exchange(lane.transport, request)
        except BaseException:
            await self._give_back(lane, broken=True)
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - what our transport makes
        response.stream = _Lent(response.stream, lambda broken: self._give_back(lane, broken=broken))
        return response

    async def _give_back(self, lane: _Lane, *, broken: bool) -> None:
        """A connection whose request was given up at any point is never used again: half a handshake, or half an
        answer, may lie on it.
        """
        old = lane.renewed() if broken else None
        self._free.put_nowait(lane)
        if old is not None:
            await old.aclose()

    async def aclose(self) -> None:
        for each in self._all:
            await each.transport.aclose()


class _Lane:
    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self.transport = connect()

    def renewed(self) -> httpx.AsyncBaseTransport:
        """The transport as it was, to be closed."""
        old, self.transport = self.transport, self._connect()
        return old


class _Lent(httpx.AsyncByteStream):
    def __init__(
        self, stream: httpx.AsyncByteStream, give_back: Callable[[bool], Coroutine[Any, Any, None]]
    ) -> None:
        self._stream = stream
        self._give_back: Callable[[bool], Coroutine[Any, Any, None]] | None = give_back
        self._broken = True  # until it was read to its end

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield chunk
        self._broken = False

    async def aclose(self) -> None:
        give_back, self._give_back = self._give_back, None
        if give_back is None:
            return
        try:
            await self._stream.aclose()
        except BaseException:
            self._broken = True
            raise
        finally:
            await give_back(self._broken)
