"""Sync runs, commands and dead letters."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Body, Header, Query, Response

from agent.model.entities import ENTITIES
from relay.api.context import ApiContext, Context, Tenant
from relay.api.cursors import decode_id, decode_place, encode_id, encode_place
from relay.api.problems import Problem, not_found
from relay.api.schemas import (
    CommandList,
    CommandOut,
    DeadLetterList,
    DeadLetterOut,
    SyncIn,
    SyncRunList,
    SyncRunOut,
)
from relay.identities import new_id
from relay.store.base import Command, CommandState, Connection, DeadLetterRow, Place, RunRow

router = APIRouter()

DEADLINE: Final = timedelta(hours=24)  # an agent that was away for longer syncs by its own schedule anyway
SYNC_COMMAND: Final = "sync"

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


@router.post(
    "/connections/{connection}/syncs",
    tags=["sync runs"],
    status_code=HTTPStatus.ACCEPTED,
    summary="Start a sync, or a full re-sync",
    responses={HTTPStatus.CONFLICT: {"description": "The idempotency key was used for another request."}},
)
async def start_sync(
    ctx: Context,
    tenant: Tenant,
    connection: str,
    response: Response,
    body: Annotated[SyncIn, Body()],
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=200,
            description="Makes the request safe to repeat: the same key answers with the same command.",
        ),
    ] = None,
) -> CommandOut:
    found = await ctx.store.connection(tenant, connection)
    if found is None:
        raise not_found("connection")
    _check_entities(body.entities)
    command = await ctx.store.add_command(_sync_command(ctx, found, body, idempotency_key))
    if command.body_hash != _body_hash(connection, body):
        raise Problem(HTTPStatus.CONFLICT, "The idempotency key was used for another request.")
    if command.state is CommandState.QUEUED:
        await ctx.agents.dispatch(command)
    response.headers["Location"] = f"/api/v1/commands/{command.id}"
    return command_out(await ctx.store.command(tenant, command.id) or command)


def _check_entities(entities: list[str]) -> None:
    for entity in entities:
        if entity not in ENTITIES:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"There is no such entity; there are {', '.join(sorted(ENTITIES))}.",
            )


def _sync_command(ctx: ApiContext, connection: Connection, body: SyncIn, key: str | None) -> Command:
    now = ctx.clock.utcnow()
    command_id = new_id("cmd", now)
    return Command(
        id=command_id,
        tenant=connection.tenant,
        agent=connection.agent,
        connection=connection.id,
        kind=SYNC_COMMAND,
        body={"connection": connection.status.name, **body.model_dump(mode="json", exclude_defaults=True)},
        idempotency_key=key or command_id,
        body_hash=_body_hash(connection.id, body),
        state=CommandState.QUEUED,
        created_at=now,
        updated_at=now,
        deadline=now + DEADLINE,
    )


def _body_hash(connection: str, body: SyncIn) -> bytes:
    asked: dict[str, Any] = {"connection": connection, **body.model_dump(mode="json")}
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).digest()


@router.get("/commands", tags=["commands"], summary="List commands, newest first")
async def list_commands(
    ctx: Context,
    tenant: Tenant,
    connection: ConnectionFilter = "",
    cursor: Cursor = "",
    limit: Limit = 100,
) -> CommandList:
    await ctx.store.expire_commands(ctx.clock.utcnow())
    found = await ctx.store.commands(tenant, connection=connection, before=decode_id(cursor), limit=limit + 1)
    page = found[:limit]
    return CommandList(
        items=[command_out(command) for command in page],
        next_cursor=encode_id(page[-1].id) if len(found) > limit else None,
    )


@router.get("/commands/{command}", tags=["commands"], summary="Get one command")
async def get_command(ctx: Context, tenant: Tenant, command: str) -> CommandOut:
    await ctx.store.expire_commands(ctx.clock.utcnow())
    found = await ctx.store.command(tenant, command)
    if found is None:
        raise not_found("command")
    return command_out(found)


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


def command_out(command: Command) -> CommandOut:
    return CommandOut(
        id=command.id,
        connection=command.connection,
        agent=command.agent,
        kind=command.kind,
        body=dict(command.body),
        state=command.state,
        result=None if command.result is None else dict(command.result),
        created_at=command.created_at,
        updated_at=command.updated_at,
        deadline=command.deadline,
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
