"""Work that only one relay process may do at a time.

`async with leadership.held("materialiser"):` waits until the work is this process's alone, and is cancelled when it
is not any more: the block then ends with `LeadershipLost`. A process that stood still may lose its place without
noticing for a moment, so what is written under it is to be written so that a second writer changes nothing (such as
by naming the position that it goes on from).

The embedded relay has its store alone and always holds everything; with PostgreSQL see `relay.advisory`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import structlog

from agent.errors import TransientError

log = structlog.get_logger()


class LeadershipLost(TransientError):
    """Another relay process may do this work now."""

    code = "leadership_lost"


class Leadership(Protocol):
    def held(self, work: str) -> AbstractAsyncContextManager[None]:
        """Wait until the work is this process's alone; leaving the block gives it up."""
        ...


class AlwaysHeld:
    """For a process that has its store alone."""

    @asynccontextmanager
    async def held(self, work: str) -> AsyncIterator[None]:  # noqa: ARG002 - every work
        yield


async def led(leadership: Leadership, work: str, run: Callable[[], Awaitable[None]]) -> None:
    """`run` whenever the work is this process's, from its beginning each time; until it ends by itself."""
    while True:
        try:
            async with leadership.held(work):
                log.debug("leadership_taken", work=work)
                await run()
                return
        except LeadershipLost as error:
            log.info("leadership_lost", work=work, error=str(error))
