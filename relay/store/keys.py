"""Tokens of tenants and the operator's admin keys, in SQL. Secrets are kept as hashes alone.

Both lie in tables of one form; an admin key is of no tenant.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from relay.store.base import Token, TokenScope, from_micros, optional_micros, optional_moment, to_micros
from relay.store.sql import Sql

MAX_KEYS: Final = 1_000  # of a tenant that are not revoked
KEPT_REVOKED: Final = timedelta(
    days=90
)  # listed for so long, so that a line of the audit log can be looked up
USED_EVERY: Final = timedelta(hours=1)  # as coarse as the last use is noted: one write an hour for each key


class Kind(StrEnum):
    """Which table."""

    TOKEN = "tokens"  # noqa: S105 - a table
    ADMIN = "admin_keys"


_COLUMNS: Final = (
    "id, tenant, name, secret_hash, created_at, scopes, expires_at, last_used_at, revoked_at, previous_hash, "
    "previous_until"
)


def add(db: Sql, kind: Kind, token: Token) -> bool:
    """False: there are too many."""
    db.execute(
        f"DELETE FROM {kind} WHERE tenant = ? AND revoked_at <= ?",  # noqa: S608 - one of our tables
        (token.tenant, to_micros(token.created_at - KEPT_REVOKED)),
    )
    counted = db.value(
        f"SELECT count(*) FROM {kind} WHERE tenant = ? AND revoked_at IS NULL",  # noqa: S608 - one of our tables
        (token.tenant,),
    )
    if counted >= MAX_KEYS:
        return False
    db.execute(
        f"INSERT INTO {kind} ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - one of our tables
        (
            token.id, token.tenant, token.name, token.secret_hash, to_micros(token.created_at),
            " ".join(sorted(token.scopes)), optional_micros(token.expires_at), None, None, None, None,
        ),
    )  # fmt: skip
    return True


def one(db: Sql, kind: Kind, token_id: str) -> Token | None:
    row = db.row(f"SELECT {_COLUMNS} FROM {kind} WHERE id = ?", (token_id,))  # noqa: S608 - one of our tables
    return None if row is None else _token(row)


def of_tenant(db: Sql, kind: Kind, tenant: str, token_id: str) -> Token | None:
    found = one(db, kind, token_id)
    return found if found is not None and found.tenant == tenant else None


def many(db: Sql, kind: Kind, tenant: str, after: str, limit: int) -> list[Token]:
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM {kind} WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?",  # noqa: S608 - one of our tables
        (tenant, after, limit),
    )
    return [_token(row) for row in rows]


def rotate(db: Sql, kind: Kind, token: Token, secret_hash: bytes, old_until: datetime) -> None:
    """The secret of now stays valid until then; the one before it, if it was still, ends at once."""
    db.execute(
        f"UPDATE {kind} SET secret_hash = ?, previous_hash = ?, previous_until = ? WHERE id = ?",  # noqa: S608 - one of our tables
        (secret_hash, token.secret_hash, to_micros(old_until), token.id),
    )


def revoke(db: Sql, kind: Kind, token_id: str, now: datetime) -> None:
    db.execute(
        f"UPDATE {kind} SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",  # noqa: S608 - one of our tables
        (to_micros(now), token_id),
    )


def used(db: Sql, kind: Kind, token_id: str, now: datetime) -> None:
    db.execute(
        f"UPDATE {kind} SET last_used_at = ? WHERE id = ?",  # noqa: S608 - one of our tables
        (to_micros(now), token_id),
    )


def _token(row: Any) -> Token:
    token_id, tenant, name, secret_hash, created_at, scopes, *rest = row
    expires_at, last_used_at, revoked_at, previous_hash, previous_until = rest
    return Token(
        token_id,
        tenant,
        name,
        secret_hash,
        from_micros(created_at),
        frozenset(map(TokenScope, scopes.split())),
        expires_at=optional_moment(expires_at),
        last_used_at=optional_moment(last_used_at),
        revoked_at=optional_moment(revoked_at),
        previous_hash=previous_hash,
        previous_until=optional_moment(previous_until),
    )
