"""What a session tells its driver after reading a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from agent.protocol.frames import Batch, Command, Enroll, Error, Hello, Result, Status, Welcome


@dataclass(frozen=True, slots=True)
class LinkDead:
    """Nothing was heard for too long; the session is closed."""

    silent_seconds: float
    handshake: bool


# At the agent


@dataclass(frozen=True, slots=True)
class Welcomed:
    """Make `welcome.epoch` durable, then call `confirm`."""

    welcome: Welcome
    positions: Mapping[str, int]  # of every stream the relay knows, from all frames together
    hashes: Mapping[
        str, str
    ]  # the beginning of the hash of the batch at each position, where the relay told it


@dataclass(frozen=True, slots=True)
class EnrolledAs:
    agent: str
    tenant: str


@dataclass(frozen=True, slots=True)
class Acked:
    stream: str
    seq: int


@dataclass(frozen=True, slots=True)
class GapReported:
    """Send the stream again from the batch whose `prev` is `last`."""

    stream: str
    last: int


@dataclass(frozen=True, slots=True)
class CommandReceived:
    command: Command


@dataclass(frozen=True, slots=True)
class ResultAcked:
    command: str
    state: str


@dataclass(frozen=True, slots=True)
class RelayDraining:
    """The relay goes away soon: send no new batches, wait for acks, connect again."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Send no batches of these connections, and of all others as before; `reason` is for the operator."""

    connections: frozenset[str]
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The relay ended the session."""

    error: Error


@dataclass(frozen=True, slots=True)
class Warned:
    error: Error


AgentEvent: TypeAlias = (
    LinkDead
    | Welcomed
    | EnrolledAs
    | Acked
    | GapReported
    | CommandReceived
    | ResultAcked
    | RelayDraining
    | HeldBack
    | Refused
    | Warned
)


# At the relay


@dataclass(frozen=True, slots=True)
class AgentProved:
    """Look the agent up and call `authenticate`."""

    hello: Hello


@dataclass(frozen=True, slots=True)
class EnrollProved:
    """Look the code up by `enroll.code_id` and call `check_code`."""

    enroll: Enroll


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The agent holds `epoch` durably: it is the current one now."""

    epoch: int


@dataclass(frozen=True, slots=True)
class BatchReceived:
    """Complete, intact and next in its stream. Store it, then `acknowledge` it."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class ResultReceived:
    """Store it, then `send_result_ack`."""

    result: Result


@dataclass(frozen=True, slots=True)
class StatusReceived:
    status: Status


@dataclass(frozen=True, slots=True)
class DrainStarted:
    """Acknowledge what is on its way; the agent closes when it has every ack."""


RelayEvent: TypeAlias = (
    LinkDead
    | AgentProved
    | EnrollProved
    | Confirmed
    | BatchReceived
    | ResultReceived
    | StatusReceived
    | DrainStarted
)
