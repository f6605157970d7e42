"""What the API says of tenants, tokens and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, Field

from relay.api.schemas import Answer, Body
from relay.store.base import TokenScope

_SCOPES = (
    "`read` sees everything that changes nothing; `command` asks agents; `enrol` lets agents in and shuts them out; "
    "`webhooks` says where events go; `manage` has tokens, the audit log and connection credits."
)


class TokenOut(Answer):
    """A token, without its secret, which nobody can show again."""

    id: str = Field(
        description="Its public part, which lines of the audit log name.", examples=["4f0c9a17d2b3e586"]
    )
    name: str = Field(examples=["erp-sync"])
    scopes: list[TokenScope] = Field(description=_SCOPES)
    created_at: datetime
    expires_at: datetime | None = Field(
        description="From then on it opens nothing; null: it does not end by itself."
    )
    last_used_at: datetime | None = Field(description="To the hour.")
    revoked_at: datetime | None
    previous_until: datetime | None = Field(
        description="Until when the secret before the last rotation is taken as well."
    )


class NewTokenOut(TokenOut):
    token: str = Field(description="Shown this once.", examples=["gwt_4f0c9a17d2b3e586_..."])


class TokenList(Answer):
    items: list[TokenOut]
    next_cursor: str | None = Field(description="Give it as `cursor` for the page behind; null at the end.")


class TokenIn(Body):
    name: str = Field(min_length=1, max_length=128, description="What it is for.", examples=["erp-sync"])
    scopes: list[TokenScope] = Field(min_length=1, max_length=len(TokenScope), examples=[["read", "command"]])
    expires_at: AwareDatetime | None = None


class RotateIn(Body):
    overlap_minutes: int = Field(
        default=24 * 60,
        ge=0,
        le=30 * 24 * 60,
        description="For how long the old secret is taken as well; 0 ends it at once.",
    )


class TenantOut(Answer):
    id: str = Field(examples=["acme"])
    created_at: datetime
    disabled_at: datetime | None = Field(
        description="Its tokens open nothing since then, and its agents wait."
    )
    remove_after: datetime | None = Field(
        description="It was deleted: from then on everything of it is removed. null: it stays."
    )
    credit_pool: int | None = Field(description="Connection credits that it has; null: no bound.")
    credits_in_use: int


class TenantList(Answer):
    items: list[TenantOut]
    next_cursor: str | None = Field(description="Give it as `cursor` for the page behind; null at the end.")


class TenantIn(Body):
    id: str = Field(pattern="^[a-z0-9][a-z0-9_-]{0,62}$", examples=["acme"])


class TenantChange(Body):
    """What is left out stays."""

    disabled: bool | None = None
    credit_pool: int | None = Field(
        default=None,
        ge=0,
        le=10**9,
        description="null: no bound. Below what is in use it touches nothing that runs.",
    )


class AuditActorOut(Answer):
    kind: str = Field(
        description="token, admin_key, local (somebody at the relay's host), agent, code, relay",
        examples=["token"],
    )
    name: str = Field(description="The id of the token, key, agent or code; a user of the host.")
    address: str = Field(
        description="Where it came from; empty: from the relay's host.", examples=["192.0.2.7"]
    )


class AuditLineOut(Answer):
    n: int = Field(description="1, 2, 3 ... without a gap in its chain.")
    at: datetime
    action: str = Field(examples=["token_created"])
    by: AuditActorOut
    on: str = Field(description="The id of what was acted on.", examples=["4f0c9a17d2b3e586"])
    outcome: str = Field(examples=["done"])
    facts: dict[str, Any]
    hash: str = Field(description="Over the line before it and this one.")


class AuditList(Answer):
    items: list[AuditLineOut]
    next_cursor: str | None = Field(description="Give it as `cursor` for the page behind; null at the end.")


class OperatorAuditLineOut(AuditLineOut):
    tenant: str | None = Field(description="null: the line is of the operator's own chain.")


class OperatorAuditList(Answer):
    items: list[OperatorAuditLineOut]
    next_cursor: str | None = Field(description="Give it as `cursor` for the page behind; null at the end.")
