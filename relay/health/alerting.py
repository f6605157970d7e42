"""Looks at every tenant's agents again and again, and raises and clears alerts. One relay process does it at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from agent.clock import Clock
from agent.errors import GroundwireError
from relay.health.alerts import measures_of, raised, steps
from relay.health.facts import Certificate, Fleet
from relay.health.keeping import HealthStore
from relay.ids import new_id
from relay.leadership import Leadership, led

log = structlog.get_logger()

LOOK_SECONDS: Final = 30.0
FIRST_LOOK_SECONDS: Final = 120.0  # behind a start: agents take about a minute to come back


class Alerting:
    def __init__(
        self,
        store: HealthStore,
        clock: Clock,
        *,
        certificate: Callable[[], Certificate | None] = lambda: None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`certificate`: the relay's own. `changed` is called when there are new events."""
        self._store = store
        self._clock = clock
        self._certificate = certificate
        self._changed = changed

    async def run(self, leadership: Leadership) -> None:
        """For ever, whenever it is this process's to do."""
        await led(leadership, "alerts", self._watch)

    async def _watch(self) -> None:
        await self._clock.sleep(FIRST_LOOK_SECONDS)
        while True:
            await self.look()
            await self._clock.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """What fails of it is tried again at the next look: what stands is in the store."""
        try:
            for tenant in await self._store.tenants():
                await self._look_at_one(tenant)
        except GroundwireError as error:
            log.warning("alerts_not_looked_at", code=error.code, error=str(error), hint=error.hint)

    async def _look_at_one(self, tenant: str) -> None:
        try:
            await self._look_at(tenant, self._clock.utcnow())
        except GroundwireError:
            raise
        except Exception as error:  # noqa: BLE001 - what one tenant's agents say must not end the alerts of all
            log.error("alerts_crashed", tenant=tenant, error=type(error).__name__)  # noqa: TRY400 - their values may stand in its text

    async def _look_at(self, tenant: str, now: datetime) -> None:
        rules, agents = await self._store.fleet(tenant, now)
        standing = await self._store.standing(tenant)
        found = steps(measures_of(Fleet(agents, self._certificate()), now), rules, standing)
        if not found.raised and not found.cleared:
            return
        new = [
            raised(measure, alert_id=new_id("alt", now), tenant=tenant, rules=rules, now=now)
            for measure in found.raised
        ]
        if await self._store.change_alerts(new, found.cleared, now):
            self._changed()
        log.info("alerts_changed", tenant=tenant, raised=len(new), cleared=len(found.cleared))
