"""The conversation as tables: which frame is legal in which phase, and where it leads.

Both sides use the same tables; a frame that is not in them for the present phase breaks the protocol. Everything
that decides legality by phase is here, and nothing here knows which side it is on.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, TypeAlias

from agent.protocol.frames import (
    Ack,
    Batch,
    Challenge,
    Command,
    Confirm,
    ConnectionsRefused,
    Credit,
    Drain,
    Draining,
    Enroll,
    Enrolled,
    Error,
    Heartbeat,
    HeartbeatAck,
    Hello,
    MorePositions,
    Proof,
    Result,
    ResultAck,
    Status,
    Unknown,
    Welcome,
)


class Phase(StrEnum):
    START = "start"  # nothing said yet
    GREETED = "greeted"  # hello said; the challenge is next
    CHALLENGED = "challenged"  # the proof is next
    PROVED = "proved"  # the welcome is next
    WELCOMED = "welcomed"  # the agent makes the new epoch durable; confirm is next
    OPEN = "open"
    DRAINING = "draining"  # the agent sends no new batches; acks for those on the way are awaited
    ENROLLING = "enrolling"  # enroll said; the challenge is next
    ENROLL_CHALLENGED = "enroll_challenged"
    ENROLL_PROVED = "enroll_proved"  # enrolled is next
    CLOSED = "closed"


Table: TypeAlias = Mapping[tuple[Phase, type[Any]], Phase]

_LIVE: Final = (Phase.OPEN, Phase.DRAINING)

FROM_AGENT: Final[Table] = {
    (Phase.START, Hello): Phase.GREETED,
    (Phase.START, Enroll): Phase.ENROLLING,
    (Phase.CHALLENGED, Proof): Phase.PROVED,
    (Phase.ENROLL_CHALLENGED, Proof): Phase.ENROLL_PROVED,
    (Phase.WELCOMED, Confirm): Phase.OPEN,
    (Phase.OPEN, Batch): Phase.OPEN,
    (Phase.OPEN, Drain): Phase.DRAINING,
    **{(phase, frame): phase for phase in _LIVE for frame in (Result, Status, Heartbeat)},
    **{(phase, Unknown): phase for phase in Phase},
}

FROM_RELAY: Final[Table] = {
    (Phase.GREETED, Challenge): Phase.CHALLENGED,
    (Phase.ENROLLING, Challenge): Phase.ENROLL_CHALLENGED,
    (Phase.ENROLL_PROVED, Enrolled): Phase.CLOSED,
    (Phase.PROVED, Welcome): Phase.WELCOMED,
    (Phase.WELCOMED, MorePositions): Phase.WELCOMED,
    **{
        (phase, frame): phase
        for phase in _LIVE
        for frame in (Ack, Credit, Command, ResultAck, HeartbeatAck, Draining, ConnectionsRefused)
    },
    # Before the greeting the relay may refuse too: it may be full, or throttling this address.
    **{(phase, Error): phase for phase in Phase},
    **{(phase, Unknown): phase for phase in Phase},
}

HANDSHAKE: Final = frozenset(Phase) - {*_LIVE, Phase.CLOSED}
