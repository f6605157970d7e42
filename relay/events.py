"""Pure: what happened, as platforms are told of it by `GET /events` and by webhooks. docs/webhooks.md has every type.

An event is written in the transaction of what it speaks of, once. Its id never changes: a platform that is told
twice knows it by that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import orjson

from agent.model.run import rfc3339

_ID_DIGITS: Final = 32


class EventType(StrEnum):
    RECORD_CREATED = "record.created"
    RECORD_UPDATED = "record.updated"
    RECORD_DELETED = "record.deleted"
    SYNC_STARTED = "sync.started"
    SYNC_COMPLETED = "sync.completed"
    SYNC_FAILED = "sync.failed"
    CONNECTION_STATUS_CHANGED = "connection.status_changed"
    CONNECTION_NEEDS_REAUTHORISATION = "connection.needs_reauthorisation"
    CONNECTION_ERROR = "connection.error"
    AGENT_ONLINE = "agent.online"
    AGENT_OFFLINE = "agent.offline"
    COMMAND_FINISHED = "command.finished"
    ALERT_RAISED = "alert.raised"
    ALERT_CLEARED = "alert.cleared"
    WEBHOOK_DISABLED = "webhook.disabled"
    USAGE_POOL_EXHAUSTED = "usage.pool_exhausted"


def kind_of(text: str) -> str:
    """As it is kept: a later version of the relay may have types that this one does not know."""
    try:
        return EventType(text)
    except ValueError:
        return text


TEST_TYPE: Final = "webhook.test"  # of what the test button sends; never stored, never chosen


@dataclass(frozen=True, slots=True)
class Event:
    id: str
    tenant: str
    at: datetime
    type: str  # an EventType, or one of a later version of the relay
    data: Mapping[str, Any]
    connection: str | None = None  # the connection's id
    agent: str | None = None
    subject: str | None = None  # what it is about: an entity, a run, a command, an alert, an endpoint
    source: int | None = None  # the batch that it was read from


@dataclass(frozen=True, slots=True)
class StoredEvent:
    position: int
    event: Event


def event_id(tenant: str, *told: str | int) -> str:
    """The same for the same words: what is told again after a crash is known by it, and it gives nothing away."""
    words = orjson.dumps([tenant, *told])
    return f"evt_{hashlib.sha256(words).hexdigest()[:_ID_DIGITS]}"


def event_document(event: Event) -> dict[str, Any]:
    """As the API shows it and webhooks carry it."""
    return {
        "id": event.id,
        "type": str(event.type),
        "timestamp": rfc3339(event.at),
        "connection": event.connection,
        "agent": event.agent,
        "subject": event.subject,
        "data": dict(event.data),
    }


def event_body(document: Mapping[str, Any]) -> bytes:
    """The bytes that are signed and sent: the same for every attempt."""
    return orjson.dumps(document)
