"""How far a command has come, told to the relay as `running` results: the newest one, at most once a second."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

from agent.clock import Clock
from agent.commands.answers import fitting
from agent.commands.ports import Answer, State

PROGRESS_SECONDS: Final = 1.0  # between two results of one command


class Progress:
    """`tell` never waits; what was told before the last look is not sent, nothing is sent after `telling` has ended."""

    def __init__(self, send: Callable[[Mapping[str, Any]], Awaitable[None]], clock: Clock) -> None:
        self._send = send
        self._clock = clock
        self._news = asyncio.Event()
        self.newest: Mapping[str, Any] = {}

    async def tell(self, progress: Mapping[str, Any]) -> None:
        self.newest = progress
        self._news.set()

    @contextlib.asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """While the command runs. Its end waits until the last result is out of the way of the final one."""
        self._news.set()  # that it runs at all
        task = asyncio.create_task(self._pump(), name="progress")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _pump(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            self.newest = fitting(Answer(State.RUNNING, self.newest)).result
            await self._send(self.newest)
            await self._clock.sleep(PROGRESS_SECONDS)
