"""Removing what belongs to a tenant, in SQL: first nothing new is taken, then so many rows at a time, its name last."""

# ruff: noqa: S608 - only our own text goes into statements

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from relay.acting import Actor
from relay.deeds import OPERATOR, Action, Deed
from relay.store import accounts, audit
from relay.store.base import to_micros
from relay.store.sql import Sql

# By what the rows of a table are told apart. In this order: what others refer to goes behind them.
TABLES: Final[Mapping[str, str]] = {
    "webhook_secrets": "endpoint, number",
    "webhook_endpoints": "id",
    "events": "position",
    "commands": "id",
    "batches": "position",
    "streams": "id",
    "connections": "tenant, id",
    "sessions": "agent",
    "revoked_agents": "agent",
    "agent_presence": "agent",
    "connection_standings": "tenant, connection",
    "agent_health": "agent",
    "connection_health": "tenant, connection",
    "stream_health": "tenant, connection, stream",
    "alert_rules": "tenant, rule",
    "alerts": "id",
    "usage_connections": "tenant, connection",
    "usage_history": "tenant, n",
    "usage_pools": "tenant",
    "kept_answers": "tenant, key",
    "tokens": "id",
    "codes": "id",
    "agents": "id",
    "audit_heads": "tenant",
    "audit": "tenant, n",
}


def due(db: Sql, now: datetime) -> list[str]:
    """Tenants whose time is up."""
    rows = db.execute("SELECT id FROM tenants WHERE remove_after <= ? ORDER BY id", (to_micros(now),))
    return [tenant for (tenant,) in rows]


def begin(db: Sql, tenant: str, now: datetime, by: Actor) -> bool:
    """From here on it cannot be taken back. False: it was taken back just now."""
    found = accounts.tenant(db, tenant)
    if found is None or found.remove_after is None or found.remove_after > now:
        return False
    if found.removing:
        return True
    db.change("UPDATE tenants SET removing_since = ? WHERE id = ?", (to_micros(now), tenant))
    # What a session that nobody has ended yet still brings is of an enrolment that is no more.
    db.change("UPDATE agents SET lineage = lineage + 1 WHERE tenant = ?", (tenant,))
    db.change(
        "UPDATE webhook_endpoints SET deleted_at = ?, enabled = 0 WHERE tenant = ? AND deleted_at IS NULL",
        (to_micros(now), tenant),
    )
    accounts.access_changed(db)
    head = audit.head(db, tenant)
    facts = {"lines": head.n, "head": head.hash}  # of the chain that goes with it
    audit.note(db, Deed(OPERATOR, Action.TENANT_REMOVAL_BEGUN, tenant, now, by, facts))
    return True


def remove_some(db: Sql, tenant: str, limit: int) -> int:
    """How many rows went, of one table; 0: there is nothing left but the tenant itself."""
    gone = _remove_deliveries(db, tenant, limit)
    for table, key in TABLES.items():
        if gone:
            return gone
        gone = (
            _remove_batches(db, tenant, limit)
            if table == "batches"
            else _remove(db, table, key, tenant, limit)
        )
    return gone


def _remove(db: Sql, table: str, key: str, tenant: str, limit: int) -> int:
    return db.change(
        f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE tenant = ? LIMIT ?)",
        (tenant, limit),
    )


def _remove_deliveries(db: Sql, tenant: str, limit: int) -> int:
    """By their endpoints, of which there are few: they have no index by tenant."""
    return db.change(
        "DELETE FROM webhook_deliveries WHERE position IN (SELECT d.position FROM webhook_endpoints e "
        "JOIN webhook_deliveries d ON d.endpoint = e.id WHERE e.tenant = ? LIMIT ?)",
        (tenant, limit),
    )


def _remove_batches(db: Sql, tenant: str, limit: int) -> int:
    rows = db.execute(
        "SELECT position FROM batches WHERE tenant = ? ORDER BY position LIMIT ?", (tenant, limit)
    )
    for statement in ("DELETE FROM damaged WHERE position = ?", "DELETE FROM batches WHERE position = ?"):
        db.change_many(statement, rows)
    return len(rows)


def finish(db: Sql, tenant: str, now: datetime, by: Actor) -> bool:
    """The tenant itself. False: something has come meanwhile that has to go before."""
    if remove_some(db, tenant, 1):
        return False
    if db.change("DELETE FROM tenants WHERE id = ? AND removing_since IS NOT NULL", (tenant,)):
        audit.note(db, Deed(OPERATOR, Action.TENANT_REMOVED, tenant, now, by))
    return True


def remove_from_index(db: Sql, tenant: str, limit: int) -> int:
    """How many rows went; 0: the index has nothing of the tenant."""
    scope = db.value("SELECT id FROM scopes WHERE tenant = ? LIMIT 1", (tenant,))
    if scope is not None:
        gone = db.change(
            "DELETE FROM records WHERE scope = ?1 AND (position, row) IN "
            "(SELECT position, row FROM records WHERE scope = ?1 LIMIT ?2)",
            (scope, limit),
        )
        return gone or db.change("DELETE FROM scopes WHERE id = ?", (scope,))
    gone = _remove(db, "runs", "tenant, run", tenant, limit)
    return gone or _remove(db, "dead_letters", "position, row", tenant, limit)
