"""Agents, enrolment codes and connections."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Body, Path, Query

from relay.acting import acting
from relay.api.command_schemas import OperationList, OperationOut
from relay.api.context import ApiContext, Context, EnrollingTenant, Tenant
from relay.api.cursors import decode_id, encode_id
from relay.api.problems import Problem, not_found
from relay.api.schemas import (
    AgentList,
    AgentOut,
    ConnectionDetail,
    ConnectionList,
    ConnectionOut,
    EnrolmentCodeIn,
    EnrolmentCodeList,
    EnrolmentCodeOut,
    ListedCodeOut,
    StreamOut,
)
from relay.api.work import Cursor, Limit, sync_run_out
from relay.identities import create_code
from relay.store import audited, roster
from relay.store.base import Agent, Connection, StreamPosition

router = APIRouter()

MAX_NAME: Final = 200


@router.get("/agents", tags=["agents"], summary="List agents in the order of their enrolment")
async def list_agents(
    ctx: Context,
    tenant: Tenant,
    name: Annotated[str, Query(max_length=MAX_NAME, description="Only the one of this name.")] = "",
    cursor: Cursor = "",
    limit: Limit = 100,
) -> AgentList:
    after = decode_id(cursor)
    found = await ctx.store.engine.read(
        lambda db: roster.agents(db, tenant, name=name, after=after, limit=limit + 1)
    )
    page = found[:limit]
    return AgentList(
        items=[_agent_out(ctx, agent) for agent in page],
        next_cursor=encode_id(page[-1].id) if len(found) > limit else None,
    )


@router.get("/agents/{agent}", tags=["agents"], summary="Get one agent")
async def get_agent(ctx: Context, tenant: Tenant, agent: str) -> AgentOut:
    found = await ctx.store.engine.read(lambda db: roster.agent(db, tenant, agent))
    if found is None:
        raise not_found("agent")
    return _agent_out(ctx, found)


@router.delete(
    "/agents/{agent}",
    tags=["agents"],
    status_code=HTTPStatus.NO_CONTENT,
    summary="Revoke an agent: its identity is refused from now on",
)
async def revoke_agent(ctx: Context, tenant: EnrollingTenant, agent: str) -> None:
    """Its session ends, and its open commands with it: those that no agent has seen are `cancelled`, the others
    `in_doubt`. What it sent stays, and so do its connections: an agent that enrols with a code bound to its name takes
    them over.
    """
    now, by = ctx.clock.utcnow(), acting()
    found = await ctx.store.engine.write(lambda db: audited.revoke_agent(db, tenant, agent, now, by))
    if found is None:
        raise not_found("agent")
    ctx.agents.revoke(agent)
    for command in found.commands:
        ctx.waiters.changed(command)


@router.post(
    "/enrolment-codes",
    tags=["agents"],
    status_code=HTTPStatus.CREATED,
    summary="Create a one-time code with which an agent enrols",
)
async def create_enrolment_code(
    ctx: Context, tenant: EnrollingTenant, body: Annotated[EnrolmentCodeIn, Body()]
) -> EnrolmentCodeOut:
    code, kept = await create_code(
        ctx.store,
        tenant,
        agent_name=body.agent_name,
        lifetime=timedelta(minutes=body.minutes),
        now=ctx.clock.utcnow(),
    )
    return EnrolmentCodeOut(
        id=kept.id, code=code.shown, agent_name=kept.agent_name, expires_at=kept.expires_at
    )


@router.get(
    "/enrolment-codes",
    tags=["agents"],
    summary="List the codes that have not expired, without their secret part",
)
async def list_enrolment_codes(
    ctx: Context, tenant: EnrollingTenant, cursor: Cursor = "", limit: Limit = 100
) -> EnrolmentCodeList:
    after, now = decode_id(cursor), ctx.clock.utcnow()
    found = await ctx.store.engine.read(
        lambda db: roster.codes(db, tenant, now, after=after, limit=limit + 1)
    )
    page = found[:limit]
    return EnrolmentCodeList(
        items=[_code_out(code) for code in page],
        next_cursor=encode_id(page[-1].id) if len(found) > limit else None,
    )


@router.delete(
    "/enrolment-codes/{code}",
    tags=["agents"],
    status_code=HTTPStatus.NO_CONTENT,
    summary="Revoke an enrolment code that was not used",
)
async def revoke_enrolment_code(
    ctx: Context,
    tenant: EnrollingTenant,
    code: Annotated[str, Path(max_length=MAX_NAME, description="Its `id`: the first part of the code.")],
) -> None:
    now, by = ctx.clock.utcnow(), acting()
    found = await ctx.store.engine.write(lambda db: audited.revoke_code(db, tenant, code, now, by))
    if found is None:
        raise not_found("enrolment code")
    if found.used:
        raise Problem(HTTPStatus.CONFLICT, "An agent has used this code already; revoke the agent instead.")


@router.get("/connections", tags=["connections"], summary="List connections in the order of their ids")
async def list_connections(
    ctx: Context,
    tenant: Tenant,
    agent: Annotated[str, Query(max_length=MAX_NAME, description="Only of the agent with this id.")] = "",
    cursor: Cursor = "",
    limit: Limit = 100,
) -> ConnectionList:
    after = decode_id(cursor)
    found = await ctx.store.engine.read(
        lambda db: roster.connections(db, tenant, agent_id=agent, after=after, limit=limit + 1)
    )
    page = found[:limit]
    return ConnectionList(
        items=[_connection_out(ctx, connection) for connection in page],
        next_cursor=encode_id(page[-1].id) if len(found) > limit else None,
    )


@router.get(
    "/connections/{connection}",
    tags=["connections"],
    summary="Get one connection with its streams and last runs",
)
async def get_connection(ctx: Context, tenant: Tenant, connection: str) -> ConnectionDetail:
    found = await ctx.store.connection(tenant, connection)
    if found is None:
        raise not_found("connection")
    streams = await ctx.store.stream_positions(tenant, connection)
    runs = await ctx.index.last_runs(tenant, connection)
    return ConnectionDetail(
        **_connection_out(ctx, found).model_dump(),
        streams=[_stream_out(stream) for stream in streams],
        last_runs=[sync_run_out(run) for run in runs],
    )


@router.get(
    "/connections/{connection}/operations",
    tags=["connections"],
    summary="Get what can be written through a connection",
)
async def get_operations(ctx: Context, tenant: Tenant, connection: str) -> OperationList:
    """Its agent publishes them: what the system can do, what that needs, and whether the local policy allows it."""
    found = await ctx.store.connection(tenant, connection)
    if found is None:
        raise not_found("connection")
    told = found.status.operations
    return OperationList(
        items=[OperationOut.model_validate(dict(operation)) for operation in told or ()],
        told=told is not None,
        updated_at=found.updated_at,
    )


def _agent_out(ctx: ApiContext, agent: Agent) -> AgentOut:
    return AgentOut(
        id=agent.id,
        name=agent.name,
        connected=ctx.agents.connected(agent.id),
        software=agent.software,
        epoch=agent.epoch,
        enrolled_at=agent.enrolled_at,
        last_seen_at=agent.last_seen_at,
    )


def _code_out(code: roster.ListedCode) -> ListedCodeOut:
    return ListedCodeOut(
        id=code.id,
        agent_name=code.agent_name,
        used=code.used,
        created_at=code.created_at,
        expires_at=code.expires_at,
    )


def _connection_out(ctx: ApiContext, connection: Connection) -> ConnectionOut:
    status = connection.status
    return ConnectionOut(
        id=connection.id,
        name=status.name,
        agent=connection.agent,
        connected=ctx.agents.connected(connection.agent),
        system=status.system,
        driver=status.driver,
        state=status.state,
        error=None if status.error is None else dict(status.error),
        told_streams=[dict(stream) for stream in status.streams],
        paused=status.paused,
        commands=None if status.commands is None else list(status.commands),
        updated_at=connection.updated_at,
    )


def _stream_out(stream: StreamPosition) -> StreamOut:
    return StreamOut(
        name=stream.stream.partition("/")[2],
        entity=stream.entity,
        last_seq=stream.last_seq,
        records=stream.records,
        updated_at=stream.updated_at,
    )
