"""Pure: what the relay knows of an agent and of a connection at one moment, as values. None: nobody has said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

SEEN_WITHIN: Final = timedelta(seconds=90)  # a relay writes down every 30 s whom it has; three of them
SOFTWARE_NAME: Final = "groundwire/"


@dataclass(frozen=True, slots=True)
class Waiting:
    """What an outbox holds that the relay has not acked."""

    batches: int
    records: int
    bytes: int
    oldest_at: datetime | None = None  # when the first of it was read


@dataclass(frozen=True, slots=True)
class OutboxRoom:
    high_water_bytes: int | None = None  # of what waits; reading pauses there
    file_bytes: int | None = None
    disk_bytes: int | None = None
    disk_free_bytes: int | None = None
    reading_paused: bool | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    hop: str  # "relay" as the agent sees it; of a connection a word of drivers.contract.Hop, or a newer agent's
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AgentTold:
    """What an agent says of itself, on its own clock."""

    at: datetime
    waiting: Waiting | None = None
    room: OutboxRoom | None = None
    certificates: tuple[Certificate, ...] = ()


@dataclass(frozen=True, slots=True)
class Drain:
    """How fast what waits becomes less; below zero it grows."""

    bytes_per_second: float
    records_per_second: float


@dataclass(frozen=True, slots=True)
class AgentFacts:
    id: str
    name: str
    software: str
    connected: bool
    enrolled_at: datetime
    connected_since: datetime | None = None
    seen_at: datetime | None = None  # the last moment at which it was connected
    last_ack_at: datetime | None = None
    lag: timedelta | None = None  # of the batch stored last: from being read to being stored
    skew: timedelta | None = None  # the agent's clock ahead of the relay's
    told_at: datetime | None = None
    waiting: Waiting | None = None
    room: OutboxRoom | None = None
    drain: Drain | None = None
    certificates: tuple[Certificate, ...] = ()

    @property
    def version(self) -> tuple[int, ...] | None:
        """None: of another program, or not a version that can be compared."""
        return version_of(self.software.removeprefix(SOFTWARE_NAME))

    @property
    def empty_in(self) -> timedelta | None:
        """Until nothing waits, at the rate of the last minutes; None: not known, or never at that rate."""
        if self.waiting is None:
            return None
        if self.waiting.bytes == 0:
            return timedelta(0)
        if self.drain is None or self.drain.bytes_per_second <= 0:
            return None
        return seconds(self.waiting.bytes / self.drain.bytes_per_second)

    @property
    def full_in(self) -> timedelta | None:
        """Until the outbox takes no more, at the rate of the last minutes; None: not known, or never at that rate."""
        if self.waiting is None or self.room is None or self.drain is None:
            return None
        if self.drain.bytes_per_second >= 0:
            return None
        left = [
            bound
            for bound in (
                None
                if self.room.high_water_bytes is None
                else self.room.high_water_bytes - self.waiting.bytes,
                self.room.disk_free_bytes,
            )
            if bound is not None
        ]
        return seconds(max(0, min(left)) / -self.drain.bytes_per_second) if left else None


class Credentials(StrEnum):
    OK = "ok"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    id: str
    name: str
    agent: str
    state: str
    paused: bool | None = None
    error_code: str = ""
    error_hint: str = ""
    error_since: datetime | None = None
    refused_since: datetime | None = None
    next_run_at: datetime | None = None
    told_at: datetime | None = None
    last_ack_at: datetime | None = None
    lag: timedelta | None = None
    waiting: Waiting | None = None
    late_since: datetime | None = (
        None  # when its stream that waits longest last succeeded, or was first heard of
    )
    last_success_at: datetime | None = None  # of any of its streams
    dead_letters: int | None = None  # of the newest run of the stream that had most
    certificates: tuple[Certificate, ...] = ()  # that the hops to its source showed last

    @property
    def credentials(self) -> Credentials:
        if self.refused_since is not None:
            return Credentials.REFUSED
        return Credentials.UNKNOWN if self.last_success_at is None else Credentials.OK


@dataclass(frozen=True, slots=True)
class Fleet:
    """One tenant's agents with their connections, and what belongs to neither."""

    agents: Sequence[tuple[AgentFacts, Sequence[ConnectionFacts]]] = field(default_factory=tuple)
    relay_certificate: Certificate | None = None


def seconds(number: float) -> timedelta:
    """As many as a timedelta holds."""
    return timedelta(seconds=min(number, 86_400.0 * 365 * 1_000))


def version_of(text: str) -> tuple[int, ...] | None:
    """`1.2.3`, of which the numbers before anything else count."""
    numbers: list[int] = []
    for part in text.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits or len(digits) > 9:  # noqa: PLR2004 - no version has a larger number
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers) or None


def drain_of(samples: Sequence[tuple[float, Waiting]]) -> Drain | None:
    """From what waited at several moments (monotonic seconds), the oldest first."""
    if len(samples) < 2:  # noqa: PLR2004 - a rate takes two moments
        return None
    (begun, before), (ended, after) = samples[0], samples[-1]
    if ended <= begun:
        return None
    span = ended - begun
    return Drain((before.bytes - after.bytes) / span, (before.records - after.records) / span)
