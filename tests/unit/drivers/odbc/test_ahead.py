"""Pages come in order whatever order they are ready in, and none is read behind a place that a page did not keep."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from drivers.contract import ReadMode, SourceBusy, Unreachable
from drivers.cursors import Position
from drivers.odbc.ahead import fetched_in_order
from drivers.odbc.reading import Fetched, Reached

WAIT = 30.0  # seconds until a test that hangs fails; none waits so long
EMPTY = pa.table({"no": pa.array([], pa.string())})


def at(number: int) -> Position:
    return Position(ReadMode.SCAN, values=(str(number),))


class Pages:
    """Page n lies behind position n and ends at n + 1; the lines of a page can be held back."""

    def __init__(self, last: int = 4) -> None:
        self.last = last
        self.asked: list[int] = []
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()
        self.begun = [threading.Event() for _ in range(last + 1)]
        self.held: dict[int, threading.Event] = {}
        self.failing: dict[int, Exception] = {}
        self.ends: dict[int, int] = {}  # where a page turns out to end, other than it told
        self.stopped = threading.Event()

    def hold(self, page: int) -> threading.Event:
        return self.held.setdefault(page, threading.Event())

    def fetch(self, position: Position | None, reached: Reached) -> Fetched:
        page = int(position.values[0]) if position else 0
        with self._lock:
            self.asked.append(page)
            self.begun[min(page, self.last)].set()
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            complete = page >= self.last
            if not complete:
                reached(at(page + 1))
            if page in self.held:
                assert self.held[page].wait(WAIT)
                if self.stopped.is_set():
                    raise SourceBusy("the read was cancelled")
            if page in self.failing:
                raise self.failing[page]
            return Fetched(EMPTY, (), at(self.ends.get(page, page + 1)), complete)
        finally:
            with self._lock:
                self._now -= 1

    def stop(self) -> None:
        self.stopped.set()
        for event in self.held.values():
            event.set()


async def in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.to_thread(work, *arguments)


async def ends(source: Pages, at_once: int = 2) -> list[int]:
    return [
        int(fetched.position.values[0])
        async for fetched in fetched_in_order(source, None, in_thread, pages_at_once=at_once)
        if fetched.position is not None
    ]


async def test_the_next_page_is_asked_for_while_the_lines_of_one_are_still_read() -> None:
    source = Pages()
    lines = source.hold(0)
    reading = asyncio.ensure_future(ends(source))

    assert await asyncio.to_thread(source.begun[1].wait, WAIT)
    assert source.asked == [0, 1]
    lines.set()

    assert await reading == [1, 2, 3, 4, 5]
    assert source.most == 2


async def test_with_one_page_at_once_no_page_is_asked_for_before_the_one_before_it_is_there() -> None:
    source = Pages()

    assert await ends(source, at_once=1) == [1, 2, 3, 4, 5]
    assert source.most == 1


async def test_a_page_that_ends_elsewhere_than_it_told_is_gone_on_behind_where_it_ends() -> None:
    source = Pages(last=20)
    source.ends[1] = 10

    assert await ends(source) == [1, 10, *range(11, 22)]


async def test_a_page_that_turns_out_to_be_the_last_is_the_last() -> None:
    class Shrinking(Pages):
        def fetch(self, position: Position | None, reached: Reached) -> Fetched:
            fetched = super().fetch(position, reached)
            return Fetched(EMPTY, (), fetched.position, complete=True)

    assert await ends(Shrinking()) == [1]


async def test_pages_before_a_failed_one_arrive_although_it_failed_first() -> None:
    source = Pages()
    lines = source.hold(1)
    source.failing[2] = Unreachable("the line broke")
    arrived: list[int] = []

    async def read() -> None:
        async for fetched in fetched_in_order(source, None, in_thread, pages_at_once=2):
            assert fetched.position is not None
            arrived.append(int(fetched.position.values[0]))

    reading = asyncio.ensure_future(read())
    assert await asyncio.to_thread(source.begun[2].wait, WAIT)
    lines.set()

    with pytest.raises(Unreachable):
        await reading
    assert arrived == [1, 2]


async def test_a_reader_that_stops_early_leaves_no_fetch_behind() -> None:
    source = Pages()
    source.hold(1)
    source.hold(2)
    pages = fetched_in_order(source, None, in_thread, pages_at_once=2)

    await anext(pages)
    await pages.aclose()

    assert source.stopped.is_set()
    assert source._now == 0
