"""Work that one process does at a time: what its worker goes through when it is taken away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from relay.leadership import AlwaysHeld, LeadershipLost, led


class TakenAway:
    """Takes the work away as often as it is told to, and then leaves it."""

    def __init__(self, times: int) -> None:
        self.times = times

    @asynccontextmanager
    async def held(self, work: str) -> AsyncIterator[None]:
        yield
        if self.times:
            self.times -= 1
            raise LeadershipLost(where=work)


async def test_who_has_the_store_alone_begins_at_once() -> None:
    async with AlwaysHeld().held("materialiser"):
        pass


async def test_a_worker_whose_place_was_taken_begins_anew_when_it_has_it_again() -> None:
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1

    await led(TakenAway(2), "materialiser", work)

    assert begun == 3


async def test_a_fault_of_the_worker_is_not_taken_for_a_lost_place() -> None:
    async def work() -> None:
        raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        await led(AlwaysHeld(), "materialiser", work)


async def test_a_worker_that_is_stopped_stops() -> None:
    entered = asyncio.Event()

    async def work() -> None:
        entered.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(led(AlwaysHeld(), "materialiser", work))
    await entered.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
