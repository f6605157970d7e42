"""Tells open pages that something changed, over server-sent events. The page then asks for itself again.

Only that something changed is sent, so a client costs one event however much changes: a slow one misses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.types import Receive, Send

from agent.clock import Clock, wait_at_most

MAX_PAGES: Final = 8  # at a time; further ones ask from time to time
APART_SECONDS: Final = 1.0  # the least between two events
BEAT_SECONDS: Final = 5.0  # the most: what waits and how long ago changes without anybody's saying so


class Live:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pages: set[asyncio.Event] = set()

    def changed(self) -> None:
        for page in self._pages:
            page.set()

    @property
    def full(self) -> bool:
        return len(self._pages) >= MAX_PAGES

    async def feed(self, receive: Receive, send: Send, *, wanted: Callable[[], bool]) -> None:
        """Until the page is left, or is no longer `wanted`: its session has ended."""
        page = asyncio.Event()
        self._pages.add(page)
        left = asyncio.ensure_future(_left(receive))
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [(b"content-type", b"text/event-stream; charset=utf-8")],
                }
            )
            await send({"type": "http.response.body", "body": b"retry: 3000\n\n", "more_body": True})
            while not left.done() and wanted():
                await wait_at_most(page, BEAT_SECONDS, self._clock)
                page.clear()
                event = b"event: change\ndata: 1\n\n" if wanted() else b"event: end\ndata: 1\n\n"
                await send({"type": "http.response.body", "body": event, "more_body": True})
                await self._clock.sleep(APART_SECONDS)
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._pages.discard(page)
            left.cancel()
            await asyncio.gather(left, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
