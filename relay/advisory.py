"""Leadership between relay processes over one PostgreSQL: session advisory locks on a connection kept for them.

A process that ends gives its locks up with its connection. One whose host vanished loses them when the server's
keepalive finds that out, and one that stands still when the server ends its idle session; both within some 10 s.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import psycopg
import structlog

from agent.clock import Clock, wait_at_most
from relay.leadership import LeadershipLost
from relay.store.postgresql.address import Address

log = structlog.get_logger()

LOOK_SECONDS: Final = 1.0  # between looks: at locks that others hold, and at the connection
ANSWER_SECONDS: Final = 4.0  # without an answer, the locks are taken for lost
IDLE_SECONDS: Final = 10  # after which the server gives the locks of a process that stands still to another
_ON_THE_SERVER: Final = (
    f"SET idle_session_timeout = '{IDLE_SECONDS}s'",
    "SET tcp_keepalives_idle = 4",
    "SET tcp_keepalives_interval = 2",
    "SET tcp_keepalives_count = 3",
)


class _Claim:
    """One block that wants, or has, a work to itself."""

    def __init__(self, holder: asyncio.Task[Any]) -> None:
        self.taken = asyncio.Event()
        self.inside = False
        self.lost = False
        self._holder = holder
        self.cancelling = holder.cancelling()

    def lose(self) -> None:
        self.taken.clear()
        if self.inside and not self.lost:
            self.lost = True
            self._holder.cancel()

    def uncancelled(self) -> bool:
        """Whether nobody but `lose` cancelled the holder; takes that one back."""
        return self._holder.uncancel() <= self.cancelling


class AdvisoryLeadership:
    def __init__(self, address: Address, *, clock: Clock) -> None:
        self._address = address
        self._clock = clock
        self._claims: dict[str, _Claim] = {}
        self._held: set[str] = set()  # by the connection
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def held(self, work: str) -> AsyncIterator[None]:
        holder = asyncio.current_task()
        if holder is None or work in self._claims:
            raise RuntimeError(f"{work!r} is wanted twice in one process")
        claim = self._claims[work] = _Claim(holder)
        self._changed.set()
        try:
            while not claim.taken.is_set():  # it may be lost again before this task has its turn
                await claim.taken.wait()
            claim.inside = True
            try:
                yield
            except asyncio.CancelledError as error:
                if claim.lost and claim.uncancelled():
                    raise LeadershipLost(where=work) from error
                raise
            if claim.lost:
                await self._swallow(claim)
                raise LeadershipLost(where=work)
        finally:
            claim.inside = False
            del self._claims[work]
            self._changed.set()

    async def _swallow(self, claim: _Claim) -> None:
        """The block ended by itself just as it was cancelled: that cancellation is not for what comes behind it."""
        with suppress(asyncio.CancelledError):
            await self._clock.sleep(0)
        claim.uncancelled()

    async def run(self) -> None:
        """Keep the connection, for ever."""
        while True:
            try:
                await self._keep()
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.warning("leadership_unreachable", error=type(error).__name__, held=sorted(self._held))
            finally:
                self._held.clear()
                for claim in self._claims.values():
                    claim.lose()
            await self._clock.sleep(LOOK_SECONDS)

    async def _keep(self) -> None:
        async with asyncio.timeout(ANSWER_SECONDS):
            connection = await psycopg.AsyncConnection.connect(self._address.conninfo, autocommit=True)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                for statement in _ON_THE_SERVER:
                    await connection.execute(statement)
            while True:
                self._changed.clear()
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._look(connection)
                await wait_at_most(self._changed, LOOK_SECONDS, self._clock)
        finally:
            with suppress(Exception):  # it is given up
                async with asyncio.timeout(1.0):
                    await connection.close()

    async def _look(self, connection: psycopg.AsyncConnection[Any]) -> None:
        for work in self._held - self._claims.keys():
            await connection.execute("SELECT pg_advisory_unlock(%s)", (self._key(work),))
            self._held.discard(work)
        for work in list(self._claims):
            if work not in self._held:
                found = await connection.execute("SELECT pg_try_advisory_lock(%s)", (self._key(work),))
                row = await found.fetchone()
                if row is not None and row[0]:
                    self._held.add(work)
            if work in self._held and work in self._claims:
                self._claims[work].taken.set()
        await connection.execute("SELECT 1")

    def _key(self, work: str) -> int:
        return self._address.key(f"work/{work}")
