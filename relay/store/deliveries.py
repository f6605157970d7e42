"""Deliveries of webhooks, in SQL: made from events, tried, settled, listed, replayed, removed.

Of each lane one delivery is pending and the others wait behind it, so that what is pending may be tried in any order.
"""

# ruff: noqa: S608 - only our own text goes into statements

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice
from typing import Any, Final

import orjson

from relay.events import StoredEvent
from relay.ids import new_id
from relay.store import events, webhooks
from relay.store.base import from_micros, to_micros
from relay.store.sql import Sql
from relay.webhooks.base import (
    Attempt,
    Delivery,
    DeliveryState,
    DisabledReason,
    Due,
    Endpoint,
    Result,
    ShownDelivery,
)
from relay.webhooks.plan import LONGEST

CLOCK_WENT_BACK: Final = LONGEST + timedelta(hours=1)  # no delivery is due later than this: it is due now
SUCCESS_NOTED_EVERY: Final = timedelta(minutes=1)
_COLUMNS: Final = "position, id, tenant, endpoint, event, lane, state, due_at, attempts, log, created_at, finished_at, replay_of"
_OPEN: Final = "state IN ('pending', 'waiting')"


@dataclass(frozen=True, slots=True)
class FannedOut:
    events: int  # that were looked at
    endpoints: frozenset[str]  # that have something new


def fan_out(sql: Sql, indexed: int, now: datetime, limit: int) -> FannedOut:
    """Make deliveries of the next events. Nobody may make them twice, so it goes on from where it stands in the store."""
    after = events.number(sql, "fanned_out")
    told = _next_events(sql, after, events.horizon(sql, indexed, now), limit)
    if not told:
        return FannedOut(0, frozenset())
    moved = sql.change(
        "UPDATE event_numbers SET value = ? WHERE name = 'fanned_out' AND value = ?",
        (told[-1].position, after),
    )
    if not moved:
        return FannedOut(0, frozenset())
    of_tenant: dict[str, list[Endpoint]] = {}
    for endpoint in webhooks.enabled(sql, {one.event.tenant for one in told}):
        of_tenant.setdefault(endpoint.tenant, []).append(endpoint)
    wanted = [
        (endpoint, one)
        for one in told
        for endpoint in of_tenant.get(one.event.tenant, ())
        if one.position > endpoint.begins_after and endpoint.wish.takes(one.event)
    ]
    _insert(sql, wanted, now)
    return FannedOut(len(told), frozenset(endpoint.id for endpoint, _ in wanted))


def _next_events(sql: Sql, after: int, upto: int, limit: int) -> list[StoredEvent]:
    rows = sql.execute(
        "SELECT position, tenant, id, at, type, connection, agent, subject, source, data FROM events "
        "WHERE position > ? AND position <= ? ORDER BY position LIMIT ?",
        (after, upto, limit),
    )
    return [events.stored_event(row) for row in rows]


def _insert(
    sql: Sql,
    wanted: Sequence[tuple[Endpoint, StoredEvent]],
    now: datetime,
    replayed: Mapping[int, str] | None = None,
) -> list[str]:
    """`replayed`: by event, the deliveries that these repeat. Returns the new ids."""
    if not wanted:
        return []
    first = events.take_numbers(sql, "deliveries", len(wanted))
    busy: dict[tuple[str, str], bool] = {}
    rows = []
    for position, (endpoint, told) in enumerate(wanted, start=first):
        lane = endpoint.wish.lane_of(told.event)
        state = DeliveryState.PENDING
        if lane is not None:
            key = (endpoint.id, lane)
            if busy.get(key) or (key not in busy and _lane_is_busy(sql, endpoint.id, lane)):
                state = DeliveryState.WAITING
            busy[key] = True
        rows.append(
            (
                position, new_id("dlv", now), endpoint.tenant, endpoint.id, told.position, lane, state,
                to_micros(now), 0, "[]", to_micros(now), None, (replayed or {}).get(told.position),
            )
        )  # fmt: skip
    marks = ", ".join("?" * len(rows[0]))
    sql.change_many(f"INSERT INTO webhook_deliveries ({_COLUMNS}) VALUES ({marks})", rows)
    return [str(row[1]) for row in rows]


def _lane_is_busy(sql: Sql, endpoint: str, lane: str) -> bool:
    found = sql.value(
        f"SELECT 1 FROM webhook_deliveries WHERE endpoint = ? AND lane = ? AND {_OPEN} LIMIT 1",
        (endpoint, lane),
    )
    return found is not None


def due(sql: Sql, endpoint: str, now: datetime, limit: int) -> list[Due]:
    """What is to be tried now, the longest due first."""
    found = _due(sql, endpoint, "d.due_at <= ?", now, limit)
    if len(found) < limit:
        found += _due(sql, endpoint, "d.due_at > ?", now + CLOCK_WENT_BACK, limit - len(found))
    return found


def _due(sql: Sql, endpoint: str, when: str, moment: datetime, limit: int) -> list[Due]:
    delivery = ", ".join(f"d.{name}" for name in _COLUMNS.split(", "))
    rows = sql.execute(
        f"SELECT {delivery}, e.position, e.tenant, e.id, e.at, e.type, e.connection, e.agent, e.subject, e.source, "
        "e.data FROM webhook_deliveries d JOIN events e ON e.position = d.event "
        f"WHERE d.endpoint = ? AND d.state = 'pending' AND {when} ORDER BY d.due_at, d.position LIMIT ?",
        (endpoint, to_micros(moment), limit),
    )
    return [Due(_delivery(row[:13]), events.stored_event(row[13:])) for row in rows]


def next_due(sql: Sql, endpoint: str, on_their_way: Collection[int]) -> datetime | None:
    rows = sql.execute(
        "SELECT position, due_at FROM webhook_deliveries WHERE endpoint = ? AND state = 'pending' "
        "ORDER BY due_at, position LIMIT ?",
        (endpoint, len(on_their_way) + 1),
    )
    return next((from_micros(due_at) for position, due_at in rows if position not in on_their_way), None)


def settle(sql: Sql, results: Iterable[Result], now: datetime) -> None:
    """Write down what attempts came to, and let those come up that waited behind what has ended."""
    for result in results:
        if _note(sql, result, now) and result.state is not DeliveryState.PENDING:
            _promote(sql, result.delivery)
        _judge(sql, result, now)


def _note(sql: Sql, result: Result, now: datetime) -> bool:
    """False: it has been given up or removed meanwhile, and an attempt that failed says nothing new."""
    attempts = (*result.delivery.attempts, result.attempt)
    ended = result.state is not DeliveryState.PENDING
    only_open = "" if result.state is DeliveryState.DELIVERED else " AND state = 'pending'"
    changed = sql.change(
        "UPDATE webhook_deliveries SET state = ?, due_at = ?, attempts = ?, log = ?, finished_at = ? "
        f"WHERE position = ?{only_open}",
        (
            result.state,
            to_micros(result.due_at),
            len(attempts),
            _log(attempts),
            to_micros(now) if ended else None,
            result.delivery.position,
        ),
    )
    return changed > 0


def _promote(sql: Sql, ended: Delivery) -> None:
    if ended.lane is None:
        return
    sql.execute(
        "UPDATE webhook_deliveries SET state = 'pending' WHERE position = (SELECT min(position) FROM "
        f"webhook_deliveries WHERE endpoint = ? AND lane = ? AND {_OPEN}) AND state = 'waiting'",
        (ended.endpoint, ended.lane),
    )


def _judge(sql: Sql, result: Result, now: datetime) -> None:
    """What the attempt says of its endpoint."""
    delivery, at = result.delivery, result.attempt.at
    if result.state is DeliveryState.DELIVERED:
        sql.execute(
            "UPDATE webhook_endpoints SET failing_since = NULL, last_success_at = ? WHERE id = ? "
            "AND (failing_since IS NOT NULL OR last_success_at IS NULL OR last_success_at < ?)",
            (to_micros(at), delivery.endpoint, to_micros(at - SUCCESS_NOTED_EVERY)),
        )
        return
    sql.execute(
        "UPDATE webhook_endpoints SET failing_since = ? WHERE id = ? "
        "AND (failing_since IS NULL OR failing_since > ?)",
        (to_micros(at), delivery.endpoint, to_micros(at)),
    )
    if result.state is DeliveryState.FAILED:
        endpoint = webhooks.one(sql, delivery.tenant, delivery.endpoint)
        if endpoint is None:
            return
        first = delivery.attempts[0].at if delivery.attempts else at
        dead = endpoint.failing_since is not None and endpoint.failing_since <= first
        if result.gone or dead:
            reason = DisabledReason.GONE if result.gone else DisabledReason.FAILING
            webhooks.disable(sql, endpoint, reason, now)


def disable_overfull(sql: Sql, most: int, now: datetime) -> list[str]:
    """Endpoints that fail and for which more waits than is kept. Their ids."""
    failing = [endpoint for endpoint in webhooks.enabled(sql) if endpoint.failing_since is not None]
    return [
        endpoint.id
        for endpoint in failing
        if _open_ones(sql, endpoint.id, most + 1) > most
        and webhooks.disable(sql, endpoint, DisabledReason.BACKLOG, now)
    ]


def _open_ones(sql: Sql, endpoint: str, most: int) -> int:
    counted = sql.value(
        f"SELECT count(*) FROM (SELECT 1 AS one FROM webhook_deliveries WHERE endpoint = ? AND {_OPEN} LIMIT ?) AS o",
        (endpoint, most),
    )
    return int(counted)


def one(sql: Sql, tenant: str, endpoint: str, delivery_id: str) -> ShownDelivery | None:
    row = sql.row(
        f"SELECT {_COLUMNS} FROM webhook_deliveries WHERE endpoint = ? AND id = ? AND tenant = ?",
        (endpoint, delivery_id, tenant),
    )
    return None if row is None else next(iter(_shown(sql, [_delivery(row)])))


def many(
    sql: Sql, tenant: str, endpoint: str, *, state: DeliveryState | None, before: str, limit: int
) -> list[ShownDelivery]:
    """Newest first. `before`: the id that the page before ended with."""
    top = 2**63 - 1
    if before:
        top = sql.value(
            "SELECT position FROM webhook_deliveries WHERE endpoint = ? AND id = ?", (endpoint, before)
        )
        if top is None:
            return []
    pages = [
        sql.execute(
            f"SELECT {_COLUMNS} FROM webhook_deliveries WHERE endpoint = ? AND state = ? AND tenant = ? "
            "AND position < ? ORDER BY position DESC LIMIT ?",
            (endpoint, each, tenant, top, limit),
        )
        for each in ([state] if state else DeliveryState)
    ]
    rows = islice(merge(*pages, key=lambda row: -row[0]), limit)
    return _shown(sql, [_delivery(row) for row in rows])


def _shown(sql: Sql, deliveries: Sequence[Delivery]) -> list[ShownDelivery]:
    if not deliveries:
        return []
    marks = ", ".join("?" * len(deliveries))
    rows = sql.execute(
        f"SELECT position, id, type FROM events WHERE position IN ({marks})",
        tuple(delivery.event for delivery in deliveries),
    )
    known = {position: (event_id, kind) for position, event_id, kind in rows}
    return [ShownDelivery(one, *known.get(one.event, (None, None))) for one in deliveries]


def replay_one(sql: Sql, endpoint: Endpoint, delivery_id: str, now: datetime) -> ShownDelivery | None:
    """None: there is no such delivery, or its event is no longer kept."""
    found = one(sql, endpoint.tenant, endpoint.id, delivery_id)
    if found is None or found.event_id is None:
        return None
    told = events.event(sql, endpoint.tenant, found.event_id)
    if told is None:
        return None
    new = _insert(sql, [(endpoint, told)], now, {told.position: delivery_id})
    return one(sql, endpoint.tenant, endpoint.id, new[0])


@dataclass(frozen=True, slots=True)
class Replayed:
    deliveries: int
    upto: datetime | None  # how far it came; None: to the end of the stretch


def replay(
    sql: Sql,
    endpoint: Endpoint,
    since: datetime,
    until: datetime,
    now: datetime,
    *,
    all_of_it: bool,
    limit: int,
) -> Replayed:
    """Deliver what the endpoint wants of that time: what it has not taken, or all of it. So many events at once."""
    rows = sql.execute(
        "SELECT position, tenant, id, at, type, connection, agent, subject, source, data, told_at FROM events "
        "WHERE tenant = ? AND told_at >= ? AND told_at <= ? AND position <= ? ORDER BY told_at, position LIMIT ?",
        (
            endpoint.tenant, to_micros(since), to_micros(until), events.number(sql, "fanned_out"), limit + 1,
        ),
    )  # fmt: skip
    told = [events.stored_event(row[:-1]) for row in rows[:limit]]
    wanted = [
        (endpoint, one)
        for one in told
        if endpoint.wish.takes(one.event) and not _stands(sql, endpoint.id, one.position, all_of_it=all_of_it)
    ]
    _insert(sql, wanted, now)
    return Replayed(len(wanted), from_micros(rows[limit][-1]) if len(rows) > limit else None)


def _stands(sql: Sql, endpoint: str, event: int, *, all_of_it: bool) -> bool:
    """Whether a delivery is under way already or, unless all is wanted again, has been taken."""
    states = "'pending', 'waiting'" if all_of_it else "'pending', 'waiting', 'delivered'"
    found = sql.value(
        f"SELECT 1 FROM webhook_deliveries WHERE event = ? AND endpoint = ? AND state IN ({states}) LIMIT 1",
        (event, endpoint),
    )
    return found is not None


def prune(sql: Sql, before: datetime, limit: int) -> int:
    """Remove the oldest deliveries that ended before then, and what is left of endpoints that were deleted."""
    removed = sql.change(
        "DELETE FROM webhook_deliveries WHERE position IN (SELECT position FROM webhook_deliveries "
        "WHERE created_at < ? AND state IN ('delivered', 'failed') ORDER BY position LIMIT ?)",
        (to_micros(before), limit),
    )
    gone = sql.value("SELECT id FROM webhook_endpoints WHERE deleted_at IS NOT NULL LIMIT 1")
    if gone is None:
        return removed
    of_it = sql.change(
        "DELETE FROM webhook_deliveries WHERE position IN "
        "(SELECT position FROM webhook_deliveries WHERE endpoint = ? LIMIT ?)",
        (gone, limit),
    )
    if not of_it:
        sql.execute("DELETE FROM webhook_endpoints WHERE id = ?", (gone,))
    return removed + of_it


def _log(attempts: Iterable[Attempt]) -> str:
    told = [[to_micros(one.at), one.milliseconds, one.status, one.failure, one.excerpt] for one in attempts]
    return orjson.dumps(told).decode()


def _delivery(row: Any) -> Delivery:
    position, delivery_id, tenant, endpoint, event, lane, state, due_at, _, log, *rest = row
    created_at, finished_at, replay_of = rest
    return Delivery(
        position=position,
        id=delivery_id,
        tenant=tenant,
        endpoint=endpoint,
        event=event,
        lane=lane,
        state=DeliveryState(state),
        due_at=from_micros(due_at),
        attempts=tuple(Attempt(from_micros(at), *same) for at, *same in orjson.loads(log)),
        created_at=from_micros(created_at),
        finished_at=None if finished_at is None else from_micros(finished_at),
        replay_of=replay_of,
    )
