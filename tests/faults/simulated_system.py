"""An ERP behind a network that loses requests and replies, and an agent that may die at any step.

Everything happens by a virtual clock and a seed. What the system holds is the truth that outcomes are compared with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Final

from agent.clock import ManualClock
from agent.errors import (
    ConfigurationError,
    CredentialsRefused,
    DriverCrashed,
    GroundwireError,
    NotPermitted,
    RecordError,
    SourceChanged,
    Throttled,
    Unreachable,
)
from drivers.contract import (
    Message,
    Operation,
    OperationKind,
    Outcome,
    OutcomeStatus,
    StreamSpec,
    WriteCommand,
)

NEVER: Final = float("inf")


class Life:
    """One process of the agent: dies when it comes to its last step, and nothing of it has an effect after that."""

    def __init__(self, steps: float) -> None:
        self._left = steps
        self.dead = asyncio.Event()
        self._gone = asyncio.Event()

    async def step(self) -> None:
        if not self.dead.is_set():
            self._left -= 1
            if self._left > 0:
                return
            self.dead.set()
        await self._gone.wait()
        raise asyncio.CancelledError

    def bury(self) -> None:
        self._gone.set()


@dataclass(frozen=True, slots=True)
class Traits:
    """What kind of system it is."""

    settles: float | None  # seconds; None: nobody can ask what became of a write
    unique: bool  # it takes an external reference only once
    silent_until: float = 0.0  # lookups fail until then
    kinds: Sequence[OperationKind] = tuple(OperationKind)

    def operations(self, streams: Sequence[StreamSpec]) -> list[Operation]:
        after = None if self.settles is None else timedelta(seconds=self.settles)
        return [
            Operation(
                stream.name, stream.entity, kind, fields=("title", "status"), statuses=("approved",), effect_settles_after=after
            )
            for stream in streams
            for kind in self.kinds
        ]  # fmt: skip


@dataclass(slots=True)
class SimulatedSystem:
    traits: Traits
    clock: ManualClock
    random: Random
    effects: dict[str, list[float]] = field(default_factory=dict)  # when each effect of a command is there
    calls: dict[str, int] = field(default_factory=dict)
    unanswered: set[str] = field(default_factory=set)  # commands whose reply was lost, or said nothing

    def count(self, command: str) -> int:
        """Effects that are there now."""
        now = self.clock.monotonic()
        return sum(moment <= now for moment in self.effects.get(command, ()))

    def land(self, command: str, delay: float = 0.0) -> None:
        there = self.effects.setdefault(command, [])
        if not (self.traits.unique and there):
            there.append(self.clock.monotonic() + delay)

    def delay(self) -> float:
        """How late an effect may come after its call has ended: within what the system promises, or soon."""
        longest = self.traits.settles if self.traits.settles is not None else 60.0
        return self.random.choice((0.0, self.random.uniform(0.0, longest), longest))


class SimulatedDriver:
    """The system as one life of the agent sees it."""

    def __init__(self, system: SimulatedSystem, life: Life) -> None:
        self._system = system
        self._life = life

    async def start(self) -> None:
        await self._life.step()
        if self._system.random.random() < 0.02:
            raise DriverCrashed

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]:
        await self._life.step()
        if self._system.random.random() < 0.05:
            raise Unreachable
        return self._system.traits.operations(streams)

    async def execute(self, command: WriteCommand) -> Outcome:
        system, random, key = self._system, self._system.random, command.idempotency_key
        await self._life.step()  # died before anything left the host
        system.calls[key] = system.calls.get(key, 0) + 1
        fate = random.choice(FATES)
        repeats = 2 if system.traits.unique and random.random() < 0.2 else 1  # by the network
        if fate in EFFECTIVE:
            delay = system.delay() if fate == "late" else 0.0
            for _ in range(repeats):
                system.land(key, delay)
        await self._life.step()  # died with the reply on its way
        if random.random() < 0.3:
            system.clock.advance(random.choice((0.1, 30.0, 300.0)))
        if fate not in ANSWERED:
            system.unanswered.add(key)
        return _reply(fate, command, random)

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        system, random = self._system, self._system.random
        await self._life.step()
        if system.traits.settles is None or system.clock.monotonic() < system.traits.silent_until:
            raise _one_of(LOST, random)
        if random.random() < 0.2:
            raise Unreachable
        found = system.count(command.idempotency_key)  # as it is when the question arrives
        if random.random() < 0.3:
            system.clock.advance(random.choice((0.5, 20.0, 200.0)))  # and the answer takes its time
        await self._life.step()
        return _made(command) if found else None


ANSWERED: Final = frozenset({"done", "refused", "promised"})
EFFECTIVE: Final = frozenset({"done", "reply_lost", "late", "unsure_done"})
FATES: Final = (
    "done", "done", "done", "refused", "promised", "reply_lost", "reply_lost", "request_lost", "late", "late",
    "unsure_done", "unsure_nothing",
)  # fmt: skip
PROMISES: Final = (CredentialsRefused, NotPermitted, ConfigurationError, SourceChanged, RecordError)


def _throttled() -> GroundwireError:
    return Throttled(retry_after=3.0)


LOST: Final = (Unreachable, DriverCrashed, _throttled, OSError)


def _one_of(errors: Sequence[Callable[[], Exception]], random: Random) -> Exception:
    return random.choice(errors)()


def _made(command: WriteCommand) -> Outcome:
    key = str(command.record.get("key", f"K-{command.idempotency_key}"))
    return Outcome(OutcomeStatus.SUCCEEDED, key=key, reference=f"R-{key}")


def _reply(fate: str, command: WriteCommand, random: Random) -> Outcome:
    match fate:
        case "done":
            return _made(command)
        case "refused":
            return Outcome(OutcomeStatus.FAILED, messages=(Message("not now", "E7", "title"),))
        case "promised":
            raise _one_of(PROMISES, random)
        case "unsure_done" | "unsure_nothing":
            return Outcome(OutcomeStatus.IN_DOUBT)
        case _:
            raise _one_of(LOST, random)
