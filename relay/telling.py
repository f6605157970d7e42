"""Tells platforms of what the relay notices by itself: batches on their way into the index, agents that come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

import structlog

from agent.clock import Clock
from agent.errors import GroundwireError
from relay.batch_events import events_of, keys_to_look_up
from relay.bus.base import Bus
from relay.bus.subjects import AGENTS, EVENTS
from relay.documents import OpenBatch
from relay.store import presence
from relay.store.base import Scope
from relay.store.sql import Engine
from relay.webhooks.store import EventStore

log = structlog.get_logger()

LOOK_SECONDS: Final = 5.0  # between looks at who is connected
GRACE: Final = timedelta(seconds=30)  # gone for less is no event: agents reconnect

Living = Callable[[Mapping[Scope, Sequence[str]]], Awaitable[Mapping[Scope, set[str]]]]


class BatchTeller:
    """Tells of each batch once, before the index has it: only then is it known which of its records are new."""

    def __init__(self, store: EventStore, living: Living, bus: Bus, *, clock: Clock) -> None:
        """`living`: of these keys, those of records that the index has and that are not deleted."""
        self._store = store
        self._bus = bus
        self._living = living
        self._clock = clock

    async def tell(self, batches: Sequence[OpenBatch]) -> None:
        """`batches`: those that the index is given next. What was told in an earlier life is not told again."""
        told = await self._store.told_of_batches()
        if not batches or batches[-1].header.position <= told:
            return
        new = [batch for batch in batches if batch.header.position > told]
        # All of them are looked up: those before the new ones may bring a key of theirs.
        known = await self._living(await asyncio.to_thread(keys_to_look_up, batches))
        kept = {batch.header.position for batch in new}
        found = await asyncio.to_thread(events_of, batches, known)
        events = [event for event in found if event.source in kept]
        await self._store.tell_of_batches(told, new[-1].header.position, events, self._clock.utcnow())

    def shown(self) -> None:
        """The index has them now, so that who is told finds them there."""
        self._bus.publish(EVENTS)


class PresenceTeller:
    """Tells who came and who stays away. Only one process does so at a time."""

    def __init__(self, engine: Engine, bus: Bus, *, clock: Clock, grace: timedelta = GRACE) -> None:
        self._engine = engine
        self._bus = bus
        self._clock = clock
        self._grace = grace

    async def run(self) -> None:
        with self._bus.subscribe(AGENTS) as hints:
            while True:
                try:
                    await self.look()
                except GroundwireError as error:
                    log.warning("presence_not_told", code=error.code, error=str(error))
                await hints.next(within=LOOK_SECONDS)

    async def look(self) -> None:
        now = self._clock.utcnow()
        if not await self._engine.read(lambda sql: presence.moved(sql, now)):
            return
        if await self._engine.write(lambda sql: presence.tell_of_agents(sql, now, self._grace)):
            self._bus.publish(EVENTS)
