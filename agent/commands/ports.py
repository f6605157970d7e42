"""What one kind of command is, and what it needs of other rooms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from agent.audit.trail import Actor
from agent.policy.decision import Decision


class State(StrEnum):
    """How a command stands, as the relay is told."""

    RUNNING = "running"  # started; the result holds its progress
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # and nothing was changed at the source
    IN_DOUBT = "in_doubt"  # whether it had its effect is not known; a person decides
    REFUSED = "refused"  # nothing was tried
    EXPIRED = "expired"  # its deadline had passed before it could begin
    CANCELLED = "cancelled"  # and nothing was changed at the source


class Arguments(BaseModel):
    """Of a command, as they came through the tunnel: exact types, nothing unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


ArgumentsT_contra = TypeVar("ArgumentsT_contra", bound=Arguments, contravariant=True)


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one field of a command; goes to the relay, so it repeats no value of the source."""

    field: str  # "lineItems[2].quantity"; empty: the command as a whole
    code: str  # "required", "not_a_decimal", "not_updatable" ...
    message: str


class Refused(Exception):
    """Raised by `prepare`: the command is answered as refused, and nothing was tried."""

    def __init__(self, code: str, faults: tuple[FieldFault, ...] = ()) -> None:
        super().__init__(code)
        self.code = code
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Answer:
    state: State
    result: Mapping[
        str, Any
    ]  # JSON-ready; at most 60 KiB; no words of an error, which may hold values of the source


@dataclass(frozen=True, slots=True)
class Call:
    """One command that is being carried out."""

    id: str  # the idempotency key of its effect
    deadline: datetime
    actor: Actor
    progress: Callable[
        [Mapping[str, Any]], Awaitable[None]
    ]  # told to the relay as `running`, not more than once a second


class CommandKind(Protocol, Generic[ArgumentsT_contra]):
    """One word of the protocol. The executor has judged and written down a command before `run`."""

    name: ClassVar[str]
    arguments: ClassVar[type[BaseModel]]

    async def judge(self, arguments: ArgumentsT_contra, now: datetime) -> Decision:
        """What the local policy says."""
        ...

    async def prepare(self, arguments: ArgumentsT_contra) -> None:
        """Find what is wrong before anything is tried. Raises Refused, or a GroundwireError, which refuses too."""
        ...

    async def run(self, call: Call, arguments: ArgumentsT_contra) -> Answer:
        """Do it. Cancellation is the wish of who asked, or the end of the agent; a GroundwireError is a failure.

        A kind whose effect cannot be undone shields itself: it ends with an Answer, whatever happens.
        """
        ...

    async def recover(self, call: Call, arguments: ArgumentsT_contra) -> Answer:
        """It had started when an earlier process died: find out what became of it, and do nothing again."""
        ...
