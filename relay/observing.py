"""What happens in the relay, told to whoever watches: metrics, traces, and the notes of health.

Every method returns at once, raises nothing and changes nothing of what it is told of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from relay.lifecycle import Command, CommandState
from relay.store.base import Agent, AppendOutcome, BatchHeader, ConnectionStatus, NewBatch, RunRow

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Word:
    """What an agent told of its connections and of itself."""

    agent: Agent
    connections: Sequence[ConnectionStatus]
    health: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Settled:
    """A batch that is committed, or refused, and answered now."""

    batch: NewBatch
    outcome: AppendOutcome
    enqueued_at: str  # the agent's word


@dataclass(frozen=True, slots=True)
class Commit:
    """One transaction of batches."""

    batches: Sequence[NewBatch]
    begun: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class Round:
    """One transaction of the index."""

    headers: Sequence[BatchHeader]
    runs: Sequence[RunRow]
    begun: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """An agent's word on a command."""

    agent: Agent
    command: str
    state: CommandState


@dataclass(frozen=True, slots=True)
class Answered:
    """A request of the API."""

    method: str
    route: str  # the pattern, never a path
    status: int
    seconds: float


class Observer:
    """Sees everything and notes nothing: what a subclass does not care for stays as it is."""

    def agent_arrived(self, agent: Agent) -> None: ...
    def agent_left(self, agent: Agent) -> None: ...
    def turned_away(self, reason: str) -> None:
        """An agent was not let in; `reason` is one of a few words."""

    def told(self, word: Word) -> None: ...
    def settled(self, settled: Settled) -> None: ...
    def committed(self, commit: Commit) -> None: ...
    def materialised(self, done: Round) -> None: ...
    def command_sent(self, command: Command) -> None: ...
    def command_answered(self, outcome: Outcome) -> None: ...
    def request_answered(self, answered: Answered) -> None: ...
    def webhook_attempted(self, outcome: str, seconds: float) -> None:
        """`outcome` is one of a few words."""


class Observers(Observer):
    """Tells each of several. One that fails all the same is passed over: nothing that is watched may end by it."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers
        self._failed: set[tuple[str, str]] = set()

    def _each(self, tell: Callable[[Observer], None]) -> None:
        for one in self._observers:
            try:
                tell(one)
            except Exception as error:  # noqa: BLE001 - an ack or a task hangs on whoever tells
                self._note(type(one).__name__, type(error).__name__)

    def _note(self, observer: str, error: str) -> None:
        """Said once of each kind: what is watched may be every batch. The error's text may hold an agent's values."""
        if (observer, error) not in self._failed:
            self._failed.add((observer, error))
            log.error("observer_failed", observer=observer, error=error)

    def agent_arrived(self, agent: Agent) -> None:
        self._each(lambda one: one.agent_arrived(agent))

    def agent_left(self, agent: Agent) -> None:
        self._each(lambda one: one.agent_left(agent))

    def turned_away(self, reason: str) -> None:
        self._each(lambda one: one.turned_away(reason))

    def told(self, word: Word) -> None:
        self._each(lambda one: one.told(word))

    def settled(self, settled: Settled) -> None:
        self._each(lambda one: one.settled(settled))

    def committed(self, commit: Commit) -> None:
        self._each(lambda one: one.committed(commit))

    def materialised(self, done: Round) -> None:
        self._each(lambda one: one.materialised(done))

    def command_sent(self, command: Command) -> None:
        self._each(lambda one: one.command_sent(command))

    def command_answered(self, outcome: Outcome) -> None:
        self._each(lambda one: one.command_answered(outcome))

    def request_answered(self, answered: Answered) -> None:
        self._each(lambda one: one.request_answered(answered))

    def webhook_attempted(self, outcome: str, seconds: float) -> None:
        self._each(lambda one: one.webhook_attempted(outcome, seconds))
