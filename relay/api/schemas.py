"""What the API answers, apart from the entities, whose schemas come from the unified model."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from relay.store.base import DeadLetterState


class Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Body(Answer):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class AgentOut(Answer):
    """An agent: one installation inside a customer's network."""

    id: str = Field(examples=["agt_0640f2d3c8a1f00d5b3e9a"])
    name: str = Field(examples=["plant-berlin"])
    connected: bool = Field(description="Whether its tunnel is open at this moment.")
    software: str = Field(examples=["groundwire 0.1.0"])
    epoch: int = Field(description="Grows with each new session; an older epoch is refused.")
    enrolled_at: datetime
    last_seen_at: datetime | None


class AgentList(Answer):
    items: list[AgentOut]
    next_cursor: str | None = Field(
        default=None,
        description="Give it as `cursor` for the page behind; null at the end.",
        examples=["WyJpIiwiYWd0XzA2NDAiXQ"],
    )


class EnrolmentCodeIn(Body):
    agent_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        description="Bind the code to this name. If an agent has the name already, enrolling takes its place: "
        "its key is no longer accepted and its connections go over.",
        examples=["plant-berlin"],
    )
    minutes: int = Field(default=60, ge=1, le=7 * 24 * 60, description="How long the code may be used.")


class EnrolmentCodeOut(Answer):
    id: str = Field(description="What names the code without giving it away.", examples=["7QK2M"])
    code: str = Field(
        description="Shown this once. Used up by the first agent that enrols with it.",
        examples=["7QK2M-3FJ0A-99XTR-H4VZD"],
    )
    agent_name: str | None
    expires_at: datetime


class ListedCodeOut(Answer):
    """An enrolment code, as far as it can be shown again."""

    id: str = Field(description="The first part of the code.", examples=["7QK2M"])
    agent_name: str | None = Field(examples=["plant-berlin"])
    used: bool = Field(description="Whether an agent enrolled with it; it works once.", examples=[False])
    created_at: datetime
    expires_at: datetime


class EnrolmentCodeList(Answer):
    items: list[ListedCodeOut]
    next_cursor: str | None = Field(
        default=None,
        description="Give it as `cursor` for the page behind; null at the end.",
        examples=["WyJpIiwiYWd0XzA2NDAiXQ"],
    )


class StreamOut(Answer):
    """One entity of a connection, as far as batches of it have come."""

    name: str = Field(examples=["purchase_orders"])
    entity: str = Field(examples=["purchase_order"])
    last_seq: int = Field(description="The number of the last batch that is stored.")
    records: int = Field(description="Records received in all, repeats of changed ones included.")
    updated_at: datetime


class RunCountsOut(Answer):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")
    read: int = 0
    changed: int = 0
    unchanged: int = 0
    mapped: int = 0
    enqueued: int = 0
    tombstones: int = 0
    dead_letters: int = 0
    pages: int = 0


class DifferencesOut(Answer):
    """What no change stamp had told, found by comparing: numbers of records, and the keys of a few."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")
    missing: int = Field(default=0, description="At the source, and never sent before.")
    changed: int = Field(default=0, description="Other than when they were sent.")
    gone: int = Field(default=0, description="Sent, and not at the source any more.")
    examples: list[str] = Field(default=[], description="Keys of a few of them.")
    at_source: int | None = Field(
        default=None, description="Records at the source, where the whole set was compared."
    )
    held: int | None = Field(
        default=None, description="Records that the agent has sent or turned down, after the repair."
    )


class SyncRunOut(Answer):
    """One sync of one stream, as its agent reported it."""

    run: str
    connection: str = Field(examples=["adventureworks"])
    stream: str = Field(examples=["adventureworks/purchase_orders"])
    entity: str = Field(examples=["purchase_order"])
    trigger: str = Field(description="schedule, manual or command", examples=["schedule"])
    mode: str = Field(description="initial, incremental or resync", examples=["incremental"])
    status: str = Field(description="running, succeeded, failed or cancelled", examples=["succeeded"])
    started_at: str
    finished_at: str | None
    counts: RunCountsOut
    error: dict[str, Any] | None
    differences: DifferencesOut | None = None
    told_at: datetime | None = Field(
        default=None,
        description="Of a run under way: when its agent told of it last; null of one that has ended.",
    )


class SyncRunList(Answer):
    items: list[SyncRunOut]
    next_cursor: str | None = Field(description="Give it as `cursor` for the page behind; null at the end.")


class ConnectionOut(Answer):
    """One configured instance of an ERP system at an agent."""

    id: str = Field(examples=["adventureworks"])
    name: str = Field(description="Its name at the agent; differs from `id` where two agents use the same.")
    agent: str = Field(description="The agent's id.")
    connected: bool = Field(description="Whether the agent's tunnel is open at this moment.")
    system: str | None = Field(examples=["sap_s4hana"])
    driver: str | None = Field(examples=["odbc"])
    state: str = Field(description="As the agent reported it last.", examples=["idle"])
    error: dict[str, Any] | None
    told_streams: list[dict[str, Any]] = Field(
        description="The streams as the agent reported them last: state, next run, `remap` (offered, where records stored "
        "here have the form of an older mapping), newColumns and goneColumns of the source."
    )
    paused: bool | None = Field(description="Whether its syncs are paused; null: the agent does not say.")
    commands: list[str] | None = Field(
        description="The commands that the local policy lets pass; null: the agent does not say.",
        examples=[["sync", "create"]],
    )
    updated_at: datetime


class ConnectionDetail(ConnectionOut):
    streams: list[StreamOut] = Field(description="The streams of which batches have come.")
    last_runs: list[SyncRunOut] = Field(description="The newest sync run of each stream.")


class ConnectionList(Answer):
    items: list[ConnectionOut]
    next_cursor: str | None = Field(
        default=None,
        description="Give it as `cursor` for the page behind; null at the end.",
        examples=["WyJpIiwiYWd0XzA2NDAiXQ"],
    )


class DeadLetterOut(Answer):
    """A record that could not pass; its content stays at the agent."""

    connection: str
    stream: str
    entity: str
    run: str
    key: str = Field(description="The record's; empty: it stands for a whole batch that cannot be read.")
    field: str = Field(description="Where in the record.", examples=["orderNo"])
    reason: str = Field(
        description="Why, as a code; the page on messages has each with what to do.", examples=["missing"]
    )
    message: str = Field(description="Why, in words, without the value.")
    state: DeadLetterState
    received_at: datetime


class DeadLetterList(Answer):
    items: list[DeadLetterOut]
    next_cursor: str = Field(description="Valid for ever: what comes later is found behind it.")
    has_more: bool


class DeadLetterCauseOut(Answer):
    """What keeps some records from passing."""

    connection: str = Field(examples=["adventureworks"])
    entity: str = Field(examples=["purchase_order"])
    field: str = Field(examples=["orderNo"])
    reason: str = Field(examples=["missing"])
    count: int = Field(description="How many dead letters have this cause.", examples=[12])
    oldest_at: datetime = Field(description="When the first of them came.")
    newest_at: datetime


class DeadLetterCauseList(Answer):
    items: list[DeadLetterCauseOut] = Field(description="The most frequent cause first.")
    complete: bool = Field(
        description="False: there are more than 200,000 letters, or more than 500 causes. The counts are of the oldest "
        "200,000; filters make it less."
    )
