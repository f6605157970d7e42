"""A tenant's own tokens and its audit log."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Body, Query

from agent.errors import ConfigurationError
from relay.api.account_schemas import (
    AuditLineOut,
    AuditList,
    NewTokenOut,
    RotateIn,
    TokenIn,
    TokenList,
    TokenOut,
)
from relay.api.context import ApiContext, Asker, Context, ManagingTenant
from relay.api.cursors import decode_id, encode_id, strange_cursor
from relay.api.problems import Problem, not_found
from relay.deeds import Action
from relay.identities import new_key, rotate_key
from relay.store.administration import Administration
from relay.store.audit import AuditFilter, AuditPlace, KeptLine
from relay.store.base import Token
from relay.store.keys import MAX_KEYS, Kind

router = APIRouter()

_NUMBERS: Final = 2**62  # what the store can hold, and more than it ever does
_ACTIONS: Final = "|".join(Action)
Cursor = Annotated[str, Query(description="`nextCursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
ActionFilter = Annotated[str, Query(pattern=f"^({_ACTIONS})?$", description="Only lines of this action.")]


@router.get("/tokens", tags=["tokens"], summary="List tokens, without their secrets")
async def list_tokens(
    ctx: Context, tenant: ManagingTenant, cursor: Cursor = "", limit: Limit = 100
) -> TokenList:
    return await token_page(ctx, tenant, cursor, limit)


@router.post("/tokens", tags=["tokens"], status_code=HTTPStatus.CREATED, summary="Make a token")
async def create_token(
    ctx: Context, tenant: ManagingTenant, asker: Asker, body: Annotated[TokenIn, Body()]
) -> NewTokenOut:
    """Its secret is in this answer and nowhere else. It can have no scope that the token that asks has not."""
    beyond = sorted(set(body.scopes) - asker.scopes)
    if beyond:
        raise Problem(
            HTTPStatus.FORBIDDEN, f"This token has not the scope `{beyond[0]}` itself, so it cannot give it."
        )
    return await new_token(ctx, tenant, body)


@router.get("/tokens/{token}", tags=["tokens"], summary="Get one token, without its secret")
async def get_token(ctx: Context, tenant: ManagingTenant, token: str) -> TokenOut:
    found = await Administration(ctx.store.engine).key(Kind.TOKEN, tenant, token)
    if found is None:
        raise not_found("token")
    return token_out(found)


@router.post("/tokens/{token}/rotate", tags=["tokens"], summary="Give a token a new secret")
async def rotate_token(
    ctx: Context,
    tenant: ManagingTenant,
    asker: Asker,
    token: str,
    body: Annotated[RotateIn | None, Body()] = None,
) -> NewTokenOut:
    """The old secret is taken for `overlapMinutes` more. One that was rotated out before ends at once."""
    await refuse_stronger(ctx, tenant, asker.scopes, token)
    return await rotated_token(ctx, tenant, token, body)


@router.delete("/tokens/{token}", tags=["tokens"], summary="Revoke a token, at once")
async def revoke_token(ctx: Context, tenant: ManagingTenant, token: str) -> TokenOut:
    """Also for requests of it that are waiting for their answer."""
    return await revoked_token(ctx, tenant, token)


@router.get("/audit", tags=["audit"], summary="List what was done with this tenant's things, newest first")
async def list_audit(
    ctx: Context, tenant: ManagingTenant, action: ActionFilter = "", cursor: Cursor = "", limit: Limit = 100
) -> AuditList:
    wanted = AuditFilter(tenant, Action(action) if action else None)
    before = audit_place(cursor)
    found = await Administration(ctx.store.engine).audit_lines(wanted, before, limit + 1)
    page = found[:limit]
    return AuditList(
        items=[AuditLineOut.model_validate(line_document(line)) for line in page],
        next_cursor=next_place(page) if len(found) > limit else None,
    )


async def token_page(ctx: ApiContext, tenant: str, cursor: str, limit: int) -> TokenList:
    found = await Administration(ctx.store.engine).keys(Kind.TOKEN, tenant, decode_id(cursor), limit + 1)
    page = found[:limit]
    return TokenList(
        items=[token_out(token) for token in page],
        next_cursor=encode_id(page[-1].id) if len(found) > limit else None,
    )


async def new_token(ctx: ApiContext, tenant: str, body: TokenIn) -> NewTokenOut:
    now = ctx.clock.utcnow()
    if body.expires_at is not None and body.expires_at <= now:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "`expiresAt` has passed already; name a moment to come, or leave it out.",
        )
    try:
        token, secret = await new_key(
            ctx.store,
            Kind.TOKEN,
            tenant,
            body.name,
            now,
            scopes=frozenset(body.scopes),
            expires_at=body.expires_at,
        )
    except ConfigurationError as error:
        raise Problem(
            HTTPStatus.CONFLICT, f"There are {MAX_KEYS} tokens that are not revoked; revoke some."
        ) from error
    return NewTokenOut(**token_out(token).model_dump(), token=secret.text)


async def refuse_stronger(ctx: ApiContext, tenant: str, scopes: frozenset[str], token: str) -> None:
    """A secret is only given out to who could have made the token."""
    found = await Administration(ctx.store.engine).key(Kind.TOKEN, tenant, token)
    beyond = [] if found is None else sorted(found.scopes - scopes)
    if beyond:
        raise Problem(
            HTTPStatus.FORBIDDEN, f"That token has the scope `{beyond[0]}`, which this one has not itself."
        )


async def rotated_token(ctx: ApiContext, tenant: str, token: str, body: RotateIn | None) -> NewTokenOut:
    overlap = timedelta(minutes=(body or RotateIn()).overlap_minutes)
    rotated = await rotate_key(ctx.store, Kind.TOKEN, tenant, token, ctx.clock.utcnow(), overlap)
    if rotated is None:
        raise not_found("token that lives")
    return NewTokenOut(**token_out(rotated[0]).model_dump(), token=rotated[1].text)


async def revoked_token(ctx: ApiContext, tenant: str, token: str) -> TokenOut:
    found = await Administration(ctx.store.engine).revoke_key(Kind.TOKEN, tenant, token, ctx.clock.utcnow())
    if found is None:
        raise not_found("token")
    return token_out(found)


def token_out(token: Token) -> TokenOut:
    return TokenOut(
        id=token.id,
        name=token.name,
        scopes=sorted(token.scopes),
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
        revoked_at=token.revoked_at,
        previous_until=token.previous_until,
    )


def audit_place(cursor: str) -> AuditPlace | None:
    if not cursor:
        return None
    try:
        at, chain, n = orjson.loads(decode_id(cursor))
        place = AuditPlace(int(at), str(chain), int(n))
    except (ValueError, TypeError, OverflowError) as error:
        raise strange_cursor() from error
    if max(abs(place.at), abs(place.n)) >= _NUMBERS:
        raise strange_cursor()
    return place


def next_place(page: list[KeptLine]) -> str:
    place = page[-1].place
    return encode_id(orjson.dumps([place.at, place.chain, place.n]).decode())


def line_document(line: KeptLine) -> dict[str, Any]:
    return {**orjson.loads(line.line.text), "hash": line.line.hash}
