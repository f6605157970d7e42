"""Events, and how far they have been told, in SQL."""

# ruff: noqa: S608 - only our own text goes into statements

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from relay.events import Event, EventType, StoredEvent, kind_of
from relay.store.base import from_micros, to_micros
from relay.store.sql import Sql, Value

SCANNED_EVENTS: Final = 20_000  # of a tenant, looked at for one page: a rare match takes several
HELD_BACK: Final = timedelta(seconds=10)  # at most, until lists show the records that an event names
# Not min(position): for that all events are gone through by their positions, rather than the few by their source.
FIRST_HELD: Final = "SELECT min(position + 0) FROM events WHERE source > ? AND told_at > ?"
_COLUMNS: Final = "position, tenant, id, at, type, connection, agent, subject, source, data"


@dataclass(frozen=True, slots=True)
class EventFilter:
    types: frozenset[EventType] = frozenset()  # empty: all
    connection: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class FoundEvents:
    events: list[StoredEvent]
    reached: int  # go on behind this position
    more: bool


def take_numbers(sql: Sql, name: str, count: int) -> int:
    """The first of so many new numbers. The row stays locked to the end of the transaction: numbers commit in order."""
    last = sql.value(
        "UPDATE event_numbers SET value = value + ? WHERE name = ? RETURNING value", (count, name)
    )
    return int(last) - count + 1


def number(sql: Sql, name: str) -> int:
    return int(sql.value("SELECT value FROM event_numbers WHERE name = ?", (name,)))


def tell(sql: Sql, events: Sequence[Event], now: datetime) -> None:
    """Write them down, in the transaction of what they speak of. One whose id is known has been told."""
    new = [event for event in events if not _known(sql, event)]
    if not new:
        return
    first = take_numbers(sql, "events", len(new))
    sql.change_many(
        f"INSERT INTO events ({_COLUMNS}, told_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
            (
                position, event.tenant, event.id, to_micros(event.at), event.type, event.connection, event.agent,
                event.subject, event.source, orjson.dumps(dict(event.data)).decode(), to_micros(now),
            )
            for position, event in enumerate(new, start=first)
        ],
    )  # fmt: skip


def _known(sql: Sql, event: Event) -> bool:
    found = sql.value("SELECT 1 FROM events WHERE tenant = ? AND id = ?", (event.tenant, event.id))
    return found is not None


def tell_of_batches(sql: Sql, after: int, upto: int, events: Sequence[Event], now: datetime) -> bool:
    """Once for each stretch of batches; False: somebody told of them meanwhile."""
    moved = sql.change(
        "UPDATE event_numbers SET value = ? WHERE name = 'batches' AND value = ?", (upto, after)
    )
    if moved:
        tell(sql, events, now)
    return moved > 0


def event(sql: Sql, tenant: str, event_id: str) -> StoredEvent | None:
    row = sql.row(f"SELECT {_COLUMNS} FROM events WHERE tenant = ? AND id = ?", (tenant, event_id))
    return None if row is None else stored_event(row)


def horizon(sql: Sql, indexed: int, now: datetime) -> int:
    """Where readers stop: before an event of a batch that lists do not show yet. The index is a moment behind."""
    held = sql.value(FIRST_HELD, (indexed, to_micros(now - HELD_BACK)))
    return number(sql, "events") if held is None else int(held) - 1


def find(sql: Sql, tenant: str, wanted: EventFilter, after: int, upto: int, limit: int) -> FoundEvents:
    """One page in the order in which they were told."""
    end = sql.value(
        "SELECT position FROM events WHERE tenant = ? AND position > ? ORDER BY position LIMIT 1 OFFSET ?",
        (tenant, after, SCANNED_EVENTS),
    )
    reach = upto if end is None else min(upto, int(end))
    conditions, values = _conditions(wanted)
    rows = sql.execute(
        f"SELECT {_COLUMNS} FROM events WHERE tenant = ? AND position > ? AND position <= ?{conditions} "
        "ORDER BY position LIMIT ?",
        (tenant, after, reach, *values, limit + 1),
    )
    found = [stored_event(row) for row in rows[:limit]]
    if len(rows) > limit:
        return FoundEvents(found, found[-1].position, more=True)
    return FoundEvents(found, max(after, reach), more=reach < upto)


def _conditions(wanted: EventFilter) -> tuple[str, list[Value]]:
    conditions, values = "", list[Value]()
    if wanted.types:
        conditions += f" AND type IN ({', '.join('?' * len(wanted.types))})"
        values += sorted(wanted.types)
    for name, value in (("connection", wanted.connection), ("agent", wanted.agent)):
        if value:
            conditions += f" AND {name} = ?"
            values.append(value)
    return conditions, values


def stored_event(row: Any) -> StoredEvent:
    position, tenant, event_id, at, kind, connection, agent, subject, source, data = row
    told = Event(
        id=event_id,
        tenant=tenant,
        at=from_micros(at),
        type=kind_of(kind),
        data=orjson.loads(data),
        connection=connection,
        agent=agent,
        subject=subject,
        source=source,
    )
    return StoredEvent(position, told)


def prune(sql: Sql, before: datetime, limit: int) -> int:
    """Remove the oldest events of before then, but none that is still to be delivered."""
    rows = sql.execute(
        "DELETE FROM events WHERE position IN (SELECT e.position FROM events e WHERE e.told_at < ? "
        "AND e.position <= ? AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.event = e.position "
        "AND d.state IN ('pending', 'waiting')) ORDER BY e.position LIMIT ?) RETURNING position",
        (to_micros(before), number(sql, "fanned_out"), limit),
    )
    if rows:
        furthest = max(position for (position,) in rows)
        sql.change(
            "UPDATE event_numbers SET value = ? WHERE name = 'pruned' AND value < ?", (furthest, furthest)
        )
    return len(rows)


@dataclass(frozen=True, slots=True)
class Place:
    """A position, and the tenant's last event up to it: by that a store that came back from a copy is noticed."""

    position: int
    last: str = ""


def place(sql: Sql, tenant: str, position: int) -> Place:
    last = sql.value(
        "SELECT id FROM events WHERE tenant = ? AND position <= ? ORDER BY position DESC LIMIT 1",
        (tenant, position),
    )
    return Place(position, last or "")


def bears_out(sql: Sql, tenant: str, kept: Place) -> bool:
    """Whether a reader that has what was told up to there finds everything behind it here."""
    pruned = number(sql, "pruned")
    if not pruned <= kept.position <= number(sql, "events"):
        return False
    last = place(sql, tenant, kept.position).last
    return last == kept.last or (not last and pruned > 0)
