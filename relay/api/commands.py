"""Commands: to ask a connection or an agent for something, and to see how it went."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Body, Depends, Query, Response

from relay import kinds
from relay.api.command_schemas import CommandList, CommandOut, DiscoverIn, RequeueIn, SyncIn
from relay.api.commanding import (
    COMMAND_RESPONSES,
    WAIT_APPLIED,
    Ask,
    Asked,
    AskOptions,
    Nothing,
    WaitSeconds,
    awaited,
    cancelled,
    command_out,
    submit,
    synced,
)
from relay.api.context import CommandingTenant, Context, Tenant
from relay.api.cursors import decode_id, encode_id
from relay.api.exact import exact_body
from relay.api.problems import not_found
from relay.lifecycle import CommandState
from relay.store import roster
from relay.store.base import CommandFilter

router = APIRouter(tags=["commands"])
asking = APIRouter(tags=["commands"], responses=COMMAND_RESPONSES, dependencies=[Depends(exact_body)])
of_connection = APIRouter(prefix="/connections/{connection}")

MAX_NAME: Final = 200
Filter = Annotated[str, Query(max_length=MAX_NAME)]
_STATES: Final = "|".join(CommandState)


@router.get("/commands", summary="List commands, newest first")
async def list_commands(  # noqa: PLR0913, RUF100 - one parameter per filter
    ctx: Context,
    tenant: Tenant,
    connection: Filter = "",
    kind: Filter = "",
    state: Annotated[str, Query(pattern=f"^({_STATES})?$", description="Only in this state.")] = "",
    agent: Filter = "",
    cursor: Annotated[str, Query(description="`nextCursor` of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=500, description="How many at most.")] = 100,
) -> CommandList:
    await ctx.store.expire_commands(ctx.clock.utcnow())
    wanted = CommandFilter(connection, kind, CommandState(state) if state else None, agent)
    found = await ctx.store.commands(tenant, wanted, before=decode_id(cursor), limit=limit + 1)
    page = found[:limit]
    return CommandList(
        items=[command_out(ctx, command) for command in page],
        next_cursor=encode_id(page[-1].id) if len(found) > limit else None,
    )


@router.get("/commands/{command}", summary="Get one command, its outcome and its history")
async def get_command(
    ctx: Context, tenant: Tenant, command: str, wait: WaitSeconds, response: Response
) -> CommandOut:
    """With `Prefer: wait=N` the answer comes when the outcome is there, or after N seconds."""
    found = await ctx.store.command(tenant, command)
    if found is None:
        raise not_found("command")
    if wait > 0:
        response.headers.update(WAIT_APPLIED)
    return command_out(ctx, await awaited(ctx, found, wait))


@asking.post(
    "/commands/{command}/cancel",
    status_code=HTTPStatus.ACCEPTED,
    summary="Ask for a command to be cancelled",
)
async def cancel_command(  # noqa: PLR0913, RUF100 - what FastAPI injects
    ctx: Context,
    tenant: CommandingTenant,
    command: str,
    options: AskOptions,
    response: Response,
    _body: Nothing = None,
) -> CommandOut:
    """A command that was never sent is cancelled at once. For the rest this is a command itself: its outcome says
    what became of the wish, and the other command's outcome what became of that.
    """
    return await cancelled(ctx, tenant, command, options, response)


@of_connection.post(
    "/syncs",
    status_code=HTTPStatus.ACCEPTED,
    summary="Start a sync, a full re-sync, or one from a moment on",
)
async def start_sync(asked: Asked, body: Annotated[SyncIn | None, Body()] = None) -> CommandOut:
    return await synced(asked, body or SyncIn())


@of_connection.post(
    "/discover",
    status_code=HTTPStatus.ACCEPTED,
    summary="Ask what tables and columns the source has",
)
async def discover(asked: Asked, body: Annotated[DiscoverIn | None, Body()] = None) -> CommandOut:
    return await asked.send(kinds.DISCOVER, tables=None if body is None else body.tables)


@of_connection.post(
    "/dead-letters/requeue",
    status_code=HTTPStatus.ACCEPTED,
    summary="Have dead letters tried again",
)
async def requeue(asked: Asked, body: Annotated[RequeueIn | None, Body()] = None) -> CommandOut:
    chosen = body or RequeueIn()
    return await asked.send(kinds.REQUEUE, keys=chosen.keys, stream=chosen.stream)


@asking.post(
    "/agents/{agent}/diagnostics",
    status_code=HTTPStatus.ACCEPTED,
    summary="Ask an agent how it is",
)
async def diagnostics(  # noqa: PLR0913, RUF100 - what FastAPI injects
    ctx: Context,
    tenant: CommandingTenant,
    agent: str,
    options: AskOptions,
    response: Response,
    _body: Nothing = None,
) -> CommandOut:
    found = await ctx.store.engine.read(lambda db: roster.agent(db, tenant, agent))
    if found is None:
        raise not_found("agent")
    return await submit(ctx, Ask(tenant, found.id, None, kinds.DIAGNOSTICS, {}), options, response)


def _without_arguments(path: str, kind: str, summary: str) -> None:
    @of_connection.post(
        f"/{path}",
        status_code=HTTPStatus.ACCEPTED,
        summary=summary,
        operation_id=f"{kind}_connection",
    )
    async def command(asked: Asked, _body: Nothing = None) -> CommandOut:
        return await asked.send(kind)


_without_arguments("pause", kinds.PAUSE, "Pause the syncs of a connection")
_without_arguments("resume", kinds.RESUME, "Let the syncs of a connection go on")
_without_arguments("test", kinds.TEST, "Test a connection hop by hop")
asking.include_router(of_connection)
