from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from agent.clock import ManualClock
from relay.watch import MAX_WAITING, MAX_WAITING_OF_TENANT, CommandWatch


class NeverClock(ManualClock):
    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


async def test_who_waits_for_a_command_learns_of_its_change_and_of_no_other() -> None:
    watch = CommandWatch(NeverClock())
    with (
        watch.watching("a", "acme") as one,
        watch.watching("a", "acme") as two,
        watch.watching("b", "acme") as other,
    ):
        waits = [asyncio.create_task(watch.wait(event, 30)) for event in (one, two, other)]
        watch.changed("a")
        await asyncio.wait(waits[:2])

        assert [wait.done() for wait in waits] == [True, True, False]
        waits[2].cancel()


async def test_a_change_between_looking_and_waiting_is_not_missed() -> None:
    watch = CommandWatch(NeverClock())
    with watch.watching("a", "acme") as changed:
        watch.changed("a")

        await watch.wait(changed, 30)


async def test_waiting_ends_with_its_time() -> None:
    clock = ManualClock()
    watch = CommandWatch(clock)
    with watch.watching("a", "acme") as changed:
        await watch.wait(changed, 7)

    assert clock.monotonic() == 7


async def test_a_relay_that_stops_keeps_nobody_waiting() -> None:
    watch = CommandWatch(NeverClock())
    with watch.watching("a", "acme") as changed:
        waiting = asyncio.create_task(watch.wait(changed, 30))
        watch.close()
        await waiting
        await watch.wait(changed, 30)

    assert not watch.room("acme")


@pytest.mark.parametrize(
    ("tenants", "most"), [(1, MAX_WAITING_OF_TENANT), (2, MAX_WAITING), (4, MAX_WAITING)]
)
def test_only_so_many_wait_at_once_and_nobody_takes_all(tenants: int, most: int) -> None:
    watch = CommandWatch(ManualClock())
    rooms = []
    with ExitStack() as stack:
        for number in range(most + 1):
            tenant = f"t{number % tenants}"
            stack.enter_context(watch.watching(str(number), tenant))
            rooms.append(watch.room(tenant))
        with watch.watching("x", "another"):
            assert watch.room("another") is (most < MAX_WAITING)

    assert rooms == [True] * most + [False]
    assert watch.room("t0")
