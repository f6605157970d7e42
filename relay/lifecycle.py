"""Pure: what a command is, the states it can be in, and what leads from one to the next.

| in this state | leads on |
|---|---|
| queued | sent (noted before it is given to its agent), expired (its deadline passed), cancelled (withdrawn, or its agent revoked) |
| queued, sent, running | running, succeeded, failed, refused, in_doubt, expired, cancelled: by its agent's word |
| sent, running | in_doubt: another installation took its agent's place, or it was revoked: nobody is left to ask |
| in_doubt | succeeded, failed: settled at the agent |

Every other word changes nothing. docs/commands.md says what each state means to who asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

OVERDUE_AFTER: Final = timedelta(
    hours=1
)  # behind its deadline; then it no longer counts as open for the bound


class CommandState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    IN_DOUBT = "in_doubt"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def open(self) -> bool:
        return self in OPEN


OPEN: Final = frozenset({CommandState.QUEUED, CommandState.SENT, CommandState.RUNNING})
OUTCOMES: Final = frozenset(CommandState) - OPEN
SETTLED: Final = frozenset({CommandState.SUCCEEDED, CommandState.FAILED})

_NEVER_SENT: Final = {"code": "never_sent"}  # the agent has not seen it, so nothing was tried
_AGENT_REPLACED: Final = {"code": "agent_replaced"}
_AGENT_REVOKED: Final = {"code": "agent_revoked"}


@dataclass(frozen=True, slots=True)
class Step:
    """A state that a command reached, and when."""

    state: CommandState
    at: datetime
    result: Mapping[str, Any] | None = None  # of an outcome that was replaced: what was in doubt


@dataclass(frozen=True, slots=True)
class Command:
    id: str
    tenant: str
    agent: str
    connection: str | None  # the connection's id; None: it is about the agent
    kind: str
    args: Mapping[str, Any]
    idempotency_key: str | None  # None: the request named none, and a repeat of it is another command
    request_hash: bytes  # of all that a repeat with the same key must have in common
    state: CommandState
    created_at: datetime
    updated_at: datetime
    deadline: datetime
    history: tuple[Step, ...]
    lineage: int | None = None  # of the agent's installation it was sent to
    progress: Mapping[str, Any] | None = None  # the newest word of a running one
    result: Mapping[str, Any] | None = None  # with its outcome


def sent(command: Command, lineage: int, now: datetime) -> Command | None:
    """To be kept before it goes out: one that is `queued` was seen by nobody, whatever happens to the relay."""
    if command.state is not CommandState.QUEUED:
        return None
    return replace(_reached(command, CommandState.SENT, now), lineage=lineage)


def answered(
    command: Command, state: CommandState, result: Mapping[str, Any], now: datetime
) -> Command | None:
    """The agent's word; None: it changes nothing, being late, repeated, or impossible."""
    if state is CommandState.RUNNING:
        return _progressed(command, result, now)
    if state not in OUTCOMES or _of_another(command, state, result):
        return None
    if command.state.open:
        return replace(_reached(command, state, now), result=result)
    if command.state is CommandState.IN_DOUBT and state in SETTLED:
        *before, doubt = command.history
        doubted = replace(command, history=(*before, replace(doubt, result=command.result)))
        return replace(_reached(doubted, state, now), result=result)
    return None


def _of_another(command: Command, state: CommandState, result: Mapping[str, Any]) -> bool:
    """That the agent knows another command by this id is no outcome of one that it has begun."""
    conflicts = state is CommandState.REFUSED and result.get("code") == "conflict"
    return conflicts and command.state is CommandState.RUNNING


def _progressed(command: Command, progress: Mapping[str, Any], now: datetime) -> Command | None:
    if not command.state.open:
        return None
    if command.state is CommandState.RUNNING:
        return replace(command, progress=progress, updated_at=now)
    return replace(_reached(command, CommandState.RUNNING, now), progress=progress)


def expired(command: Command, now: datetime) -> Command | None:
    """Only one that was never sent: what the agent may have is the agent's to call expired."""
    if command.state is not CommandState.QUEUED or command.deadline > now:
        return None
    return replace(_reached(command, CommandState.EXPIRED, command.deadline), result=_NEVER_SENT)


def withdrawn(command: Command, now: datetime) -> Command | None:
    """Only one that was never sent: anything else is the agent's to cancel."""
    if command.state is not CommandState.QUEUED:
        return None
    return replace(_reached(command, CommandState.CANCELLED, now), result=_NEVER_SENT)


def orphaned(command: Command, lineage: int, now: datetime) -> Command | None:
    """An agent that enrolled anew may have lost its journal: given the command again it might do it twice."""
    if command.state not in (CommandState.SENT, CommandState.RUNNING) or command.lineage == lineage:
        return None
    return replace(_reached(command, CommandState.IN_DOUBT, now), result=_AGENT_REPLACED)


def abandoned(command: Command, now: datetime) -> Command | None:
    """Its agent was revoked: nobody can send it any more, or tell what became of it."""
    if not command.state.open:
        return None
    unseen = command.state is CommandState.QUEUED
    reached = CommandState.CANCELLED if unseen else CommandState.IN_DOUBT
    return replace(_reached(command, reached, now), result=_AGENT_REVOKED)


def _reached(command: Command, state: CommandState, at: datetime) -> Command:
    return replace(command, state=state, updated_at=at, history=(*command.history, Step(state, at)))
