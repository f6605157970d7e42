"""Who may do what: tenants, tokens, enrolment codes and agents, in SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from relay.store.base import (
    Agent,
    Enrolment,
    EnrolmentCode,
    Tenant,
    Token,
    TokenScope,
    from_micros,
    to_micros,
)
from relay.store.sql import Sql

FIRST_EPOCH = 0  # an agent counts its welcomes; before the first it has none


def add_tenant(db: Sql, tenant: Tenant) -> bool:
    added = db.change(
        "INSERT INTO tenants (id, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
        (tenant.id, to_micros(tenant.created_at)),
    )
    return added == 1


def tenant(db: Sql, tenant_id: str) -> Tenant | None:
    row = db.row("SELECT id, created_at FROM tenants WHERE id = ?", (tenant_id,))
    return None if row is None else Tenant(row[0], from_micros(row[1]))


def add_token(db: Sql, token: Token) -> None:
    db.execute(
        "INSERT INTO tokens (id, tenant, name, secret_hash, created_at, scopes) VALUES (?, ?, ?, ?, ?, ?)",
        (
            token.id,
            token.tenant,
            token.name,
            token.secret_hash,
            to_micros(token.created_at),
            " ".join(sorted(token.scopes)),
        ),
    )


def token(db: Sql, token_id: str) -> Token | None:
    row = db.row(
        "SELECT id, tenant, name, secret_hash, created_at, scopes FROM tokens WHERE id = ?", (token_id,)
    )
    return None if row is None else _token(row)


def _token(row: Any) -> Token:
    *same, created_at, scopes = row
    return Token(*(*same, from_micros(created_at), frozenset(map(TokenScope, scopes.split()))))


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
    "SELECT id, tenant, name, public_key, epoch, pending_epoch, lineage, software, enrolled_at, last_seen_at "
    "FROM agents "
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
    *same, enrolled_at, last_seen_at = row
    seen = None if last_seen_at is None else from_micros(last_seen_at)
    return Agent(*(*same, from_micros(enrolled_at), seen))


def saw_agent(db: Sql, agent_id: str, software: str, now: datetime) -> None:
    db.execute(
        "UPDATE agents SET last_seen_at = ?, software = ? WHERE id = ?", (to_micros(now), software, agent_id)
    )
