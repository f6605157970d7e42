"""Tenants, keys and the audit log over an engine: each call is one transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from agent.model.run import rfc3339
from relay.acting import acting
from relay.deeds import Action, Head, Line
from relay.store import accounts, audit, audited, keys
from relay.store.audit import AuditFilter, AuditPlace, KeptLine
from relay.store.base import Tenant, Token
from relay.store.keys import Kind
from relay.store.sql import Engine, Sql


class Administration:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def tenants(self, after: str, limit: int) -> list[Tenant]:
        return await self._engine.read(lambda db: accounts.tenants(db, after, limit))

    async def enable_tenant(self, tenant: str, now: datetime, *, enabled: bool) -> Tenant | None:
        """None: there is none. One that is enabled is not to be removed any more, unless that has begun."""
        by = acting()

        def work(db: Sql) -> Tenant | None:
            known = accounts.tenant(db, tenant)
            if known is None or known.removing or (known.disabled_at is None) == enabled:
                return known
            changed = replace(
                known,
                disabled_at=None if enabled else now,
                remove_after=None if enabled else known.remove_after,
            )
            action = Action.TENANT_ENABLED if enabled else Action.TENANT_DISABLED
            audited.change_tenant(db, changed, action, now, by)
            return changed

        return await self._engine.write(work)

    async def delete_tenant(self, tenant: str, now: datetime, remove_after: datetime) -> Tenant | None:
        """Disable it, and have it removed then. None: there is none."""
        by = acting()

        def work(db: Sql) -> Tenant | None:
            known = accounts.tenant(db, tenant)
            if known is None or known.removing:
                return known
            changed = replace(known, disabled_at=known.disabled_at or now, remove_after=remove_after)
            facts = {"remove_after": rfc3339(remove_after)}
            audited.change_tenant(db, changed, Action.TENANT_DELETED, now, by, facts)
            return changed

        return await self._engine.write(work)

    async def add_key(self, kind: Kind, key: Token) -> bool:
        """False: there are too many."""
        by = acting()
        return await self._engine.write(lambda db: audited.add_key(db, kind, key, by))

    async def key(self, kind: Kind, tenant: str, key_id: str) -> Token | None:
        return await self._engine.read(lambda db: keys.of_tenant(db, kind, tenant, key_id))

    async def keys(self, kind: Kind, tenant: str, after: str, limit: int) -> list[Token]:
        return await self._engine.read(lambda db: keys.many(db, kind, tenant, after, limit))

    async def presented(self, kind: Kind, key_id: str) -> tuple[Token, Tenant | None] | None:
        """The key of that id, and its tenant."""

        def work(db: Sql) -> tuple[Token, Tenant | None] | None:
            found = keys.one(db, kind, key_id)
            return None if found is None else (found, accounts.tenant(db, found.tenant))

        return await self._engine.recall((kind, key_id), work)

    async def rotate_key(
        self, kind: Kind, tenant: str, key_id: str, secret_hash: bytes, *, old_until: datetime, now: datetime
    ) -> Token | None:
        by = acting()
        return await self._engine.write(
            lambda db: audited.rotate_key(
                db, kind, tenant, key_id, secret_hash, old_until=old_until, now=now, by=by
            )
        )

    async def revoke_key(self, kind: Kind, tenant: str, key_id: str, now: datetime) -> Token | None:
        by = acting()
        return await self._engine.write(lambda db: audited.revoke_key(db, kind, tenant, key_id, now, by))

    async def used(self, kind: Kind, key_id: str, now: datetime) -> None:
        await self._engine.write(lambda db: keys.used(db, kind, key_id, now))

    async def audit_lines(self, wanted: AuditFilter, before: AuditPlace | None, limit: int) -> list[KeptLine]:
        """Newest first."""
        return await self._engine.read(lambda db: audit.newest(db, wanted, before, limit))

    async def chains(self, after: str, limit: int) -> list[str]:
        return await self._engine.read(lambda db: audit.chains(db, after, limit))

    async def chain(self, chain: str, after: int, limit: int) -> list[Line]:
        return await self._engine.read(lambda db: audit.lines(db, chain, after, limit))

    async def chain_head(self, chain: str) -> Head:
        return await self._engine.read(lambda db: audit.head(db, chain))
