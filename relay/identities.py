"""API tokens, enrolment codes and the names of things. Secrets are shown once and kept only as hashes."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from agent.errors import ConfigurationError, TransientError
from agent.protocol.auth import CODE_RANDOM_BYTES, Code, make_code
from relay.ids import new_id as new_id  # noqa: PLC0414 - known by this name as well
from relay.store.administration import Administration
from relay.store.base import EnrolmentCode, Store, Tenant, Token, TokenScope
from relay.store.keys import MAX_KEYS, USED_EVERY, Kind

TOKEN_PREFIX: Final = "gwt"  # noqa: S105 - lets secret scanners know one of ours when they meet it
ADMIN_PREFIX: Final = "gwa"
PREFIXES: Final = {Kind.TOKEN: TOKEN_PREFIX, Kind.ADMIN: ADMIN_PREFIX}
KINDS: Final = {prefix: kind for kind, prefix in PREFIXES.items()}
OVERLAP: Final = timedelta(days=1)  # that the old secret of a rotated key is still taken
MAX_OVERLAP: Final = timedelta(days=30)
SECRET_BYTES: Final = 32
CODE_LIFETIME: Final = timedelta(hours=1)
MAX_CODE_LIFETIME: Final = timedelta(days=7)  # a code left lying about must not work for ever
_TOKEN: Final = re.compile(rf"({TOKEN_PREFIX}|{ADMIN_PREFIX})_([0-9a-f]{{16}})_([A-Za-z0-9_-]{{43}})")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class NewSecret:
    """Something to show once. It keeps itself out of logs and errors."""

    text: str

    def __repr__(self) -> str:
        return "NewSecret(***)"


async def create_tenant(store: Store, name: str, now: datetime) -> None:
    if _NAME.fullmatch(name) is None:
        raise ConfigurationError(
            "A tenant's name is 1 to 63 of a-z, 0-9, _ and -, and begins with a letter or digit.",
            where="tenant",
        )
    await store.add_tenant(Tenant(name, now))


ALL_SCOPES: Final = frozenset(TokenScope)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who asks: the tenant that a token opens, and what the token is for. An admin key is of no tenant."""

    tenant: str
    scopes: frozenset[TokenScope]
    key: str
    kind: Kind = Kind.TOKEN


class TenantDisabled(Exception):
    """The token is right, and opens nothing until its tenant is enabled."""


async def create_token(
    store: Store,
    tenant: str,
    name: str,
    now: datetime,
    *,
    scopes: frozenset[TokenScope],
    expires_at: datetime | None = None,
) -> NewSecret:
    if await store.tenant(tenant) is None:
        raise ConfigurationError(f"There is no tenant {tenant!r}.", hint=MAKE_A_TENANT)
    return (await new_key(store, Kind.TOKEN, tenant, name, now, scopes=scopes, expires_at=expires_at))[1]


MAKE_A_TENANT: Final = (
    "`groundwire relay token create --tenant NAME` makes one, and so does `POST /admin/tenants`."
)


async def create_admin_key(
    store: Store, name: str, now: datetime, *, expires_at: datetime | None = None
) -> NewSecret:
    """A key for the whole relay: its tenants, their tokens and pools, and every line of the audit log."""
    return (await new_key(store, Kind.ADMIN, "", name, now, expires_at=expires_at))[1]


async def new_key(
    store: Store,
    kind: Kind,
    tenant: str,
    name: str,
    now: datetime,
    *,
    scopes: frozenset[TokenScope] = frozenset(),
    expires_at: datetime | None = None,
) -> tuple[Token, NewSecret]:
    key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(SECRET_BYTES)
    key = Token(key_id, tenant, name, _hash(secret), now, scopes, expires_at)
    if not await Administration(store.engine).add_key(kind, key):
        raise ConfigurationError(
            f"There are {MAX_KEYS} keys that are not revoked.", hint="Revoke some that nobody uses."
        )
    return key, _shown(kind, key_id, secret)


async def rotate_key(
    store: Store, kind: Kind, tenant: str, key_id: str, now: datetime, overlap: timedelta
) -> tuple[Token, NewSecret] | None:
    """A new secret for the same key; the old one is taken for the overlap. None: there is no such key that lives."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    until = now + min(overlap, MAX_OVERLAP)
    rotated = await Administration(store.engine).rotate_key(
        kind, tenant, key_id, _hash(secret), old_until=until, now=now
    )
    return None if rotated is None else (rotated, _shown(kind, key_id, secret))


def _shown(kind: Kind, key_id: str, secret: str) -> NewSecret:
    return NewSecret(f"{PREFIXES[kind]}_{key_id}_{secret}")


async def bearer_of(store: Store, presented: str, now: datetime) -> Bearer | None:
    """Whom a token or an admin key stands for; None for anything else. Raises TenantDisabled."""
    match = _TOKEN.fullmatch(presented)
    if match is None:
        return None
    kind, key_id, secret = KINDS[match[1]], match[2], match[3]
    administration = Administration(store.engine)
    found = await administration.presented(kind, key_id)
    if found is None:
        hmac.compare_digest(_hash(secret), bytes(32))
        return None
    key, tenant = found
    if not _opens(key, _hash(secret), now) or not key.lives(now):
        return None
    if tenant is not None and tenant.disabled_at is not None:
        raise TenantDisabled
    if key.last_used_at is None or now - key.last_used_at >= USED_EVERY:
        with suppress(TransientError):  # a full disk keeps nobody from reading
            await administration.used(kind, key_id, now)
    return Bearer(key.tenant, key.scopes, key.id, kind)


def _opens(key: Token, presented: bytes, now: datetime) -> bool:
    current = hmac.compare_digest(presented, key.secret_hash)
    previous = hmac.compare_digest(presented, key.previous_hash or bytes(32))
    return current or (previous and key.previous_until is not None and now < key.previous_until)


def _hash(secret: str) -> bytes:
    # One round is enough for 256 random bits; a slow hash is for what people choose.
    return hashlib.sha256(secret.encode()).digest()


async def create_code(
    store: Store, tenant: str, *, agent_name: str | None, lifetime: timedelta, now: datetime
) -> tuple[Code, EnrolmentCode]:
    if await store.tenant(tenant) is None:
        raise ConfigurationError(f"There is no tenant {tenant!r}.", hint=MAKE_A_TENANT)
    code = make_code(secrets.token_bytes(CODE_RANDOM_BYTES))
    kept = EnrolmentCode(
        code.id, code.verifier, tenant, agent_name, now, now + min(lifetime, MAX_CODE_LIFETIME)
    )
    await store.add_code(kept)
    return code, kept
