from __future__ import annotations

import asyncio

from agent.clock import ManualClock
from relay.watch import MAX_WAITING, CommandWatch


class NeverClock(ManualClock):
    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


async def test_who_waits_for_a_command_learns_of_its_change_and_of_no_other() -> None:
    watch = CommandWatch(NeverClock())
    with watch.watching("a") as one, watch.watching("a") as two, watch.watching("b") as other:
        waits = [asyncio.create_task(watch.wait(event, 30)) for event in (one, two, other)]
        watch.changed("a")
        await asyncio.wait(waits[:2])

        assert [wait.done() for wait in waits] == [True, True, False]
        waits[2].cancel()


async def test_a_change_between_looking_and_waiting_is_not_missed() -> None:
    watch = CommandWatch(NeverClock())
    with watch.watching("a") as changed:
        watch.changed("a")

        await watch.wait(changed, 30)


async def test_waiting_ends_with_its_time() -> None:
    clock = ManualClock()
    watch = CommandWatch(clock)
    with watch.watching("a") as changed:
        await watch.wait(changed, 7)

    assert clock.monotonic() == 7


async def test_a_relay_that_stops_keeps_nobody_waiting() -> None:
    watch = CommandWatch(NeverClock())
    with watch.watching("a") as changed:
        waiting = asyncio.create_task(watch.wait(changed, 30))
        watch.close()
        await waiting
        await watch.wait(changed, 30)

    assert not watch.room


def test_only_so_many_wait_at_once() -> None:
    watch = CommandWatch(ManualClock())
    entered = [watch.watching(str(number)) for number in range(MAX_WAITING + 1)]
    rooms = []
    for each in entered:
        each.__enter__()
        rooms.append(watch.room)

    assert rooms == [True] * MAX_WAITING + [False]
    for each in entered:
        each.__exit__(None, None, None)
    assert watch.room
