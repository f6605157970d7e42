"""Sync runs and dead letters."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from relay.api.context import Context, Tenant
from relay.api.cursors import decode_id, decode_place, encode_id, encode_place
from relay.api.problems import not_found
from relay.api.schemas import DeadLetterList, DeadLetterOut, SyncRunList, SyncRunOut
from relay.store.base import DeadLetterRow, Place, RunRow

router = APIRouter()

Cursor = Annotated[str, Query(description="`nextCursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
ConnectionFilter = Annotated[str, Query(description="Only of this connection.")]


@router.get("/sync-runs", tags=["sync runs"], summary="List sync runs, newest first")
async def list_sync_runs(
    ctx: Context,
    tenant: Tenant,
    connection: ConnectionFilter = "",
    status: Annotated[str, Query(description="running, succeeded, failed or cancelled")] = "",
    cursor: Cursor = "",
    limit: Limit = 100,
) -> SyncRunList:
    found = await ctx.index.runs(
        tenant, connection=connection, status=status, before=decode_id(cursor), limit=limit + 1
    )
    page = found[:limit]
    return SyncRunList(
        items=[sync_run_out(run) for run in page],
        next_cursor=encode_id(page[-1].run) if len(found) > limit else None,
    )


@router.get("/sync-runs/{run}", tags=["sync runs"], summary="Get one sync run")
async def get_sync_run(ctx: Context, tenant: Tenant, run: str) -> SyncRunOut:
    found = await ctx.index.run(tenant, run)
    if found is None:
        raise not_found("sync run")
    return sync_run_out(found)


@router.get("/dead-letters", tags=["dead letters"], summary="List open dead letters in the order they came")
async def list_dead_letters(
    ctx: Context,
    tenant: Tenant,
    connection: ConnectionFilter = "",
    cursor: Cursor = "",
    limit: Limit = 100,
) -> DeadLetterList:
    """Records that could not pass. One is settled, and no longer listed, when its record or its tombstone comes."""
    after = decode_place(cursor)
    found = await ctx.index.dead_letters(tenant, connection=connection, after=after, limit=limit + 1)
    page = found[:limit]
    reached = Place(page[-1].position, page[-1].row) if page else after
    return DeadLetterList(
        items=[_dead_letter_out(letter) for letter in page],
        next_cursor=encode_place(reached),
        has_more=len(found) > limit,
    )


def sync_run_out(run: RunRow) -> SyncRunOut:
    return SyncRunOut.model_validate(
        {
            **run.report,
            "run": run.run,
            "connection": run.connection,
            "stream": run.stream,
            "entity": run.entity,
        }
    )


def _dead_letter_out(letter: DeadLetterRow) -> DeadLetterOut:
    return DeadLetterOut(
        connection=letter.connection,
        stream=letter.stream,
        entity=letter.entity,
        run=letter.run,
        key=letter.key,
        field=letter.field,
        reason=letter.reason,
        message=letter.message,
        received_at=letter.received_at,
    )
