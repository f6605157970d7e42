"""An event loop in virtual time, in which chance is a seed.

Nothing waits: when nobody can go on, the clock jumps to the next timer. Which of those that can go on comes first, and
who is held up for a while, is drawn by the seed, so a run is the same every time. Work for a thread is done in line.

Every task belongs to the host in whose context it was made. A host that dies is not told: nothing of it runs again, as
after `kill -9`, and what it left behind is only cleared away by `bury`.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import selectors
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import ContextVar
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from agent.clock import Clock

START: Final = 1_000.0  # of the loop's clock
RESOLUTION: Final = 1e-6
BURIAL_ROUNDS: Final = 400

HOST: ContextVar[Host | None] = ContextVar("host", default=None)


class Deadlock(Exception):
    """Everybody waits, and nothing will come."""


class Buried(Exception):
    """Work for a thread of a host that is no more."""


@dataclass(eq=False)
class Host:
    """One process of a side, from its start to its end."""

    name: str
    clock: Clock | None = None
    alive: bool = True
    asleep: bool = False  # the machine is suspended
    slept: float = 0.0  # seconds, all in all
    fell_asleep: float = 0.0
    after_work: Callable[[], None] = lambda: None  # called behind each piece of work on a thread
    kept: list[asyncio.Handle] = field(default_factory=list)  # what would have run
    timers: list[Any] = field(default_factory=list)  # of a suspended machine

    @property
    def runs(self) -> bool:
        return self.alive and not self.asleep


@dataclass(frozen=True, slots=True)
class Pace:
    """How the loop deals with those that can go on."""

    shuffled: bool = True
    hold_up: float = 0.0  # the share of turns that are held up
    longest: float = 0.0  # for at most so many seconds
    work_seconds: float = 0.0  # a piece of work on a thread takes up to this


class SimulatedLoop(asyncio.SelectorEventLoop):
    def __init__(self, random: Random, pace: Pace) -> None:
        super().__init__(_NoFiles())
        self._random = random
        self.pace = pace
        self._moment = START
        self._clock_resolution = RESOLUTION
        self._ready: deque[asyncio.Handle] = deque()
        self._lines: dict[Executor, deque[Callable[[], None]]] = {}
        self._hosts: list[Host] = []
        self._burying = False
        self.turns = 0
        self.complaints: list[str] = []
        self.set_exception_handler(self._complain)
        self._tasks_made = itertools.count()
        self.set_task_factory(self._make_task)

    def _make_task(self, _loop: Any, work: Any, **options: Any) -> asyncio.Task[Any]:
        return _NumberedTask(next(self._tasks_made), work, loop=self, **options)

    def time(self) -> float:
        return self._moment

    def _run_once(self) -> None:
        """One round, as asyncio's own: but waiting is moving the clock, and who goes on is drawn."""
        timers, ready = self._scheduled, self._ready
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)._scheduled = False
        if not ready and not self._stopping:
            if not timers:
                raise Deadlock
            self._moment = max(self._moment, timers[0]._when)
        until = self._moment + RESOLUTION
        while timers and timers[0]._when < until:
            timer = heapq.heappop(timers)
            timer._scheduled = False
            ready.append(timer)
        for _ in range(len(ready)):
            handle = self._next_turn(ready)
            if handle is not None and not handle._cancelled:
                handle._run()

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        future = self.create_future()
        host = HOST.get()
        if self._burying or (host is not None and not host.alive):
            future.set_exception(Buried())
            return future

        def work() -> None:
            if future.cancelled():
                return
            try:
                answer = func(*args)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:
                self._later(_fail, future, error)
            else:
                self._later(_answer, future, answer)
            if host is not None:
                host.after_work()

        if executor is None:
            self.call_soon(work)
        else:
            # A thread of its own does its work in the order in which it came, whoever is held up.
            line = self._lines.setdefault(executor, deque())
            line.append(work)
            self.call_soon(_do_next, line)
        return future

    def new_host(self, name: str) -> Host:
        host = Host(name)
        self._hosts.append(host)
        return host

    def suspend(self, host: Host) -> None:
        """Its machine sleeps: nothing of it runs, and its monotonic clock stands still."""
        host.asleep = True
        host.fell_asleep = self._moment
        host.timers = [timer for timer in self._scheduled if _host_of(timer) is host]
        self._scheduled = [timer for timer in self._scheduled if _host_of(timer) is not host]
        heapq.heapify(self._scheduled)

    def wake(self, host: Host) -> None:
        gone_by = self._moment - host.fell_asleep
        host.asleep = False
        host.slept += gone_by
        for timer in host.timers:
            timer._when += gone_by
            heapq.heappush(self._scheduled, timer)
        host.timers = []
        self._release(host)

    async def bury(self) -> None:
        """End what dead hosts left behind, so that the loop can be closed."""
        self._burying = True
        self.pace = Pace(shuffled=False)
        me = asyncio.current_task()
        for _ in range(BURIAL_ROUNDS):
            left = [task for task in asyncio.all_tasks(self) if task is not me]
            if not left:
                return
            for host in self._hosts:
                self._release(host)
            for task in left:
                task.cancel()
            await asyncio.sleep(1.0)  # noqa: TID251 - in virtual time

    def _later(self, call: Callable[..., None], *args: Any) -> None:
        self.call_later(self._random.random() * self.pace.work_seconds, call, *args)

    def _release(self, host: Host) -> None:
        kept, host.kept = host.kept, []
        self._ready.extend(kept)

    def _write_to_self(self) -> None:
        """Nothing sleeps, so nobody is to be woken."""

    def _complain(self, _loop: Any, context: dict[str, Any]) -> None:
        if not self._burying:
            self.complaints.append(f"{context.get('message')}: {context.get('exception')!r}")

    def _next_turn(self, ready: deque[asyncio.Handle]) -> asyncio.Handle | None:
        """One of those that can go on; a host that does not run keeps its own until it does."""
        self.turns += 1
        if self.pace.shuffled and len(ready) > 1:
            ready.rotate(-self._random.randrange(len(ready)))
        handle = ready.popleft()
        host = _host_of(handle)
        if self._burying or host is None or handle._cancelled:
            return handle
        if not host.runs:
            host.kept.append(handle)
            return None
        if self.pace.hold_up and self._random.random() < self.pace.hold_up:
            self.call_later(self._random.random() * self.pace.longest, self._go_on, handle)
            return None
        return handle

    def _go_on(self, handle: asyncio.Handle) -> None:
        host = _host_of(handle)
        if host is not None and not host.runs and not self._burying:
            host.kept.append(handle)
        elif not handle._cancelled:
            handle._run()


class _NumberedTask(asyncio.Task[Any]):
    """Where tasks stand in a set depends on the order in which they were made, and not on where they lie in memory."""

    def __init__(self, number: int, *args: Any, **options: Any) -> None:
        self._number = number
        super().__init__(*args, **options)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class _NoFiles(selectors.SelectSelector):
    """Nobody waits for a file here."""

    def select(self, timeout: float | None = None) -> list[Any]:
        raise NotImplementedError


def _host_of(handle: Any) -> Host | None:
    return handle._context.get(HOST) if handle._context is not None else None


def _do_next(line: deque[Callable[[], None]]) -> None:
    line.popleft()()


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _answer(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)
