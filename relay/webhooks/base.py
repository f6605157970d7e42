"""What there is to webhooks, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from relay.events import Event, StoredEvent


class DeliveryState(StrEnum):
    PENDING = "pending"  # tried when it is due
    WAITING = "waiting"  # for those before it in its lane
    DELIVERED = "delivered"
    FAILED = "failed"  # given up; may be replayed


class DisabledReason(StrEnum):
    BY_REQUEST = "by_request"
    GONE = "gone"  # the receiver answered 410
    FAILING = "failing"  # everything failed for as long as one delivery is tried
    BACKLOG = "backlog"  # more waits than is kept for one endpoint


def disabled_reason_of(text: str) -> str:
    """As it is kept: a later version of the relay may have reasons that this one does not know."""
    try:
        return DisabledReason(text)
    except ValueError:
        return text


@dataclass(frozen=True, slots=True)
class Wish:
    """What a tenant chooses of an endpoint."""

    url: str
    description: str = ""
    types: frozenset[str] = frozenset()  # empty: all; a later version of the relay may know more
    connections: frozenset[str] = frozenset()  # empty: all, and what belongs to none
    ordered: bool = False  # per connection: one after the other

    def takes(self, event: Event) -> bool:
        if self.types and event.type not in self.types:
            return False
        return not self.connections or event.connection in self.connections

    def lane_of(self, event: Event) -> str | None:
        return (event.connection or "") if self.ordered else None


@dataclass(frozen=True, slots=True)
class Endpoint:
    id: str
    tenant: str
    wish: Wish
    enabled: bool
    begins_after: int
    version: int
    created_at: datetime
    updated_at: datetime
    failing_since: datetime | None = None
    last_success_at: datetime | None = None
    disabled_at: datetime | None = None
    disabled_reason: str | None = None  # a DisabledReason, or one of a later version of the relay


@dataclass(frozen=True, slots=True)
class SealedSecret:
    number: int
    sealed: bytes
    created_at: datetime
    expires_at: datetime | None

    def lives(self, now: datetime) -> bool:
        return self.expires_at is None or self.expires_at > now


@dataclass(frozen=True, slots=True)
class Attempt:
    at: datetime
    milliseconds: int
    status: int | None
    failure: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Delivery:
    position: int
    id: str
    tenant: str
    endpoint: str
    event: int
    lane: str | None
    state: DeliveryState
    due_at: datetime
    attempts: tuple[Attempt, ...]
    created_at: datetime
    finished_at: datetime | None
    replay_of: str | None


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery to be tried now, with what it carries."""

    delivery: Delivery
    event: StoredEvent


@dataclass(frozen=True, slots=True)
class Result:
    """What an attempt came to."""

    delivery: Delivery
    attempt: Attempt
    state: DeliveryState  # pending: to be tried again
    due_at: datetime
    gone: bool = False


@dataclass(frozen=True, slots=True)
class ShownDelivery:
    delivery: Delivery
    event_id: str | None  # None: the event is no longer kept
    event_type: str | None


Document = Mapping[str, Any]
