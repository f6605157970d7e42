"""What the API takes and answers about commands."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from relay.api.schemas import Answer, Body
from relay.lifecycle import CommandState

DATE = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_MINUTE = r"([01][0-9]|2[0-3]):[0-5][0-9]"
RFC_3339 = rf"{DATE}T{_MINUTE}:[0-5][0-9](\.[0-9]{{1,6}})?(Z|[+-]{_MINUTE})"
_SINCE = re.compile(f"{RFC_3339}|{DATE}")
MAX_KEY = 4_000  # characters; longer than any key that a source has
MAX_KEYS = 1_000

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Key = Annotated[str, Field(min_length=1, max_length=MAX_KEY)]
Version = Annotated[int, Field(ge=0, le=2**53 - 1)]

COMMAND_EXAMPLE: dict[str, Any] = {
    "id": "cmd_0640f2d3c8a1f00d5b3e9a",
    "connection": "erp",
    "agent": "agt_0640f2d3c8a1f00d5b3e9a",
    "agentConnected": True,
    "kind": "create",
    "args": {
        "connection": "erp",
        "entity": "purchase_order",
        "record": {"vendorKey": "1648", "lineItems": [{"materialKey": "512", "quantity": "3"}]},
    },
    "state": "succeeded",
    "progress": None,
    "result": {
        "key": "4012",
        "reference": "PO-4012",
        "messages": [],
        "record": {"key": "4012", "vendorKey": "1648"},
    },
    "fieldFaults": [],
    "history": [
        {"state": "queued", "at": "2026-01-05T12:00:00Z", "result": None},
        {"state": "sent", "at": "2026-01-05T12:00:00.004Z", "result": None},
        {"state": "succeeded", "at": "2026-01-05T12:00:00.912Z", "result": None},
    ],
    "createdAt": "2026-01-05T12:00:00Z",
    "updatedAt": "2026-01-05T12:00:00.912Z",
    "deadline": "2026-01-05T13:00:00Z",
}


def _with_example(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        json_schema_extra={"examples": [example]},
    )


def _since(text: str) -> str:
    if not _SINCE.fullmatch(text):
        raise PydanticCustomError(
            "since", 'A day such as "2026-01-31", or a moment with its offset such as "2026-01-31T08:00:00Z".'
        )
    return text


class SyncIn(Body):
    """Name streams or entities; with neither, every stream of the connection is meant."""

    model_config = _with_example({"entities": ["purchase_order"], "since": "2026-01-01"})
    entities: list[str] = Field(default_factory=list, max_length=10)
    streams: list[Name] = Field(default_factory=list, max_length=100)
    full: bool = Field(
        default=False,
        description="Read everything again instead of what changed since the last sync: the command `resync`.",
    )
    since: Annotated[str, AfterValidator(_since)] | None = Field(
        default=None,
        json_schema_extra={
            "pattern": f"^({RFC_3339}|{DATE})$",
            "examples": ["2026-01-31", "2026-01-31T08:00:00Z"],
        },
        description="Read again what changed at or after this moment or day: the command `resync`.",
    )


class SyncRunIn(SyncIn):
    """The same, and of which connection."""

    model_config = _with_example({"connection": "erp", "entities": ["purchase_order"]})
    connection: str = Field(min_length=1, max_length=200, examples=["erp"])


class NothingIn(Body):
    """This command has no arguments."""


class BundleIn(Body):
    model_config = _with_example({"list": True})
    only_list: bool = Field(
        default=False,
        alias="list",
        description="Answer with the list of what would be in it, and nothing of it.",
    )


class DiscoverIn(Body):
    model_config = _with_example({"tables": ["purchasing.purchaseorderheader"]})
    tables: list[Annotated[str, Field(min_length=1, max_length=512)]] | None = Field(
        default=None,
        max_length=200,
        description="Tables to describe with their columns; without them all, or their names and counts where "
        "all would not fit.",
    )


class StatusIn(Body):
    model_config = _with_example({"status": "approved"})
    status: str = Field(min_length=1, max_length=64, description="One of the entity's statuses.")


class RequeueIn(Body):
    model_config = _with_example({"stream": "purchase_orders", "keys": ["4011"]})
    keys: list[Key] | None = Field(
        default=None, min_length=1, max_length=MAX_KEYS, description="Without it all of them."
    )
    stream: Name | None = Field(default=None, description="Only of this stream.")


Changes = Annotated[
    list[dict[str, Any]], Field(min_length=1, max_length=200, description="See the page on commands.")
]


class ReadMappingIn(Body):
    samples: int | None = Field(
        default=None, ge=1, le=20, description="Show values of so many records of the source, as they leave."
    )


class PreviewIn(Body):
    changes: Changes
    rows: int | None = Field(default=None, ge=1, le=100, description="How many rows to try it on.")


class ChangeIn(Body):
    changes: Changes
    based_on: Version | None = Field(
        default=None,
        description="The version that the changes were made from, as `mapping/read` told it; or say it in `If-Match`.",
    )
    note: str | None = Field(default=None, max_length=1_000, description="Why; kept with the version.")


class RevertIn(Body):
    model_config = _with_example({"to": 3})
    to: Version = Field(description="The version whose mapping is to be in force again.")


class FieldFaultOut(Answer):
    field: str = Field(
        description="Where: `lineItems[2].quantity`; empty for the command as a whole.",
        examples=["lineItems[2].quantity"],
    )
    code: str = Field(examples=["not_a_decimal"])
    message: str


class StepOut(Answer):
    state: CommandState
    at: datetime
    result: dict[str, Any] | None = Field(description="Of an outcome that was in doubt and is settled.")


class CommandOut(Answer):
    """Something an agent was asked to do."""

    id: str = Field(description="Also what the agent knows it by, and the system where it keeps one.")
    connection: str | None = Field(description="The connection's id; null: it is about the agent.")
    agent: str
    agent_connected: bool = Field(
        description="Whether the agent's tunnel is open at this moment. While it is not, a queued command waits "
        "for it, until its deadline."
    )
    kind: str = Field(examples=["create"])
    args: dict[str, Any] = Field(description="As the agent gets them.")
    state: CommandState
    progress: dict[str, Any] | None = Field(description="The newest word of a running one.")
    result: dict[str, Any] | None = Field(description="With the outcome; see the page on commands.")
    field_faults: list[FieldFaultOut] = Field(description="What was wrong with single fields.")
    history: list[StepOut] = Field(description="Every state with its moment, the oldest first.")
    created_at: datetime
    updated_at: datetime
    deadline: datetime = Field(description="An agent that learns of the command later does not start it.")


class CommandList(Answer):
    items: list[CommandOut]
    next_cursor: str | None


class OperationOut(Answer):
    """One cell of a connection's operation matrix."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "entity": "purchase_order",
                    "operation": "update",
                    "allowed": True,
                    "required": ["key"],
                    "anyOf": [],
                    "fields": ["key", "notes"],
                    "updatableIn": {"notes": ["draft"]},
                    "statuses": [],
                    "lookup": True,
                }
            ]
        },
    )


class OperationList(Answer):
    items: list[OperationOut] = Field(
        description="As the agent told them last: entity, operation, allowed (by the local policy), required, anyOf "
        "(groups of fields of which each needs one), fields, updatableIn, statuses, lookup."
    )
    told: bool = Field(description="False: the agent has not told its operations.")
    updated_at: datetime
