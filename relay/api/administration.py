"""The operator's routes: tenants, their tokens and pools, and the whole audit log. They take admin keys alone."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Body, Query

from relay.api.account_schemas import (
    NewTokenOut,
    OperatorAuditLineOut,
    OperatorAuditList,
    RotateIn,
    TenantChange,
    TenantIn,
    TenantList,
    TenantOut,
    TokenIn,
    TokenList,
    TokenOut,
)
from relay.api.accounts import (
    ActionFilter,
    Cursor,
    Limit,
    audit_place,
    line_document,
    new_token,
    next_place,
    revoked_token,
    rotated_token,
    token_page,
)
from relay.api.context import ApiContext, Context, Operator
from relay.api.cursors import decode_id, encode_id
from relay.api.problems import Problem, not_found
from relay.credits import Credits
from relay.deeds import OPERATOR, Action
from relay.store.administration import Administration
from relay.store.audit import AuditFilter
from relay.store.base import Tenant

router = APIRouter(prefix="/admin", tags=["operator"])

GRACE_DAYS: Final = 7
LEAST_GRACE: Final = timedelta(minutes=2)  # its agents and requests have ended by then, at every relay


@router.get("/tenants", summary="List tenants")
async def list_tenants(ctx: Context, _by: Operator, cursor: Cursor = "", limit: Limit = 100) -> TenantList:
    found = await Administration(ctx.store.engine).tenants(decode_id(cursor), limit + 1)
    page = found[:limit]
    return TenantList(
        items=[await _tenant_out(ctx, tenant) for tenant in page],
        next_cursor=encode_id(page[-1].id) if len(found) > limit else None,
    )


@router.post("/tenants", status_code=HTTPStatus.CREATED, summary="Make a tenant")
async def create_tenant(ctx: Context, _by: Operator, body: Annotated[TenantIn, Body()]) -> TenantOut:
    tenant = Tenant(body.id, ctx.clock.utcnow())
    if not await ctx.store.add_tenant(tenant):
        raise Problem(HTTPStatus.CONFLICT, "There is a tenant of this id already; take another.")
    return await _tenant_out(ctx, tenant)


@router.get("/tenants/{tenant}", summary="Get one tenant")
async def get_tenant(ctx: Context, _by: Operator, tenant: str) -> TenantOut:
    return await _tenant_out(ctx, await _known(ctx, tenant))


@router.patch(
    "/tenants/{tenant}", summary="Disable or enable a tenant, or change its pool of connection credits"
)
async def change_tenant(
    ctx: Context, _by: Operator, tenant: str, body: Annotated[TenantChange, Body()]
) -> TenantOut:
    """A disabled tenant's tokens open nothing and its agents wait with what they have; nothing of it is lost.

    A tenant that was deleted and is enabled again stays, unless its removal has begun.
    """
    await _staying(ctx, tenant)
    if "credit_pool" in body.model_fields_set:
        await Credits(ctx.store.engine, ctx.prices).resize(tenant, body.credit_pool, ctx.clock.utcnow())
    if body.disabled is not None:
        await Administration(ctx.store.engine).enable_tenant(
            tenant, ctx.clock.utcnow(), enabled=not body.disabled
        )
    return await _tenant_out(ctx, await _known(ctx, tenant))


@router.delete(
    "/tenants/{tenant}",
    status_code=HTTPStatus.ACCEPTED,
    summary="Delete a tenant with everything that it has",
)
async def delete_tenant(
    ctx: Context,
    _by: Operator,
    tenant: str,
    grace_days: Annotated[
        int, Query(alias="graceDays", ge=0, le=365, description="For how long it can be taken back.")
    ] = GRACE_DAYS,
) -> TenantOut:
    """It is disabled at once. When the grace is over everything of it is removed, by and by; `enable` it to keep it."""
    await _staying(ctx, tenant)
    now = ctx.clock.utcnow()
    remove_after = now + max(timedelta(days=grace_days), LEAST_GRACE)
    await Administration(ctx.store.engine).delete_tenant(tenant, now, remove_after)
    return await _tenant_out(ctx, await _known(ctx, tenant))


@router.get("/tenants/{tenant}/tokens", summary="List a tenant's tokens, without their secrets")
async def list_tokens_of_tenant(
    ctx: Context, _by: Operator, tenant: str, cursor: Cursor = "", limit: Limit = 100
) -> TokenList:
    await _known(ctx, tenant)
    return await token_page(ctx, tenant, cursor, limit)


@router.post("/tenants/{tenant}/tokens", status_code=HTTPStatus.CREATED, summary="Make a token for a tenant")
async def create_token_of_tenant(
    ctx: Context, _by: Operator, tenant: str, body: Annotated[TokenIn, Body()]
) -> NewTokenOut:
    await _staying(ctx, tenant)
    return await new_token(ctx, tenant, body)


@router.post("/tenants/{tenant}/tokens/{token}/rotate", summary="Give a tenant's token a new secret")
async def rotate_token_of_tenant(
    ctx: Context, _by: Operator, tenant: str, token: str, body: Annotated[RotateIn | None, Body()] = None
) -> NewTokenOut:
    return await rotated_token(ctx, tenant, token, body)


@router.delete("/tenants/{tenant}/tokens/{token}", summary="Revoke a tenant's token, at once")
async def revoke_token_of_tenant(ctx: Context, _by: Operator, tenant: str, token: str) -> TokenOut:
    return await revoked_token(ctx, tenant, token)


@router.get("/audit", summary="List what was done at this relay, newest first")
async def list_whole_audit(
    ctx: Context,
    _by: Operator,
    tenant: Annotated[
        str | None, Query(max_length=63, description="Only this tenant's chain; empty: the operator's own.")
    ] = None,
    action: ActionFilter = "",
    cursor: Cursor = "",
    limit: Limit = 100,
) -> OperatorAuditList:
    wanted = AuditFilter(tenant, Action(action) if action else None)
    found = await Administration(ctx.store.engine).audit_lines(wanted, audit_place(cursor), limit + 1)
    page = found[:limit]
    return OperatorAuditList(
        items=[
            OperatorAuditLineOut.model_validate(
                {**line_document(line), "tenant": None if line.chain == OPERATOR else line.chain}
            )
            for line in page
        ],
        next_cursor=next_place(page) if len(found) > limit else None,
    )


async def _known(ctx: ApiContext, tenant: str) -> Tenant:
    found = await ctx.store.tenant(tenant)
    if found is None:
        raise not_found("tenant")
    return found


async def _staying(ctx: ApiContext, tenant: str) -> Tenant:
    found = await _known(ctx, tenant)
    if found.removing:
        raise Problem(HTTPStatus.CONFLICT, "This tenant is being removed, which cannot be taken back.")
    return found


async def _tenant_out(ctx: ApiContext, tenant: Tenant) -> TenantOut:
    pool = await Credits(ctx.store.engine, ctx.prices).pool(tenant.id)
    return TenantOut(
        id=tenant.id,
        created_at=tenant.created_at,
        disabled_at=tenant.disabled_at,
        remove_after=tenant.remove_after,
        credit_pool=pool.size,
        credits_in_use=pool.in_use,
    )
