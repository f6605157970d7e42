"""Looks again at the agents that are connected when something was done that concerns them: a tenant was disabled,
credits were released, given or came back. It may have been done at another relay, so the store is asked, every so often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol

import structlog

from agent.clock import Clock
from agent.errors import GroundwireError
from relay.store import accounts
from relay.store.sql import Engine

log = structlog.get_logger()

LOOK_SECONDS: Final = 2.0


class Looking(Protocol):
    async def look_again(self) -> None: ...


class AccessWatch:
    def __init__(self, engine: Engine, links: Callable[[], Iterable[Looking]], clock: Clock) -> None:
        self._engine = engine
        self._links = links
        self._clock = clock
        self._seen: int | None = None

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                await self.look()
            except GroundwireError as error:
                log.warning("access_not_looked_at", code=error.code, error=str(error))
            await self._clock.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        revision = await self._engine.read(accounts.access_revision)
        if revision == self._seen:
            return
        for link in list(self._links()):
            await link.look_again()
        self._seen = revision
