"""How agents and connections are, the fleet as a whole, and alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from relay.api.context import ApiContext, CommandingTenant, Context, Tenant
from relay.api.cursors import decode_id, encode_id
from relay.api.health_schemas import (
    AgentHealthOut,
    AlertList,
    AlertOut,
    AlertRuleIn,
    AlertRuleList,
    AlertRuleOut,
    BacklogOut,
    CertificateOut,
    ConnectionHealthOut,
    ConnectionStateOut,
    CountsOut,
    CredentialsOut,
    ErrorOut,
    FleetAgentOut,
    FleetOut,
    OutboxOut,
    ReasonOut,
)
from relay.api.problems import not_found
from relay.health.alerts import Alert
from relay.health.facts import AgentFacts, Certificate, ConnectionFacts, Waiting
from relay.health.judging import HealthState, Reason, Verdict, judge_agent, judge_connection
from relay.health.keeping import HealthStore
from relay.health.rules import KINDS, Rule, Rules, Setting

router = APIRouter()

Cursor = Annotated[str, Query(description="`nextCursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]


class AlertStanding(StrEnum):
    STANDING = "standing"
    CLEARED = "cleared"


@router.get("/agents/{agent}/health", tags=["health"], summary="Get an agent's health")
async def get_agent_health(ctx: Context, tenant: Tenant, agent: str) -> AgentHealthOut:
    now = ctx.clock.utcnow()
    found = await HealthStore(ctx.store.engine).agent(tenant, agent, now)
    if found is None:
        raise not_found("agent")
    rules, (kept, connections) = found
    judged = _judged(ctx, kept, connections, rules, now)
    return _agent_health(judged)


@router.get("/connections/{connection}/health", tags=["health"], summary="Get a connection's health")
async def get_connection_health(ctx: Context, tenant: Tenant, connection: str) -> ConnectionHealthOut:
    now = ctx.clock.utcnow()
    found = await HealthStore(ctx.store.engine).connection(tenant, connection, now)
    if found is None:
        raise not_found("connection")
    rules, kept, facts, position = found
    agent = _as_now(ctx, kept, now)
    return _connection_health(facts, agent, judge_connection(facts, agent, rules, now), position)


@router.get("/fleet", tags=["health"], summary="See all agents, the worst first")
async def get_fleet(
    ctx: Context,
    tenant: Tenant,
    state: Annotated[HealthState | None, Query(description="Only agents of this state.")] = None,
    cursor: Cursor = "",
    limit: Limit = 100,
) -> FleetOut:
    """A view of this moment. Between two pages an agent may become better or worse, and be met twice or not at all:
    whoever has to know of every change follows alerts and events.
    """
    now = ctx.clock.utcnow()
    rules, agents = await HealthStore(ctx.store.engine).fleet(tenant, now)
    # Beside the loop: of a thousand agents it takes a tenth of a second.
    judged = await asyncio.to_thread(
        lambda: [_judged(ctx, agent, connections, rules, now) for agent, connections in agents]
    )
    after = decode_id(cursor)
    listed = sorted(
        (one for one in judged if (state is None or one.state is state) and one.place > after),
        key=lambda one: one.place,
    )
    page = listed[:limit]
    more = len(listed) > limit
    return FleetOut(
        as_of=now,
        agents=_counts(one.state for one in judged),
        connections=_counts(verdict.state for one in judged for _, verdict in one.connections),
        items=[_fleet_agent(one) for one in page],
        next_cursor=encode_id(page[-1].place) if more else None,
        has_more=more,
    )


@router.get("/alerts", tags=["alerts"], summary="List alerts, newest first")
async def list_alerts(
    ctx: Context,
    tenant: Tenant,
    state: Annotated[AlertStanding | None, Query(description="Only those that stand, or are over.")] = None,
    agent: Annotated[str, Query(description="Only of this agent and its connections.")] = "",
    connection: Annotated[str, Query(description="Only of this connection.")] = "",
    cursor: Cursor = "",
    limit: Limit = 100,
) -> AlertList:
    found = await HealthStore(ctx.store.engine).alerts(
        tenant,
        standing=None if state is None else state is AlertStanding.STANDING,
        agent=agent,
        connection=connection,
        before=decode_id(cursor),
        limit=limit + 1,
    )
    page = found[:limit]
    return AlertList(
        items=[_alert(one) for one in page],
        next_cursor=encode_id(page[-1].id) if len(found) > limit else None,
    )


@router.get("/alerts/{alert}", tags=["alerts"], summary="Get one alert")
async def get_alert(ctx: Context, tenant: Tenant, alert: str) -> AlertOut:
    found = await HealthStore(ctx.store.engine).alert(tenant, alert)
    if found is None:
        raise not_found("alert")
    return _alert(found)


@router.get("/alert-rules", tags=["alerts"], summary="List the rules by which alerts are raised")
async def list_alert_rules(ctx: Context, tenant: Tenant) -> AlertRuleList:
    rules = await HealthStore(ctx.store.engine).rules(tenant)
    return AlertRuleList(items=[_rule(rule, rules[rule]) for rule in Rule])


@router.put("/alert-rules/{rule}", tags=["alerts"], summary="Change a rule's threshold, or switch it off")
async def put_alert_rule(
    ctx: Context, tenant: CommandingTenant, rule: Rule, body: Annotated[AlertRuleIn, Body()]
) -> AlertRuleOut:
    """What stands is looked at anew by the changed rule, within a minute."""
    setting = Setting(body.threshold, body.enabled)
    await HealthStore(ctx.store.engine).set_rule(tenant, rule, setting, ctx.clock.utcnow())
    return _rule(rule, setting)


@router.delete(
    "/alert-rules/{rule}",
    tags=["alerts"],
    status_code=HTTPStatus.NO_CONTENT,
    summary="Let a rule go by the relay's default again",
)
async def delete_alert_rule(ctx: Context, tenant: CommandingTenant, rule: Rule) -> Response:
    await HealthStore(ctx.store.engine).set_rule(tenant, rule, None, ctx.clock.utcnow())
    return Response(status_code=HTTPStatus.NO_CONTENT)


@dataclass(frozen=True, slots=True)
class _Judged:
    agent: AgentFacts
    own: Verdict
    connections: Sequence[tuple[ConnectionFacts, Verdict]]

    @property
    def state(self) -> HealthState:
        states = [self.own.state, *(verdict.state for _, verdict in self.connections)]
        return min(states, key=lambda state: state.rank)

    @property
    def place(self) -> str:
        """In the order of the fleet."""
        return f"{self.state.rank}{self.agent.id}"


def _judged(
    ctx: ApiContext, kept: AgentFacts, connections: Sequence[ConnectionFacts], rules: Rules, now: datetime
) -> _Judged:
    agent = _as_now(ctx, kept, now)
    outlook = ctx.outlook
    own = judge_agent(agent, rules, now, minimum=outlook.minimum, relay_certificate=outlook.certificate())
    verdicts = [(one, judge_connection(one, agent, rules, now)) for one in connections]
    return _Judged(agent, own, verdicts)


def _as_now(ctx: ApiContext, kept: AgentFacts, now: datetime) -> AgentFacts:
    """What is written down is some seconds old: who is connected is known better."""
    if kept.connected or not ctx.agents.connected(kept.id):
        return kept
    return replace(kept, connected=True, seen_at=now)


def _agent_health(judged: _Judged) -> AgentHealthOut:
    agent = judged.agent
    room = agent.room
    return AgentHealthOut(
        agent=agent.id,
        name=agent.name,
        state=judged.own.state,
        reasons=_reasons(judged.own.reasons),
        connected=agent.connected,
        connected_since=agent.connected_since if agent.connected else None,
        last_seen_at=agent.seen_at,
        software=agent.software,
        last_ack_at=agent.last_ack_at,
        lag_seconds=_seconds(agent.lag),
        clock_skew_seconds=_seconds(agent.skew),
        told_at=agent.told_at,
        backlog=None if agent.waiting is None else _backlog(agent.waiting, agent),
        outbox=None
        if room is None
        else OutboxOut(
            high_water_bytes=room.high_water_bytes,
            file_bytes=room.file_bytes,
            disk_bytes=room.disk_bytes,
            disk_free_bytes=room.disk_free_bytes,
            reading_paused=room.reading_paused,
        ),
        certificates=_certificates(agent.certificates),
        connections=[
            ConnectionStateOut(
                connection=facts.id, state=verdict.state, reasons=[reason.code for reason in verdict.reasons]
            )
            for facts, verdict in judged.connections
        ],
    )


def _backlog(waiting: Waiting, agent: AgentFacts | None = None) -> BacklogOut:
    drain = None if agent is None else agent.drain
    return BacklogOut(
        batches=waiting.batches,
        records=waiting.records,
        bytes=waiting.bytes,
        oldest_at=waiting.oldest_at,
        records_per_second=None if drain is None else round(drain.records_per_second, 3),
        bytes_per_second=None if drain is None else round(drain.bytes_per_second, 3),
        empty_in_seconds=None if agent is None else _seconds(agent.empty_in),
        full_in_seconds=None if agent is None else _seconds(agent.full_in),
    )


def _connection_health(
    facts: ConnectionFacts, agent: AgentFacts, verdict: Verdict, position: int | None
) -> ConnectionHealthOut:
    error = None
    if facts.error_code:
        error = ErrorOut(code=facts.error_code, hint=facts.error_hint, since=facts.error_since)
    return ConnectionHealthOut(
        connection=facts.id,
        name=facts.name,
        agent=facts.agent,
        state=verdict.state,
        reasons=_reasons(verdict.reasons),
        agent_connected=agent.connected,
        agent_connected_since=agent.connected_since if agent.connected else None,
        condition=facts.state,
        paused=facts.paused,
        error=error,
        credentials=CredentialsOut(state=facts.credentials.value, refused_since=facts.refused_since),
        next_run_at=facts.next_run_at,
        last_success_at=facts.last_success_at,
        late_since=facts.late_since,
        last_run_dead_letters=facts.dead_letters,
        last_ack_at=facts.last_ack_at,
        last_position=position,
        lag_seconds=_seconds(facts.lag),
        backlog=None if facts.waiting is None else _backlog(facts.waiting),
        certificates=_certificates(facts.certificates),
        told_at=facts.told_at,
    )


def _certificates(known: Iterable[Certificate]) -> list[CertificateOut]:
    return [CertificateOut(hop=one.hop, expires_at=one.expires_at) for one in known]


def _fleet_agent(judged: _Judged) -> FleetAgentOut:
    agent = judged.agent
    return FleetAgentOut(
        agent=agent.id,
        name=agent.name,
        state=judged.state,
        agent_state=judged.own.state,
        reasons=[reason.code for reason in judged.own.reasons],
        connected=agent.connected,
        connected_since=agent.connected_since if agent.connected else None,
        last_seen_at=agent.seen_at,
        last_ack_at=agent.last_ack_at,
        software=agent.software,
        backlog_records=None if agent.waiting is None else agent.waiting.records,
        backlog_bytes=None if agent.waiting is None else agent.waiting.bytes,
        empty_in_seconds=_seconds(agent.empty_in),
        connections=_counts(verdict.state for _, verdict in judged.connections),
    )


def _reasons(reasons: Iterable[Reason]) -> list[ReasonOut]:
    return [ReasonOut(code=one.code, state=one.state, message=one.message, hint=one.hint) for one in reasons]


def _counts(states: Iterable[HealthState]) -> CountsOut:
    counted = dict.fromkeys(HealthState, 0)
    for state in states:
        counted[state] += 1
    return CountsOut(**{state.value: number for state, number in counted.items()})


def _alert(alert: Alert) -> AlertOut:
    return AlertOut(
        id=alert.id,
        rule=alert.rule,
        agent=alert.agent or None,
        connection=alert.connection or None,
        value=alert.value,
        threshold=alert.threshold,
        unit=KINDS[alert.rule].unit,
        message=alert.message,
        hint=alert.hint,
        raised_at=alert.raised_at,
        cleared_at=alert.cleared_at,
    )


def _rule(rule: Rule, setting: Setting) -> AlertRuleOut:
    kind = KINDS[rule]
    return AlertRuleOut(
        rule=rule,
        threshold=setting.threshold,
        unit=kind.unit,
        enabled=setting.enabled,
        default_threshold=kind.default,
    )


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds(), 3)
