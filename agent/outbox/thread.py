"""The one thread on which SQLite runs, seen from asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from agent.outbox.values import OutboxClosed

T = TypeVar("T")


class StoreThread:
    """Runs work in the order it is handed over, each piece to its end."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._closed = False

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` to its end even when the caller is cancelled; the cancellation is raised after it."""
        if self._closed:
            raise OutboxClosed
        return await self._finish(work)

    async def close(self, last: Callable[[], None]) -> None:
        """Run `last` behind everything handed over before, then end the thread; again is harmless."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._finish(last)
        finally:
            self._executor.shutdown(wait=False)

    async def _finish(self, work: Callable[[], T]) -> T:
        future = asyncio.get_running_loop().run_in_executor(self._executor, work)
        cancelled: asyncio.CancelledError | None = None
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError as error:
                # A commit under way must not be torn from its caller's bookkeeping (chia-blockchain#21090).
                cancelled = error
        if cancelled is not None:
            raise cancelled from future.exception()
        return future.result()
