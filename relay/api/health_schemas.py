"""What the API answers about health and alerts."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from relay.api.schemas import Answer, Body
from relay.health.judging import HealthState
from relay.health.rules import MAX_THRESHOLD, Rule

State = HealthState


class ReasonOut(Answer):
    code: str = Field(
        description="A rule's name, an error's code, or a word of its own.", examples=["clock_skew"]
    )
    state: State = Field(description="What this alone would make of it.")
    message: str = Field(examples=["The clocks of agent and relay differ by 180 seconds."])
    hint: str = Field(description="What to try next.")


class BacklogOut(Answer):
    """What waits in the outbox, as the agent told it last."""

    batches: int
    records: int = Field(description="Records and tombstones.")
    bytes: int = Field(description="Of payload, as it travels.")
    oldest_at: datetime | None = Field(description="When the first of it was read, on the agent's clock.")
    records_per_second: float | None = Field(
        default=None, description="By which it becomes less, in the last minutes; below zero it grows."
    )
    bytes_per_second: float | None = None
    empty_in_seconds: float | None = Field(
        default=None, description="At that rate; null: not known, or never at that rate."
    )
    full_in_seconds: float | None = Field(
        default=None, description="Until the outbox takes no more, at that rate; null: not known, or never."
    )


class OutboxOut(Answer):
    high_water_bytes: int | None = Field(description="Of what waits; reading pauses there.")
    file_bytes: int | None
    disk_bytes: int | None
    disk_free_bytes: int | None
    reading_paused: bool | None


class CertificateOut(Answer):
    hop: str = Field(
        description="Whose it is, never a host's name. Of an agent `relay`: what its connection was opened with. Of a"
        " connection `source`, `token` (the server that gives out tokens), `proxy`, `packages` (the store of data"
        " packages) or `client` (the agent's own); a newer agent may name others.",
        examples=["source"],
    )
    expires_at: datetime = Field(description="As it was shown in the last handshake.")


class CountsOut(Answer):
    ok: int = 0
    attention: int = 0
    failing: int = 0


class ConnectionStateOut(Answer):
    connection: str = Field(examples=["adventureworks"])
    state: State
    reasons: list[str] = Field(description="Their codes; the connection's own health has the rest.")


class AgentHealthOut(Answer):
    """An agent's health. Null is what it does not say, such as one of an older version."""

    agent: str
    name: str = Field(examples=["plant-berlin"])
    state: State
    reasons: list[ReasonOut] = Field(description="The worst first; none where all is well.")
    connected: bool
    connected_since: datetime | None
    last_seen_at: datetime | None = Field(description="The last moment at which it was connected.")
    software: str = Field(examples=["groundwire/0.1.0"])
    last_ack_at: datetime | None = Field(description="When a batch of it was stored last.")
    lag_seconds: float | None = Field(
        description="Of that batch: from being read from the source to being stored here, clocks made equal."
    )
    clock_skew_seconds: float | None = Field(description="The agent's clock ahead of the relay's.")
    told_at: datetime | None = Field(description="When it told of itself last.")
    backlog: BacklogOut | None
    outbox: OutboxOut | None
    certificates: list[CertificateOut]
    connections: list[ConnectionStateOut]


class ErrorOut(Answer):
    code: str = Field(examples=["unreachable"])
    hint: str
    since: datetime | None


class CredentialsOut(Answer):
    state: str = Field(description="ok, refused or unknown", examples=["ok"])
    refused_since: datetime | None


class ConnectionHealthOut(Answer):
    """A connection's health. Null is what its agent does not say."""

    connection: str = Field(examples=["adventureworks"])
    name: str
    agent: str
    state: State
    reasons: list[ReasonOut] = Field(description="The worst first; none where all is well.")
    agent_connected: bool
    agent_connected_since: datetime | None
    condition: str = Field(description="The connection's state in its agent's words.", examples=["idle"])
    paused: bool | None
    error: ErrorOut | None
    credentials: CredentialsOut
    next_run_at: datetime | None
    last_success_at: datetime | None = Field(
        description="When a sync run of one of its streams last succeeded."
    )
    late_since: datetime | None = Field(
        description="When the stream that waits longest last succeeded, or was first heard of."
    )
    last_run_dead_letters: int | None = Field(
        description="Of the newest runs of its streams, the most of one."
    )
    last_ack_at: datetime | None = Field(description="When a batch of it was stored last.")
    last_position: int | None = Field(description="That batch's position in the feed.")
    lag_seconds: float | None = Field(
        description="Of that batch: from being read from the source to being stored here, clocks made equal."
    )
    backlog: BacklogOut | None
    certificates: list[CertificateOut] = Field(
        description="That the hops to its source have shown; none where nobody has said, or where no certificate can be seen."
    )
    told_at: datetime | None


class FleetAgentOut(Answer):
    agent: str
    name: str
    state: State = Field(description="The worst of the agent's own and those of its connections.")
    agent_state: State
    reasons: list[str] = Field(description="The codes of the agent's own; its health has the rest.")
    connected: bool
    connected_since: datetime | None
    last_seen_at: datetime | None
    last_ack_at: datetime | None
    software: str
    backlog_records: int | None
    backlog_bytes: int | None
    empty_in_seconds: float | None
    connections: CountsOut


class FleetOut(Answer):
    as_of: datetime
    agents: CountsOut = Field(description="Of all agents, whatever was filtered.")
    connections: CountsOut
    items: list[FleetAgentOut] = Field(description="The worst first.")
    next_cursor: str | None
    has_more: bool


class AlertOut(Answer):
    id: str = Field(examples=["alt_0640f2d3c8a1f00d5b3e9a"])
    rule: Rule
    agent: str | None = Field(description="Null: it is about the relay.")
    connection: str | None = Field(description="Null: it is about the agent.")
    value: int = Field(description="What was measured when it was raised.")
    threshold: int
    unit: str = Field(examples=["minutes"])
    message: str
    hint: str
    raised_at: datetime
    cleared_at: datetime | None


class AlertList(Answer):
    items: list[AlertOut]
    next_cursor: str | None = Field(description="Give it as `cursor` for the page behind; null at the end.")


class AlertRuleOut(Answer):
    rule: Rule
    threshold: int
    unit: str
    enabled: bool
    default_threshold: int


class AlertRuleList(Answer):
    items: list[AlertRuleOut]


class AlertRuleIn(Body):
    threshold: int = Field(ge=0, le=MAX_THRESHOLD, examples=[30])
    enabled: bool = True
