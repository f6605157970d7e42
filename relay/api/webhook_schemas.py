"""What the API takes and answers of webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, Field

from relay.api.schemas import Answer, Body
from relay.events import EventType
from relay.webhooks.base import DeliveryState, DisabledReason
from relay.webhooks.targets import MAX_URL

MOST_TYPES: Final = 100
ConnectionId = Annotated[str, Field(min_length=1, max_length=200)]
LaterWord = Annotated[str, Field(min_length=1, max_length=100)]  # that a newer relay knows

_TYPES: Any = Field(
    default=[],
    max_length=len(EventType),
    description="The types of events that it is given; empty: all, also those of later versions.",
    examples=[["record.created", "record.updated", "record.deleted"]],
)
_CONNECTIONS: Any = Field(
    default=[],
    max_length=200,
    description="The connections whose events it is given; empty: all, and what belongs to none.",
    examples=[["adventureworks"]],
)
_SECRET: Any = Field(
    default=None,
    max_length=128,
    description="A secret of your own, `whsec_` and 24 to 64 bytes in Base64; by default one is made.",
    examples=[None],
    json_schema_extra={"pattern": "^whsec_[A-Za-z0-9+/]{32,86}={0,2}$"},
)
_URL = "https://platform.example/groundwire"
_A_URL: Any = {"format": "uri", "pattern": "^https?://"}


class WebhookEndpointIn(Body):
    url: str = Field(min_length=1, max_length=MAX_URL, examples=[_URL], json_schema_extra=_A_URL)
    description: str = Field(default="", max_length=500)
    types: list[EventType] = _TYPES
    connections: list[ConnectionId] = _CONNECTIONS
    ordered: bool = Field(
        default=False,
        description="One after the other for each connection: one that fails holds up those behind it.",
    )
    enabled: bool = True
    secret: str | None = _SECRET


class WebhookEndpointPatch(Body):
    """What is not named stays as it is."""

    url: str | None = Field(
        default=None, min_length=1, max_length=MAX_URL, examples=[_URL], json_schema_extra=_A_URL
    )
    description: str | None = Field(default=None, max_length=500)
    types: list[EventType | LaterWord] | None = Field(
        default=None,
        max_length=MOST_TYPES,
        description="Types of this version, and those of a newer relay that the endpoint has already; empty: all.",
    )
    connections: list[ConnectionId] | None = Field(default=None, max_length=200)
    ordered: bool | None = None
    enabled: bool | None = None


class WebhookEndpointOut(Answer):
    """Where events are sent."""

    id: str = Field(examples=["wep_0640f2d3c8a1f00d5b3e9a"])
    url: str = Field(examples=[_URL])
    description: str
    types: list[EventType | LaterWord] = Field(
        examples=[["record.updated"]],
        description="Empty: all. One that a newer relay knows stands here by its name.",
    )
    connections: list[str] = Field(examples=[["adventureworks"]])
    ordered: bool
    enabled: bool
    created_at: datetime
    updated_at: datetime
    last_success_at: datetime | None = Field(description="To the minute.")
    failing_since: datetime | None = Field(description="Null while what was answered last was answered well.")
    disabled_at: datetime | None = Field(
        description="When it was disabled; a replay from then on brings what it missed."
    )
    disabled_reason: DisabledReason | str | None = Field(
        description="Null while it is enabled. One of a newer relay stands here by its name."
    )


class WebhookEndpointCreated(WebhookEndpointOut):
    secret: str = Field(description="Shown this once.", examples=["whsec_..."])


class WebhookEndpointList(Answer):
    items: list[WebhookEndpointOut]


class RotateSecretIn(Body):
    overlap_hours: int = Field(
        default=24,
        ge=0,
        le=168,
        description="How long webhooks are signed with the secret before as well; an older one ends at once.",
    )
    secret: str | None = _SECRET


class RotatedSecretOut(Answer):
    secret: str = Field(description="Shown this once.", examples=["whsec_..."])
    old_secret_until: datetime


class WebhookTestOut(Answer):
    """What the endpoint answered to an event of the type `webhook.test`."""

    delivered: bool
    status: int | None = Field(examples=[200])
    failure: str = Field(description="Why there was no answer; empty where there was one.")
    excerpt: str = Field(description="The beginning of the answer's body.")
    milliseconds: int


class WebhookAttemptOut(Answer):
    at: datetime
    milliseconds: int
    status: int | None = Field(examples=[503])
    failure: str
    excerpt: str


class WebhookDeliveryOut(Answer):
    """One event on its way to one endpoint."""

    id: str = Field(examples=["dlv_0640f2d3c8a1f00d5b3e9a"])
    endpoint: str
    event: str | None = Field(description="Null once the event is no longer kept.")
    type: str | None = Field(examples=["record.updated"])
    state: DeliveryState
    attempts: list[WebhookAttemptOut]
    next_attempt_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    replay_of: str | None = Field(description="The delivery that this one repeats.")


class WebhookDeliveryList(Answer):
    items: list[WebhookDeliveryOut]
    next_cursor: str | None = Field(description="Give it as `cursor` for the page behind; null at the end.")


class ReplayIn(Body):
    since: AwareDatetime = Field(examples=["2026-01-05T12:00:00Z"])
    until: AwareDatetime | None = Field(default=None, description="By default: now.")
    everything: bool = Field(
        default=False,
        description="Also what the endpoint has taken already; by default only what it has not.",
    )


class ReplayOut(Answer):
    deliveries: int = Field(description="How many were made.")
    next_since: datetime | None = Field(
        description="Where the next request goes on, for one looks at 10,000 events; null: it came to the end."
    )
