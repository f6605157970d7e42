"""Sync runs."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query, Response

from relay.api.command_schemas import CommandOut, SyncRunIn
from relay.api.commanding import (
    COMMAND_RESPONSES,
    Asking,
    AskOptions,
    Nothing,
    cancelled,
    connection_of,
    synced,
)
from relay.api.context import ApiContext, CommandingTenant, Context, Tenant
from relay.api.cursors import decode_id, encode_id
from relay.api.exact import exact_body
from relay.api.problems import Problem, not_found
from relay.api.running import RUNNING, SYNC_KINDS, runs_under_way, starter_of
from relay.api.schemas import SyncRunList, SyncRunOut
from relay.store.base import RunRow

router = APIRouter()
starting = APIRouter(tags=["sync runs"], responses=COMMAND_RESPONSES, dependencies=[Depends(exact_body)])

Cursor = Annotated[str, Query(description="`nextCursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
ConnectionFilter = Annotated[str, Query(description="Only of this connection.")]


@router.get("/sync-runs", tags=["sync runs"], summary="List sync runs, newest first")
async def list_sync_runs(  # noqa: PLR0913, RUF100 - one parameter per filter
    ctx: Context,
    tenant: Tenant,
    connection: ConnectionFilter = "",
    status: Annotated[
        str,
        Query(
            pattern="^(running|succeeded|failed|cancelled)?$",
            description="Only in this state. `running`: those under way, as their agents told last, in one page; "
            "every other list has those that have ended.",
            examples=["succeeded"],
        ),
    ] = "",
    cursor: Cursor = "",
    limit: Limit = 100,
) -> SyncRunList:
    if status == RUNNING:
        return SyncRunList(items=(await runs_under_way(ctx, tenant, connection))[:limit], next_cursor=None)
    found = await ctx.index.runs(
        tenant, connection=connection, status=status, before=decode_id(cursor), limit=limit + 1
    )
    page = found[:limit]
    return SyncRunList(
        items=[sync_run_out(run) for run in page],
        next_cursor=encode_id(page[-1].run) if len(found) > limit else None,
    )


@router.get(
    "/sync-runs/{run}", tags=["sync runs"], summary="Get one sync run, under way with its progress or ended"
)
async def get_sync_run(ctx: Context, tenant: Tenant, run: str) -> SyncRunOut:
    found = await ctx.index.run(tenant, run)
    if found is not None:
        return sync_run_out(found)
    return await _under_way(ctx, tenant, run)


async def _under_way(ctx: ApiContext, tenant: str, run: str) -> SyncRunOut:
    found = next((one for one in await runs_under_way(ctx, tenant) if one.run == run), None)
    if found is None:
        raise not_found("sync run")
    return found


@starting.post("/sync-runs", status_code=HTTPStatus.ACCEPTED, summary="Start a sync or a full re-sync")
async def start_sync_run(
    ctx: Context,
    tenant: CommandingTenant,
    body: Annotated[SyncRunIn, Body()],
    options: AskOptions,
    response: Response,
) -> CommandOut:
    """A command to the connection's agent, which makes one run of each stream. The same as
    `POST /connections/{connection}/syncs`.
    """
    connection = await connection_of(ctx, tenant, body.connection)
    return await synced(Asking(ctx, connection, options, response), body)


@starting.post(
    "/sync-runs/{run}/cancel",
    status_code=HTTPStatus.ACCEPTED,
    summary="Ask for a sync run, or for the command that started it, to be cancelled",
)
async def cancel_sync_run(  # noqa: PLR0913, RUF100 - what FastAPI injects
    ctx: Context,
    tenant: CommandingTenant,
    run: str,
    options: AskOptions,
    response: Response,
    _body: Nothing = None,
) -> CommandOut:
    """`run` is a run's id, or that of the command that a sync was asked with. All runs of the command end; what they
    have read stays.
    """
    asked = await ctx.store.command(tenant, run)
    if asked is None or asked.kind not in SYNC_KINDS:
        asked = await starter_of(ctx, tenant, await _cancellable(ctx, tenant, run))
    if asked is None:
        raise Problem(
            HTTPStatus.CONFLICT,
            "No command started this run: its agent's schedule did, or somebody at the agent's host. Pausing the "
            "connection ends it.",
        )
    return await cancelled(ctx, tenant, asked.id, options, response)


async def _cancellable(ctx: ApiContext, tenant: str, run: str) -> SyncRunOut:
    ended = await ctx.index.run(tenant, run)
    if ended is not None:
        raise Problem(
            HTTPStatus.CONFLICT,
            f"The run has ended already, as {ended.status}: there is nothing left to cancel.",
        )
    return await _under_way(ctx, tenant, run)


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
