"""Connection credits: what of the pool is in use, by which connections, and how it came to that."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Body
from pydantic import Field

from relay.api.accounts import Cursor, Limit
from relay.api.context import Context, ManagingTenant, Tenant
from relay.api.cursors import decode_id, encode_id, strange_cursor
from relay.api.problems import Problem, not_found
from relay.api.schemas import Answer
from relay.api.schemas import Body as Given
from relay.credits import Credits
from relay.store.usage import Held, HistoryLine
from relay.usage import Standing, TooFewCredits, UsageAction

_MAX_DIGITS: Final = 18  # of a number that the store can hold
router = APIRouter(prefix="/usage", tags=["usage"])


class UsageOut(Answer):
    pool: int | None = Field(
        description="Connection credits that the tenant has; null: no bound.", examples=[40]
    )
    in_use: int = Field(examples=[12])
    free: int | None
    over_use: int = Field(
        description="What is in use beyond the pool; it runs, and new connections are refused."
    )
    established: int = Field(description="Connections that hold credits.")
    refused: int = Field(description="Connections that wait for credits.")
    needed: int = Field(description="Credits that the refused ones wait for.")
    released: int = Field(description="Connections whose credits were taken away by `release`.")


class UsedConnectionOut(Answer):
    connection: str = Field(examples=["adventureworks"])
    agent: str
    system: str = Field(examples=["sap-ecc"])
    tier: int = Field(examples=[3])
    on_premises: bool
    credits: int = Field(description="What it costs; held while it is established.", examples=[8])
    standing: Standing
    since: datetime


class UsedConnectionList(Answer):
    items: list[UsedConnectionOut]
    next_cursor: str | None = Field(description="Give it as `cursor` for the page behind; null at the end.")


class UsageLineOut(Answer):
    n: int = Field(description="1, 2, 3 ... without a gap.")
    at: datetime
    action: UsageAction
    connection: str | None = Field(description="null: it is about the pool.")
    credits: int
    in_use: int = Field(description="Credits in use from then on.")
    pool: int | None
    why: str = Field(examples=["established"])
    by_kind: str = Field(examples=["agent"])
    by_name: str


class UsageHistory(Answer):
    items: list[UsageLineOut]
    next_cursor: str | None = Field(description="Give it as `cursor` for the page behind; null at the end.")


class MoveIn(Given):
    source: str = Field(
        min_length=1,
        max_length=200,
        description="The connection that gives its credits up.",
        examples=["erp-old"],
    )
    target: str = Field(
        min_length=1,
        max_length=200,
        description="The connection that is given credits.",
        examples=["erp-new"],
    )


@router.get("", summary="See how much of the pool is in use")
async def get_usage(ctx: Context, tenant: Tenant) -> UsageOut:
    credits_ = Credits(ctx.store.engine, ctx.prices)
    pool, counts = await credits_.pool(tenant), await credits_.counts(tenant)
    refused = counts.get(Standing.REFUSED, (0, 0))
    return UsageOut(
        pool=pool.size,
        in_use=pool.in_use,
        free=None if pool.size is None else max(pool.size - pool.in_use, 0),
        over_use=0 if pool.size is None else max(pool.in_use - pool.size, 0),
        established=counts.get(Standing.ESTABLISHED, (0, 0))[0],
        refused=refused[0],
        needed=refused[1],
        released=counts.get(Standing.RELEASED, (0, 0))[0],
    )


@router.get("/connections", summary="List what each connection holds or waits for")
async def list_used_connections(
    ctx: Context, tenant: Tenant, cursor: Cursor = "", limit: Limit = 100
) -> UsedConnectionList:
    found = await Credits(ctx.store.engine, ctx.prices).connections(tenant, decode_id(cursor), limit + 1)
    page = found[:limit]
    return UsedConnectionList(
        items=[_connection_out(one) for one in page],
        next_cursor=encode_id(page[-1].connection.id) if len(found) > limit else None,
    )


@router.get("/history", summary="List who took and returned how many credits when, newest first")
async def list_usage_history(
    ctx: Context, tenant: Tenant, cursor: Cursor = "", limit: Limit = 100
) -> UsageHistory:
    before = decode_id(cursor)
    if before and not (before.isdecimal() and len(before) <= _MAX_DIGITS):
        raise strange_cursor()
    found = await Credits(ctx.store.engine, ctx.prices).history(
        tenant, int(before) if before else None, limit + 1
    )
    page = found[:limit]
    return UsageHistory(
        items=[_line_out(line) for line in page],
        next_cursor=encode_id(str(page[-1].n)) if len(found) > limit else None,
    )


@router.post("/connections/{connection}/release", summary="Take a connection's credits away")
async def release_credits(ctx: Context, tenant: ManagingTenant, connection: str) -> UsedConnectionOut:
    """Its batches wait at its agent from now on, and nothing is lost. It is established again with `establish` alone."""
    found = await Credits(ctx.store.engine, ctx.prices).release(tenant, connection, ctx.clock.utcnow())
    if found is None:
        raise not_found("connection that holds or waits for credits")
    return _connection_out(found)


@router.post("/connections/{connection}/establish", summary="Give a connection its credits")
async def give_credits(ctx: Context, tenant: ManagingTenant, connection: str) -> UsedConnectionOut:
    """One that was released, or waits. With too few free credits it is answered with 409, and nothing changes."""
    try:
        found = await Credits(ctx.store.engine, ctx.prices).give(tenant, connection, ctx.clock.utcnow())
    except TooFewCredits as error:
        raise _too_few(error) from error
    if found is None:
        raise not_found("connection that holds or waits for credits")
    return _connection_out(found)


@router.post(
    "/moves", status_code=HTTPStatus.NO_CONTENT, summary="Move credits from one connection to another"
)
async def move_credits(ctx: Context, tenant: ManagingTenant, body: Annotated[MoveIn, Body()]) -> None:
    """In one step: `source` is released and `target` established, or, with too few credits, neither."""
    try:
        moved = await Credits(ctx.store.engine, ctx.prices).move(
            tenant, body.source, body.target, ctx.clock.utcnow()
        )
    except TooFewCredits as error:
        raise _too_few(error) from error
    if not moved:
        raise not_found("connection that holds or waits for credits")


def _too_few(error: TooFewCredits) -> Problem:
    return Problem(HTTPStatus.CONFLICT, f"{error}. Release others, or have the pool enlarged.")


def _connection_out(held: Held) -> UsedConnectionOut:
    one = held.connection
    return UsedConnectionOut(
        connection=one.id,
        agent=one.agent,
        system=one.system,
        tier=one.price.tier,
        on_premises=one.price.on_premises,
        credits=one.price.credits,
        standing=one.standing,
        since=held.since,
    )


def _line_out(line: HistoryLine) -> UsageLineOut:
    change = line.change
    return UsageLineOut(
        n=line.n,
        at=line.at,
        action=change.action,
        connection=change.connection or None,
        credits=change.credits,
        in_use=change.in_use,
        pool=change.pool,
        why=change.why,
        by_kind=line.by.kind,
        by_name=line.by.name,
    )
