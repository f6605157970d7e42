"""When a command may go on: beside others, but not beside everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakValueDictionary

from agent.commands.words import AT_ONCE, LONG
from agent.outbox.journal import CommandRecord

MAX_AT_ONCE: Final = 32  # of one connection; further ones wait in the order they came


class Turns:
    """Writes to one connection follow each other. Anything else runs beside it, and never waits for another connection.

    What may take hours takes no room from what is answered at once.
    """

    def __init__(self) -> None:
        self._writing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._rooms: WeakValueDictionary[tuple[str, bool], asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, record: CommandRecord) -> AsyncIterator[None]:
        if record.name in AT_ONCE:
            yield
        elif record.writes:
            async with self._writing.setdefault(record.connection, asyncio.Lock()):
                yield
        else:
            place = (record.connection, record.name in LONG)
            async with self._rooms.setdefault(place, asyncio.Semaphore(MAX_AT_ONCE)):
                yield
