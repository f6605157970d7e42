"""Rules and alerts, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from relay.events import Event, EventType
from relay.health.alerts import Alert
from relay.health.rules import DEFAULTS, Rule, Rules, Setting
from relay.ids import new_id
from relay.store import events
from relay.store.base import from_micros, to_micros
from relay.store.sql import Sql, Value

_ALERT: Final = "SELECT id, tenant, rule, agent, connection, threshold, value, message, hint, raised_at, cleared_at FROM alerts "
_KNOWN: Final = frozenset(Rule)  # an older relay passes over the rules of a newer one


def tenants(db: Sql) -> list[str]:
    """Those that have agents."""
    return [tenant for (tenant,) in db.execute("SELECT DISTINCT tenant FROM agents ORDER BY tenant")]


def rules(db: Sql, tenant: str) -> Rules:
    """Those in force: the defaults, with what the tenant has changed."""
    changed = db.execute("SELECT rule, threshold, enabled FROM alert_rules WHERE tenant = ?", (tenant,))
    own = {
        Rule(rule): Setting(threshold, bool(enabled))
        for rule, threshold, enabled in changed
        if rule in _KNOWN
    }
    return {**DEFAULTS, **own}


def set_rule(db: Sql, tenant: str, rule: Rule, setting: Setting, now: datetime) -> None:
    db.change(
        "INSERT INTO alert_rules VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant, rule) DO UPDATE SET"
        " threshold = excluded.threshold, enabled = excluded.enabled, changed_at = excluded.changed_at",
        (tenant, rule.value, setting.threshold, int(setting.enabled), to_micros(now)),
    )


def reset_rule(db: Sql, tenant: str, rule: Rule) -> None:
    """Back to the default, also to one of a later version."""
    db.change("DELETE FROM alert_rules WHERE tenant = ? AND rule = ?", (tenant, rule.value))


def standing(db: Sql, tenant: str) -> list[Alert]:
    """Those that were raised and not cleared."""
    rows = db.execute(f"{_ALERT} WHERE tenant = ? AND cleared_at IS NULL ORDER BY id", (tenant,))
    return [_alert(row) for row in rows if row[2] in _KNOWN]


def alert(db: Sql, tenant: str, alert_id: str) -> Alert | None:
    row = db.row(f"{_ALERT} WHERE tenant = ? AND id = ?", (tenant, alert_id))
    return None if row is None or row[2] not in _KNOWN else _alert(row)


def page(
    db: Sql,
    tenant: str,
    *,
    standing: bool | None,
    agent: str,
    connection: str,
    before: str,
    limit: int,
) -> list[Alert]:
    """Newest first."""
    clauses, values = ["tenant = ?"], list[Value]([tenant])
    if standing is not None:
        clauses.append(f"cleared_at IS {'' if standing else 'NOT '}NULL")
    for name, value in (("agent", agent), ("connection", connection)):
        if value:
            clauses.append(f"{name} = ?")
            values.append(value)
    if before:
        clauses.append("id < ?")
        values.append(before)
    known = ", ".join("?" for _ in _KNOWN)
    rows = db.execute(
        f"{_ALERT} WHERE {' AND '.join(clauses)} AND rule IN ({known}) ORDER BY id DESC LIMIT ?",
        (*values, *sorted(_KNOWN), limit),
    )
    return [_alert(row) for row in rows]


def change(db: Sql, raised: Sequence[Alert], cleared: Sequence[Alert], now: datetime) -> int:
    """Raise and clear, each with its event in the same transaction; return how many it changed.

    Whoever evaluates beside this one changes nothing twice: there is one standing alert for one thing.
    """
    told = [_event(one, EventType.ALERT_RAISED, now) for one in raised if _insert(db, one)]
    told += [_event(one, EventType.ALERT_CLEARED, now) for one in cleared if _clear(db, one, now)]
    events.tell(db, told, now)
    return len(told)


def _clear(db: Sql, one: Alert, now: datetime) -> bool:
    ended = db.change(
        "UPDATE alerts SET cleared_at = ? WHERE id = ? AND cleared_at IS NULL", (to_micros(now), one.id)
    )
    return ended == 1


def _insert(db: Sql, one: Alert) -> bool:
    added = db.change(
        "INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT DO NOTHING",
        (
            one.id, one.tenant, one.rule.value, one.agent, one.connection, one.threshold, one.value, one.message,
            one.hint, to_micros(one.raised_at),
        ),
    )  # fmt: skip
    return added == 1


def _event(one: Alert, kind: EventType, now: datetime) -> Event:
    return Event(
        id=new_id("evt", now),
        tenant=one.tenant,
        at=now,
        type=kind,
        connection=one.connection or None,
        agent=one.agent or None,
        subject=one.id,
        data={
            "alert": one.id,
            "rule": one.rule.value,
            "threshold": one.threshold,
            "value": one.value,
            "message": one.message,
            "hint": one.hint,
        },
    )


def _alert(row: Any) -> Alert:
    alert_id, tenant, rule, *same, raised_at, cleared_at = row
    ended = None if cleared_at is None else from_micros(cleared_at)
    return Alert(*(alert_id, tenant, Rule(rule), *same, from_micros(raised_at), ended))
