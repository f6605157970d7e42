"""Which agents platforms were told to be online, in SQL. Where agents are is what `sessions` says."""

# ruff: noqa: S608 - only our own text goes into statements

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from relay.events import Event, EventType
from relay.ids import new_id
from relay.store import events
from relay.store.base import to_micros
from relay.store.sql import Sql

_HERE = (
    "EXISTS (SELECT 1 FROM sessions s JOIN relays r ON r.id = s.relay "
    "WHERE s.agent = p.agent AND r.leased_until > ?)"
)


def tell_of_agents(sql: Sql, now: datetime, grace: timedelta) -> int:
    """Tell who came, and who has been gone for longer than the grace. Returns how many were told."""
    moment = to_micros(now)
    came = sql.execute(
        "SELECT a.id, a.tenant, a.name FROM sessions s JOIN relays r ON r.id = s.relay JOIN agents a ON a.id = s.agent "
        "WHERE r.leased_until > ? AND NOT EXISTS (SELECT 1 FROM agent_presence p WHERE p.agent = s.agent) "
        "ORDER BY a.id",
        (moment,),
    )
    sql.change_many(
        "INSERT INTO agent_presence (agent, tenant) VALUES (?, ?)",
        [(agent, tenant) for agent, tenant, _ in came],
    )
    sql.change(
        f"UPDATE agent_presence AS p SET gone_since = NULL WHERE gone_since IS NOT NULL AND {_HERE}",
        (moment,),
    )
    # A clock that was put back begins the grace anew.
    sql.change(
        f"UPDATE agent_presence AS p SET gone_since = ? WHERE (gone_since IS NULL OR gone_since > ?) AND NOT {_HERE}",
        (moment, moment, moment),
    )
    gone = sql.execute(
        "SELECT p.agent, p.tenant, a.name FROM agent_presence p LEFT JOIN agents a ON a.id = p.agent "
        f"WHERE p.gone_since <= ? AND NOT {_HERE} ORDER BY p.agent",
        (to_micros(now - grace), moment),
    )
    sql.change_many("DELETE FROM agent_presence WHERE agent = ?", [(agent,) for agent, _, _ in gone])
    told = [*_events(EventType.AGENT_ONLINE, came, now), *_events(EventType.AGENT_OFFLINE, gone, now)]
    events.tell(sql, told, now)
    return len(told)


def moved(sql: Sql, now: datetime) -> bool:
    """Whether there is anything to write down: most looks find nothing."""
    moment = to_micros(now)
    came = sql.value(
        "SELECT 1 FROM sessions s JOIN relays r ON r.id = s.relay WHERE r.leased_until > ? "
        "AND NOT EXISTS (SELECT 1 FROM agent_presence p WHERE p.agent = s.agent) LIMIT 1",
        (moment,),
    )
    if came is not None:
        return True
    went = sql.value(
        f"SELECT 1 FROM agent_presence p WHERE p.gone_since IS NOT NULL OR NOT {_HERE} LIMIT 1", (moment,)
    )
    return went is not None


def _events(kind: EventType, rows: Iterable[Any], now: datetime) -> Iterable[Event]:
    for agent, tenant, name in rows:
        yield Event(
            id=new_id("evt", now),
            tenant=tenant,
            at=now,
            type=kind,
            agent=agent,
            subject=agent,
            data={"agent": agent, "name": name},
        )
