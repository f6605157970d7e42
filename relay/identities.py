"""API tokens, enrolment codes and the names of things. Secrets are shown once and kept only as hashes."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from agent.errors import ConfigurationError
from agent.protocol.auth import CODE_RANDOM_BYTES, Code, make_code
from relay.store.base import EnrolmentCode, Store, Tenant, Token, TokenScope, to_micros

TOKEN_PREFIX: Final = "gwt"  # noqa: S105 - lets secret scanners know one of ours when they meet it
SECRET_BYTES: Final = 32
CODE_LIFETIME: Final = timedelta(hours=1)
MAX_CODE_LIFETIME: Final = timedelta(days=7)  # a code left lying about must not work for ever
_TOKEN: Final = re.compile(rf"{TOKEN_PREFIX}_([0-9a-f]{{16}})_([A-Za-z0-9_-]{{43}})")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class NewSecret:
    """Something to show once. It keeps itself out of logs and errors."""

    text: str

    def __repr__(self) -> str:
        return "NewSecret(***)"


def new_id(prefix: str, now: datetime) -> str:
    """Sorts by creation: microseconds, then chance."""
    return f"{prefix}_{to_micros(now):014x}{secrets.token_hex(6)}"


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
    """Who asks: the tenant that a token opens, and what the token is for."""

    tenant: str
    scopes: frozenset[TokenScope]


async def create_token(
    store: Store, tenant: str, name: str, now: datetime, *, scopes: frozenset[TokenScope]
) -> NewSecret:
    if await store.tenant(tenant) is None:
        raise ConfigurationError(f"There is no tenant {tenant!r}.", where="tenant")
    token_id, secret = secrets.token_hex(8), secrets.token_urlsafe(SECRET_BYTES)
    await store.add_token(Token(token_id, tenant, name, _hash(secret), now, scopes))
    return NewSecret(f"{TOKEN_PREFIX}_{token_id}_{secret}")


async def bearer_of(store: Store, presented: str) -> Bearer | None:
    """Whom a token stands for; None for anything else."""
    match = _TOKEN.fullmatch(presented)
    if match is None:
        return None
    token_id, secret = match.groups()
    known = await store.token(token_id)
    expected = known.secret_hash if known is not None else bytes(32)
    if not hmac.compare_digest(_hash(secret), expected) or known is None:
        return None
    return Bearer(known.tenant, known.scopes)


def _hash(secret: str) -> bytes:
    # One round is enough for 256 random bits; a slow hash is for what people choose.
    return hashlib.sha256(secret.encode()).digest()


async def create_code(
    store: Store, tenant: str, *, agent_name: str | None, lifetime: timedelta, now: datetime
) -> tuple[Code, EnrolmentCode]:
    if await store.tenant(tenant) is None:
        raise ConfigurationError(f"There is no tenant {tenant!r}.", where="tenant")
    code = make_code(secrets.token_bytes(CODE_RANDOM_BYTES))
    kept = EnrolmentCode(
        code.id, code.verifier, tenant, agent_name, now, now + min(lifetime, MAX_CODE_LIFETIME)
    )
    await store.add_code(kept)
    return code, kept
