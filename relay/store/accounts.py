"""Who may do what: tenants, tokens, enrolment codes and agents, in SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from relay.store.base import (
    Agent,
    Enrolment,
    EnrolmentCode,
    Tenant,
    from_micros,
    optional_micros,
    optional_moment,
    to_micros,
)
from relay.store.sql import Sql

_TENANT = "SELECT id, created_at, disabled_at, remove_after, removing_since FROM tenants "
FIRST_EPOCH = 0  # an agent counts its welcomes; before the first it has none


def add_tenant(db: Sql, tenant: Tenant) -> bool:
    added = db.change(
        "INSERT INTO tenants (id, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
        (tenant.id, to_micros(tenant.created_at)),
    )
    return added == 1


def tenant(db: Sql, tenant_id: str) -> Tenant | None:
    row = db.row(_TENANT + "WHERE id = ?", (tenant_id,))
    return None if row is None else _tenant(row)


def tenants(db: Sql, after: str, limit: int) -> list[Tenant]:
    rows = db.execute(_TENANT + "WHERE id > ? ORDER BY id LIMIT ?", (after, limit))
    return [_tenant(row) for row in rows]


def save_tenant(db: Sql, tenant: Tenant) -> None:
    """Whether it is disabled, and when it is to go."""
    db.execute(
        "UPDATE tenants SET disabled_at = ?, remove_after = ? WHERE id = ?",
        (optional_micros(tenant.disabled_at), optional_micros(tenant.remove_after), tenant.id),
    )
    access_changed(db)


def _tenant(row: Any) -> Tenant:
    tenant_id, created_at, disabled_at, remove_after, removing_since = row
    return Tenant(
        tenant_id,
        from_micros(created_at),
        optional_moment(disabled_at),
        optional_moment(remove_after),
        removing=removing_since is not None,
    )


def access_changed(db: Sql) -> None:
    """Something was done that may end a session, or hold back or let through what it sends: links look again."""
    db.execute("UPDATE access_revision SET value = value + 1 WHERE id = 1")


def access_revision(db: Sql) -> int:
    return int(db.value("SELECT value FROM access_revision WHERE id = 1"))


def add_code(db: Sql, code: EnrolmentCode) -> None:
    db.execute("DELETE FROM codes WHERE expires_at <= ?", (to_micros(code.created_at),))
    db.execute(
        "INSERT INTO codes (id, verifier, tenant, agent_name, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
        (
            code.id,
            code.verifier,
            code.tenant,
            code.agent_name,
            to_micros(code.created_at),
            to_micros(code.expires_at),
        ),
    )


def code(db: Sql, code_id: str, now: datetime) -> EnrolmentCode | None:
    """None for one that never was or is too old."""
    row = db.row(
        "SELECT id, verifier, tenant, agent_name, created_at, expires_at FROM codes WHERE id = ? AND expires_at > ?",
        (code_id, to_micros(now)),
    )
    if row is None:
        return None
    *same, created_at, expires_at = row
    return EnrolmentCode(*(*same, from_micros(created_at), from_micros(expires_at)))


def enrol(db: Sql, code_id: str, enrolment: Enrolment, now: datetime) -> Agent | None:
    """Spend the code. The agent that it names is taken over; a name that is merely the same is made different.

    The key that spent the code may ask again, for it may not have had the answer; nobody else may.
    """
    found = code(db, code_id, now)
    if found is None:
        return None
    key = enrolment.public_key
    owner = agent_by_key(db, key)
    spent_by = db.value("SELECT used_by FROM codes WHERE id = ?", (code_id,))
    if spent_by is not None or owner is not None:
        return owner if spent_by == key else None
    db.execute("UPDATE codes SET used_by = ? WHERE id = ?", (key, code_id))
    known = None if found.agent_name is None else _agent_named(db, found.tenant, found.agent_name)
    if known is None:
        return _add_agent(db, found, enrolment, now)
    db.execute(
        "UPDATE agents SET public_key = ?, epoch = ?, pending_epoch = NULL, lineage = lineage + 1, "
        "software = ?, enrolled_at = ? WHERE id = ?",
        (key, FIRST_EPOCH, enrolment.software, to_micros(now), known.id),
    )
    return agent(db, known.id)


def _add_agent(db: Sql, used: EnrolmentCode, enrolment: Enrolment, now: datetime) -> Agent | None:
    name = used.agent_name or _free_name(db, used.tenant, enrolment.name)
    db.execute(
        "INSERT INTO agents (id, tenant, name, public_key, epoch, lineage, software, enrolled_at) "
        "VALUES (?, ?, ?, ?, ?, 1, ?, ?)",
        (
            enrolment.agent_id, used.tenant, name, enrolment.public_key, FIRST_EPOCH, enrolment.software,
            to_micros(now),
        ),
    )  # fmt: skip
    return agent(db, enrolment.agent_id)


def _free_name(db: Sql, tenant_id: str, wanted: str) -> str:
    name, number = wanted, 1
    while _agent_named(db, tenant_id, name) is not None:
        number += 1
        name = f"{wanted}-{number}"
    return name


_AGENT = (
    "SELECT id, tenant, name, public_key, epoch, pending_epoch, lineage, software, enrolled_at, last_seen_at, "
    "(SELECT disabled_at FROM tenants WHERE tenants.id = agents.tenant) FROM agents "
)


def agent(db: Sql, agent_id: str) -> Agent | None:
    return _agent(db.row(_AGENT + "WHERE id = ?", (agent_id,)))


def agent_by_key(db: Sql, public_key: bytes) -> Agent | None:
    return _agent(db.row(_AGENT + "WHERE public_key = ?", (public_key,)))


def _agent_named(db: Sql, tenant_id: str, name: str) -> Agent | None:
    return _agent(db.row(_AGENT + "WHERE tenant = ? AND name = ?", (tenant_id, name)))


def agents(db: Sql, tenant_id: str) -> list[Agent]:
    rows = db.execute(_AGENT + "WHERE tenant = ? ORDER BY name", (tenant_id,))
    return [found for row in rows if (found := _agent(row)) is not None]


def _agent(row: Any) -> Agent | None:
    if row is None:
        return None
    *same, enrolled_at, last_seen_at, disabled_at = row
    moments = map(optional_moment, (last_seen_at, disabled_at))
    return Agent(*(*same, from_micros(enrolled_at), *moments))


def saw_agent(db: Sql, agent_id: str, software: str, now: datetime) -> None:
    db.execute(
        "UPDATE agents SET last_seen_at = ?, software = ? WHERE id = ?", (to_micros(now), software, agent_id)
    )
