"""Removes tenants whose time of grace is over: from the store and from the index, a bounded piece at a time.

Nothing is kept of how far it came: what is left says it, to this process or to the next one.
"""

from __future__ import annotations

from typing import Final

import structlog

from agent.clock import Clock
from agent.errors import GroundwireError
from relay.acting import THE_RELAY
from relay.store import removing
from relay.store.base import RecordIndex, Store

log = structlog.get_logger()

LOOK_SECONDS: Final = 30.0
AT_ONCE: Final = 200  # rows of one transaction; appends wait for no more
READ_UP_LOOKS: Final = 30  # a second each, for the index to get behind what the tenant brought
BREATH_SECONDS: Final = 0.05  # between two transactions


class Remover:
    def __init__(self, store: Store, index: RecordIndex, *, clock: Clock) -> None:
        self._store = store
        self._index = index
        self._clock = clock

    async def run(self) -> None:
        """For ever; to be led: one process removes."""
        while True:
            try:
                await self.look()
            except GroundwireError as error:
                log.error("removal_failed", code=error.code, error=str(error), hint=error.hint)  # noqa: TRY400 - no traceback for operators
            await self._clock.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        now = self._clock.utcnow()
        for tenant in await self._store.engine.read(lambda db: removing.due(db, now)):
            await self._remove(tenant)

    async def _remove(self, tenant: str) -> None:
        engine, now = self._store.engine, self._clock.utcnow()
        if not await engine.write(lambda db: removing.begin(db, tenant, now, THE_RELAY)):
            return
        if not await self._read_up():
            return  # the next look finds it further
        log.info("tenant_removal_goes_on", tenant=tenant)
        while await engine.write(lambda db: removing.remove_some(db, tenant, AT_ONCE)):
            await self._clock.sleep(BREATH_SECONDS)
        if not await self._read_up():  # one that is made anew meanwhile may have read it before it went
            return
        while await self._index.forget_tenant(tenant, AT_ONCE):
            await self._clock.sleep(BREATH_SECONDS)
        if await engine.write(lambda db: removing.finish(db, tenant, now, THE_RELAY)):
            log.info("tenant_removed", tenant=tenant)

    async def _read_up(self) -> bool:
        """Whether the index has read all that the tenant ever brought: what is left of it, it would bring back.

        Others go on bringing, so the index may be behind the store for ever; nothing more comes of this tenant.
        """
        last = await self._store.last_position()
        for _ in range(READ_UP_LOOKS):
            if await self._index.position() >= last:
                return True
            await self._clock.sleep(1.0)
        return False
