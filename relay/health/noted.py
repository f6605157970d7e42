"""What is written down of agents, connections and streams, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from relay.health.facts import Certificate, Drain, OutboxRoom, Waiting


@dataclass(frozen=True, slots=True)
class AgentWord:
    """What an agent told last, with what the relay made of it."""

    at: datetime
    skew: timedelta | None = None
    waiting: Waiting | None = None
    room: OutboxRoom | None = None
    drain: Drain | None = None
    certificates: tuple[Certificate, ...] = ()


@dataclass(frozen=True, slots=True)
class Acked:
    """The batch that was stored last."""

    at: datetime
    lag: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A connection as its agent describes it, in short."""

    state: str
    paused: bool | None = None
    error_code: str = ""
    error_hint: str = ""
    refused: bool = False
    next_run_at: datetime | None = None
    streams: tuple[str, ...] = ()  # those of which runs are expected
    certificates: tuple[Certificate, ...] | None = None  # None: the agent does not say


@dataclass(frozen=True, slots=True)
class AgentNote:
    agent: str
    tenant: str
    connected_since: datetime | None  # None: it has left
    left: datetime | None = None  # the session that ended had begun then
    word: AgentWord | None = None  # None: nothing new
    acked: Acked | None = None


@dataclass(frozen=True, slots=True)
class ConnectionNote:
    """None of the last three: nothing new."""

    agent: str
    name: str  # as the agent calls it
    standing: Standing | None = None
    waiting: Waiting | None = None
    acked: Acked | None = None


@dataclass(frozen=True, slots=True)
class RunNote:
    tenant: str
    connection: str  # the connection's id
    stream: str  # its name within the connection
    run: str
    dead_letters: int
    succeeded_at: datetime | None  # None: it did not succeed, or has not ended


@dataclass(frozen=True, slots=True)
class Notes:
    """What was seen since it was last written down."""

    at: datetime
    agents: tuple[AgentNote, ...] = ()
    connections: tuple[ConnectionNote, ...] = ()
    runs: tuple[RunNote, ...] = ()
    present: Mapping[str, datetime] = field(default_factory=dict)  # agents that are here, each since when

    def __bool__(self) -> bool:
        return bool(self.agents or self.connections or self.runs or self.present)
