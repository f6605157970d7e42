"""What the audit log tells of, each with its line in the same transaction: there is no other way to do it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from relay.acting import Actor
from relay.deeds import OPERATOR, Action, Deed
from relay.lifecycle import Command
from relay.store import accounts, audit, commands, keys, roster, usage
from relay.store.base import (
    Added,
    Admission,
    Agent,
    Cancelling,
    Enrolment,
    EnrolmentCode,
    Tenant,
    Token,
)
from relay.store.keys import Kind
from relay.store.roster import ListedCode, Revoked
from relay.store.sql import Sql


def add_tenant(db: Sql, tenant: Tenant, by: Actor) -> bool:
    added = accounts.add_tenant(db, tenant)
    if added:
        audit.note(db, Deed(OPERATOR, Action.TENANT_CREATED, tenant.id, tenant.created_at, by))
    return added


def change_tenant(
    db: Sql, tenant: Tenant, action: Action, now: datetime, by: Actor, facts: Mapping[str, str] | None = None
) -> None:
    """Written down where the operator looks, and where the tenant does."""
    accounts.save_tenant(db, tenant)
    audit.note(db, *(Deed(chain, action, tenant.id, now, by, facts or {}) for chain in (OPERATOR, tenant.id)))


_CREATED = {Kind.TOKEN: Action.TOKEN_CREATED, Kind.ADMIN: Action.ADMIN_KEY_CREATED}
_ROTATED = {Kind.TOKEN: Action.TOKEN_ROTATED, Kind.ADMIN: Action.ADMIN_KEY_ROTATED}
_REVOKED = {Kind.TOKEN: Action.TOKEN_REVOKED, Kind.ADMIN: Action.ADMIN_KEY_REVOKED}


def add_key(db: Sql, kind: Kind, key: Token, by: Actor) -> bool:
    added = keys.add(db, kind, key)
    if added:
        facts = {"name": key.name, "scopes": sorted(key.scopes)}
        audit.note(db, Deed(key.tenant, _CREATED[kind], key.id, key.created_at, by, facts))
    return added


def rotate_key(
    db: Sql,
    kind: Kind,
    tenant: str,
    key_id: str,
    secret_hash: bytes,
    *,
    old_until: datetime,
    now: datetime,
    by: Actor,
) -> Token | None:
    """None: the tenant has no such key, or not any more."""
    known = keys.of_tenant(db, kind, tenant, key_id)
    if known is None or not known.lives(now):
        return None
    keys.rotate(db, kind, known, secret_hash, old_until)
    audit.note(db, Deed(tenant, _ROTATED[kind], key_id, now, by, {"name": known.name}))
    return keys.one(db, kind, key_id)


def revoke_key(db: Sql, kind: Kind, tenant: str, key_id: str, now: datetime, by: Actor) -> Token | None:
    known = keys.of_tenant(db, kind, tenant, key_id)
    if known is None or known.revoked_at is not None:
        return known
    keys.revoke(db, kind, key_id, now)
    audit.note(db, Deed(tenant, _REVOKED[kind], key_id, now, by, {"name": known.name}))
    return keys.one(db, kind, key_id)


def add_code(db: Sql, code: EnrolmentCode, by: Actor) -> None:
    accounts.add_code(db, code)
    facts = {} if code.agent_name is None else {"agent_name": code.agent_name}
    audit.note(db, Deed(code.tenant, Action.CODE_CREATED, code.id, code.created_at, by, facts))


def enrol(db: Sql, code_id: str, enrolment: Enrolment, now: datetime, by: Actor) -> Agent | None:
    before = accounts.agent_by_key(db, enrolment.public_key)
    agent = accounts.enrol(db, code_id, enrolment, now)
    if agent is not None and before is None:  # else its answer was lost, and it asked again
        facts = {"name": agent.name, "lineage": agent.lineage}
        audit.note(db, Deed(agent.tenant, Action.AGENT_ENROLLED, agent.id, now, by, facts))
    return agent


def revoke_agent(db: Sql, tenant: str, agent_id: str, now: datetime, by: Actor) -> Revoked | None:
    """Its connections give their credits back."""
    revoked = roster.revoke_agent(db, tenant, agent_id, now)
    if revoked is not None:
        audit.note(db, Deed(tenant, Action.AGENT_REVOKED, agent_id, now, by))
        usage.disconnect_agent(db, tenant, agent_id, by, now)
        accounts.access_changed(db)
    return revoked


def revoke_code(db: Sql, tenant: str, code: str, now: datetime, by: Actor) -> ListedCode | None:
    found = roster.revoke_code(db, tenant, code, now)
    if found is not None and not found.used:
        audit.note(db, Deed(tenant, Action.CODE_REVOKED, code, now, by))
    return found


def add_command(db: Sql, command: Command, now: datetime, most_open: int, by: Actor) -> Added:
    added = commands.add(db, command, now, most_open)
    _note_asked(db, added, by)
    return added


def cancel_command(
    db: Sql, target: str, wish: Command, now: datetime, most_open: int, by: Actor
) -> Cancelling | None:
    found = commands.cancel(db, target, wish, now, most_open)
    if found is not None and found.wish is not None:
        _note_asked(db, found.wish, by)
    return found


def _note_asked(db: Sql, added: Added, by: Actor) -> None:
    """A repeat is the same command, and a refused one is none."""
    if added.admission is Admission.NEW:
        asked = added.command
        facts = {"kind": asked.kind, "connection": asked.connection, "agent": asked.agent}
        audit.note(db, Deed(asked.tenant, Action.COMMAND_ASKED, asked.id, asked.created_at, by, facts))
