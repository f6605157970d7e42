"""Agents, enrolment codes and connections."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body

from relay.api.command_schemas import OperationList, OperationOut
from relay.api.context import ApiContext, CommandingTenant, Context, Tenant
from relay.api.problems import not_found
from relay.api.schemas import (
    AgentList,
    AgentOut,
    ConnectionDetail,
    ConnectionList,
    ConnectionOut,
    EnrolmentCodeIn,
    EnrolmentCodeOut,
    StreamOut,
)
from relay.api.work import sync_run_out
from relay.identities import create_code
from relay.store.base import Agent, Connection, StreamPosition

router = APIRouter()


@router.get("/agents", tags=["agents"], summary="List agents")
async def list_agents(ctx: Context, tenant: Tenant) -> AgentList:
    return AgentList(items=[_agent_out(ctx, agent) for agent in await ctx.store.agents(tenant)])


@router.get("/agents/{agent}", tags=["agents"], summary="Get one agent")
async def get_agent(ctx: Context, tenant: Tenant, agent: str) -> AgentOut:
    found = await ctx.store.agent(agent)
    if found is None or found.tenant != tenant:
        raise not_found("agent")
    return _agent_out(ctx, found)


@router.post(
    "/enrolment-codes",
    tags=["agents"],
    status_code=HTTPStatus.CREATED,
    summary="Create a one-time code with which an agent enrols",
)
async def create_enrolment_code(
    ctx: Context, tenant: CommandingTenant, body: Annotated[EnrolmentCodeIn, Body()]
) -> EnrolmentCodeOut:
    code, kept = await create_code(
        ctx.store,
        tenant,
        agent_name=body.agent_name,
        lifetime=timedelta(minutes=body.minutes),
        now=ctx.clock.utcnow(),
    )
    return EnrolmentCodeOut(code=code.shown, agent_name=kept.agent_name, expires_at=kept.expires_at)


@router.get("/connections", tags=["connections"], summary="List connections")
async def list_connections(ctx: Context, tenant: Tenant) -> ConnectionList:
    found = await ctx.store.connections(tenant)
    return ConnectionList(items=[_connection_out(ctx, connection) for connection in found])


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
