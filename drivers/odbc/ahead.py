"""The order of fetches: the next page is under way before the one before it is wanted, and they come out in turn."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, Protocol

from drivers.contract import DriverError
from drivers.cursors import Position
from drivers.odbc.reading import Fetched, Reached

_STOP_FIRST: Final = (
    0.25  # seconds; most pages are there by then, and a connection that was not told to stop is kept
)
_STOP_AGAIN: Final = 1.0  # seconds; a statement that began just behind the word to stop has not heard it


class Fetching(Protocol):
    def fetch(self, position: Position | None, reached: Reached, /) -> Fetched: ...
    def stop(self) -> None: ...


InThread = Callable[..., Awaitable[Fetched]]


class _Fetch:
    """One page on its way."""

    def __init__(self, source: Fetching, position: Position | None, in_thread: InThread) -> None:
        loop = asyncio.get_running_loop()
        self.end: asyncio.Future[Position] = loop.create_future()  # where it ends, as far as it is known yet

        def reached(position: Position) -> None:
            loop.call_soon_threadsafe(self._told, position)

        self.page = asyncio.ensure_future(in_thread(source.fetch, position, reached))

    def _told(self, position: Position) -> None:
        if not self.end.done():  # a page that was read again has told before
            self.end.set_result(position)


async def fetched_in_order(
    source: Fetching, start: Position | None, in_thread: InThread, *, pages_at_once: int
) -> AsyncGenerator[Fetched, None]:
    """Every page from `start` on, at most `pages_at_once` of them under way; none outlives this generator."""
    under_way = deque([_Fetch(source, start, in_thread)])
    try:
        while under_way:
            oldest = under_way[0]
            while not oldest.page.done():
                waits: set[asyncio.Future[Fetched] | asyncio.Future[Position]] = {oldest.page}
                if len(under_way) < pages_at_once:
                    waits.add(under_way[-1].end)
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                if len(under_way) < pages_at_once and under_way[-1].end.done():
                    under_way.append(_Fetch(source, under_way[-1].end.result(), in_thread))
            under_way.popleft()
            fetched = oldest.page.result()
            if under_way and (fetched.complete or fetched.position != oldest.end.result()):
                await _ended(source, under_way, in_thread)  # the page was read again, and ends elsewhere
                under_way.clear()
            if not fetched.complete:
                behind = under_way[-1].end if under_way else None
                if behind is None:
                    under_way.append(_Fetch(source, fetched.position, in_thread))
                elif behind.done() and len(under_way) < pages_at_once:
                    under_way.append(_Fetch(source, behind.result(), in_thread))
            yield fetched
            del fetched, oldest  # or two pages would lie in memory while the next ones are fetched
    finally:
        await _ended(source, under_way, in_thread)


async def _ended(source: Fetching, fetches: deque[_Fetch], in_thread: InThread) -> None:
    left = {fetch.page for fetch in fetches}
    if not left:
        return
    await asyncio.wait(left, timeout=_STOP_FIRST)
    while not all(page.done() for page in left):
        await in_thread(source.stop)
        await asyncio.wait(left, timeout=_STOP_AGAIN)
    for page in left:
        with contextlib.suppress(DriverError):
            page.result()
