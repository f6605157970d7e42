"""The part of the store that events and webhooks are kept in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from relay.acting import Actor, acting
from relay.deeds import Action, Deed
from relay.events import Event, StoredEvent
from relay.store import audit, deliveries, events, webhooks
from relay.store.deliveries import FannedOut, Replayed
from relay.store.events import EventFilter, FoundEvents, Place
from relay.store.sql import Engine, Sql
from relay.webhooks.base import (
    DeliveryState,
    Due,
    Endpoint,
    Result,
    SealedSecret,
    ShownDelivery,
    Wish,
)


@dataclass(frozen=True, slots=True)
class Look:
    """What one endpoint has to be given."""

    due: list[Due]
    next_due: datetime | None  # of what is not on its way


class EventStore:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def tell(self, told: Sequence[Event], now: datetime) -> None:
        await self._engine.write(lambda sql: events.tell(sql, told, now))

    async def told_of_batches(self) -> int:
        return await self._engine.read(lambda sql: events.number(sql, "batches"))

    async def tell_of_batches(self, after: int, upto: int, told: Sequence[Event], now: datetime) -> bool:
        return await self._engine.write(lambda sql: events.tell_of_batches(sql, after, upto, told, now))

    async def event(self, tenant: str, event_id: str) -> StoredEvent | None:
        return await self._engine.read(lambda sql: events.event(sql, tenant, event_id))

    async def find(
        self, tenant: str, wanted: EventFilter, after: int, limit: int, *, indexed: int, now: datetime
    ) -> FoundEvents:
        return await self._engine.read(
            lambda sql: events.find(sql, tenant, wanted, after, events.horizon(sql, indexed, now), limit)
        )

    async def place(self, tenant: str, position: int) -> Place:
        return await self._engine.read(lambda sql: events.place(sql, tenant, position))

    async def bears_out(self, tenant: str, kept: Place) -> bool:
        return await self._engine.read(lambda sql: events.bears_out(sql, tenant, kept))

    async def last(self) -> int:
        return await self._engine.read(lambda sql: events.number(sql, "events"))

    async def prune(self, before: datetime, limit: int) -> int:
        return await self._engine.write(lambda sql: events.prune(sql, before, limit))


class WebhookStore:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def add(self, endpoint: Endpoint, sealed: bytes, *, most: int) -> bool:
        by = acting()

        def work(sql: Sql) -> bool:
            added = webhooks.add(sql, endpoint, sealed, most=most)
            if added:
                _note(sql, Action.WEBHOOK_CREATED, endpoint.tenant, endpoint.id, endpoint.created_at, by)
            return added

        return await self._engine.write(work)

    async def endpoint(self, tenant: str, endpoint_id: str) -> Endpoint | None:
        return await self._engine.read(lambda sql: webhooks.one(sql, tenant, endpoint_id))

    async def endpoints(self, tenant: str) -> list[Endpoint]:
        return await self._engine.read(lambda sql: webhooks.of_tenant(sql, tenant))

    async def enabled(self) -> list[tuple[Endpoint, list[SealedSecret]]]:
        return await self._engine.read(_enabled)

    async def change(self, known: Endpoint, wish: Wish, *, enabled: bool, now: datetime) -> Endpoint | None:
        by = acting()

        def work(sql: Sql) -> Endpoint | None:
            changed = webhooks.change(sql, known, wish, enabled_now=enabled, now=now)
            if changed is not None:
                _note(sql, Action.WEBHOOK_CHANGED, known.tenant, known.id, now, by)
            return changed

        return await self._engine.write(work)

    async def delete(self, tenant: str, endpoint_id: str, now: datetime) -> bool:
        by = acting()

        def work(sql: Sql) -> bool:
            gone = webhooks.delete(sql, tenant, endpoint_id, now)
            if gone:
                _note(sql, Action.WEBHOOK_DELETED, tenant, endpoint_id, now, by)
            return gone

        return await self._engine.write(work)

    async def rotate(
        self, tenant: str, endpoint_id: str, sealed: bytes, *, now: datetime, old_until: datetime
    ) -> Endpoint | None:
        by = acting()

        def work(sql: Sql) -> Endpoint | None:
            found = webhooks.rotate(sql, tenant, endpoint_id, sealed, now=now, old_until=old_until)
            if found is not None:
                _note(sql, Action.WEBHOOK_SECRET_ROTATED, tenant, endpoint_id, now, by)
            return found

        return await self._engine.write(work)

    async def secrets(self, endpoint_id: str) -> list[SealedSecret]:
        return await self._engine.read(lambda sql: webhooks.secrets(sql, endpoint_id))

    async def fan_out(self, indexed: int, now: datetime, limit: int) -> FannedOut:
        return await self._engine.write(lambda sql: deliveries.fan_out(sql, indexed, now, limit))

    async def events_waiting(self) -> bool:
        """Whether there are events of which no deliveries were made yet."""
        return await self._engine.read(
            lambda sql: events.number(sql, "events") > events.number(sql, "fanned_out")
        )

    async def look(self, endpoint: str, now: datetime, limit: int, on_their_way: Collection[int]) -> Look:
        def work(sql: Sql) -> Look:
            found = deliveries.due(sql, endpoint, now, limit + len(on_their_way))
            new = [one for one in found if one.delivery.position not in on_their_way][:limit]
            taken = {*on_their_way, *(one.delivery.position for one in new)}
            return Look(new, deliveries.next_due(sql, endpoint, taken))

        return await self._engine.read(work)

    async def settle(self, results: Sequence[Result], now: datetime) -> None:
        await self._engine.write(lambda sql: deliveries.settle(sql, results, now))

    async def disable_overfull(self, most: int, now: datetime) -> list[str]:
        return await self._engine.write(lambda sql: deliveries.disable_overfull(sql, most, now))

    async def delivery(self, tenant: str, endpoint: str, delivery_id: str) -> ShownDelivery | None:
        return await self._engine.read(lambda sql: deliveries.one(sql, tenant, endpoint, delivery_id))

    async def deliveries(
        self, tenant: str, endpoint: str, *, state: DeliveryState | None, before: str, limit: int
    ) -> list[ShownDelivery]:
        return await self._engine.read(
            lambda sql: deliveries.many(sql, tenant, endpoint, state=state, before=before, limit=limit)
        )

    async def replay_one(self, endpoint: Endpoint, delivery_id: str, now: datetime) -> ShownDelivery | None:
        return await self._engine.write(lambda sql: deliveries.replay_one(sql, endpoint, delivery_id, now))

    async def replay(  # noqa: PLR0913, RUF100 - a stretch has two ends
        self,
        endpoint: Endpoint,
        since: datetime,
        until: datetime,
        now: datetime,
        *,
        all_of_it: bool,
        limit: int,
    ) -> Replayed:
        return await self._engine.write(
            lambda sql: deliveries.replay(sql, endpoint, since, until, now, all_of_it=all_of_it, limit=limit)
        )

    async def prune(self, before: datetime, limit: int) -> int:
        return await self._engine.write(lambda sql: deliveries.prune(sql, before, limit))


def _enabled(sql: Sql) -> list[tuple[Endpoint, list[SealedSecret]]]:
    secrets = webhooks.all_secrets(sql)
    return [(endpoint, secrets.get(endpoint.id, [])) for endpoint in webhooks.served(sql)]


def _note(sql: Sql, action: Action, tenant: str, endpoint: str, now: datetime, by: Actor) -> None:  # noqa: PLR0913, RUF100 - the parts of a line
    audit.note(sql, Deed(tenant, action, endpoint, now, by))
