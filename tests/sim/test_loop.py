"""The loop of the simulation: virtual time, chance by a seed, hosts that die and sleep."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from random import Random
from typing import Any

import pytest

from tests.sim.loop import HOST, START, Deadlock, Host, Pace, SimulatedLoop
from tests.sim.machines import HostClock, Machine


def played(work: Callable[[SimulatedLoop], Awaitable[Any]], seed: int = 1, pace: Pace | None = None) -> Any:
    loop = SimulatedLoop(Random(seed), pace or Pace())
    try:
        return loop.run_until_complete(work(loop))  # type: ignore[arg-type]
    finally:
        loop.run_until_complete(loop.bury())
        loop.close()


def on(loop: SimulatedLoop, host: Host, work: Any) -> asyncio.Task[Any]:
    context = Context()
    context.run(HOST.set, host)
    return loop.create_task(work, context=context)


async def passing(seconds: float) -> None:
    await asyncio.sleep(seconds)  # noqa: TID251 - in virtual time


async def after(seconds: float, name: str, told: list[str]) -> None:
    await passing(seconds)
    told.append(name)


def test_a_month_passes_at_once() -> None:
    async def work(loop: SimulatedLoop) -> float:
        await passing(30 * 86_400)
        return loop.time()

    assert played(work) == pytest.approx(START + 30 * 86_400)


def order_of(seed: int) -> list[str]:
    async def work(_loop: SimulatedLoop) -> list[str]:
        told: list[str] = []
        await asyncio.gather(*(after(1.0, str(number), told) for number in range(20)))
        return told

    found: list[str] = played(work, seed)
    return found


def test_the_seed_alone_decides_who_comes_first() -> None:
    assert order_of(1) == order_of(1)
    assert order_of(1) != order_of(2)


def test_waiting_for_what_never_comes_is_an_error() -> None:
    with pytest.raises(Deadlock):
        played(lambda loop: loop.create_future())


def test_nothing_of_a_dead_host_runs_again_not_even_its_cleaning_up() -> None:
    async def work(loop: SimulatedLoop) -> list[str]:
        told: list[str] = []
        host = loop.new_host("agent")

        async def live() -> None:
            try:
                await passing(5)
            finally:
                told.append("cleaned up")

        on(loop, host, live())
        await passing(1)
        host.alive = False
        await passing(100)
        return list(told)

    assert played(work) == []


def test_the_timers_of_a_suspended_machine_stand_still() -> None:
    async def work(loop: SimulatedLoop) -> tuple[list[str], list[str]]:
        told: list[str] = []
        host = loop.new_host("agent")
        on(loop, host, after(10.0, "woken", told))
        await passing(1)
        loop.suspend(host)
        await passing(1_000)
        loop.wake(host)
        await passing(8.9)
        before = list(told)
        await passing(0.2)
        return before, told

    assert played(work) == ([], ["woken"])


def test_the_work_of_one_thread_is_done_in_its_order_whoever_is_held_up() -> None:
    async def work(loop: SimulatedLoop) -> list[int]:
        told: list[int] = []
        host = loop.new_host("agent")
        thread = ThreadPoolExecutor(1)

        async def live() -> None:
            for number in range(50):
                loop.run_in_executor(thread, told.append, number)
            await passing(60)

        await on(loop, host, live())
        return told

    assert played(work, pace=Pace(hold_up=0.5, longest=2.0, work_seconds=1.0)) == list(range(50))


def test_a_wait_that_is_finer_than_the_clock_moves_it_all_the_same() -> None:
    async def work(loop: SimulatedLoop) -> int:
        host = loop.new_host("a machine")
        host.slept = 2460.0  # so that its clock and the loop's round each in its own way
        clock = HostClock(loop, host, Machine("a machine"))
        await passing(3_101.6)
        until = math.nextafter(clock.monotonic(), math.inf)
        turns = 0
        while clock.monotonic() < until and turns < 10:
            await clock.sleep(until - clock.monotonic())
            turns += 1
        return turns

    assert played(work) <= 1
