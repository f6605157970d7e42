"""Removes what is older than it is kept, and gives up endpoints for which too much waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog

from agent.clock import Clock
from agent.errors import GroundwireError
from relay.webhooks.store import EventStore, WebhookStore

log = structlog.get_logger()

SWEEP_SECONDS: Final = 60.0
PRUNED_AT_ONCE: Final = 1_000  # rows of one transaction
MAX_OPEN: Final = 100_000  # deliveries that wait for one endpoint which fails


class Sweeper:
    def __init__(
        self, events: EventStore, webhooks: WebhookStore, *, clock: Clock, event_days: int, log_days: int
    ) -> None:
        self._events = events
        self._webhooks = webhooks
        self._clock = clock
        self._keep_events = timedelta(days=event_days)
        self._keep_log = timedelta(days=log_days)

    async def run(self) -> None:
        while True:
            try:
                await self.sweep()
            except GroundwireError as error:
                log.warning("sweep_failed", code=error.code, error=str(error))
            await self._clock.sleep(SWEEP_SECONDS)

    async def sweep(self) -> None:
        now = self._clock.utcnow()
        for endpoint in await self._webhooks.disable_overfull(MAX_OPEN, now):
            log.warning("webhook_disabled", endpoint=endpoint, reason="backlog")
        while await self._webhooks.prune(now - self._keep_log, PRUNED_AT_ONCE) >= PRUNED_AT_ONCE:
            pass
        while await self._events.prune(now - self._keep_events, PRUNED_AT_ONCE) >= PRUNED_AT_ONCE:
            pass
