"""An executor with kinds, an audit log and a tunnel that a test can hold, break and look into."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from agent.audit.trail import Actor
from agent.clock import ManualClock
from agent.commands.cancelling import Cancel
from agent.commands.executor import Executor
from agent.commands.kind import OfConnection
from agent.commands.ports import Answer, Call, CommandKind, Refused, State
from agent.errors import AuditUnavailable
from agent.model.run import rfc3339
from agent.outbox.store import Outbox
from agent.policy.decision import Decision
from agent.protocol.frames import Command

ALLOWED = Decision(allowed=True, code="allowed", why="the rule says so")


class FakeTrail:
    def __init__(self) -> None:
        self.lines: list[tuple[str, Actor, dict[str, Any]]] = []
        self.available = True

    async def record(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None:
        if not self.available:
            raise AuditUnavailable
        self.lines.append((action, actor, dict(facts)))

    def actions(self, command: str | None = None) -> list[str]:
        return [action for action, _, facts in self.lines if command in (None, facts.get("command"))]


class Arguments(OfConnection):
    number: int = 0


class FakeKind:
    """Does what `work` says and remembers whom it worked for."""

    arguments: ClassVar[type[Arguments]] = Arguments

    def __init__(self, name: str = "sync") -> None:
        self.name = name  # type: ignore[misc]
        self.decision = ALLOWED
        self.judged = 0
        self.refusal: Exception | None = None
        self.begun: list[str] = []
        self.recovered: list[str] = []
        self.gate: asyncio.Event | None = None  # its runs wait for it
        self.work: Callable[[Call, Arguments], Awaitable[Answer]] = _succeed
        self.on_recover: Callable[[Call, Arguments], Awaitable[Answer]] = _interrupted

    async def judge(self, arguments: Arguments, now: datetime) -> Decision:
        self.judged += 1
        return self.decision

    async def prepare(self, arguments: Arguments) -> None:
        if self.refusal is not None:
            raise self.refusal

    async def run(self, call: Call, arguments: Arguments) -> Answer:
        self.begun.append(call.id)
        if self.gate is not None:
            await self.gate.wait()
        return await self.work(call, arguments)

    async def recover(self, call: Call, arguments: Arguments) -> Answer:
        self.recovered.append(call.id)
        return await self.on_recover(call, arguments)


async def _succeed(_call: Call, arguments: Arguments) -> Answer:
    return Answer(State.SUCCEEDED, {"number": arguments.number})


async def _interrupted(_call: Call, _arguments: Arguments) -> Answer:
    return Answer(State.FAILED, {"code": "interrupted"})


class World:
    def __init__(self, outbox: Outbox, clock: ManualClock) -> None:
        self.outbox, self.clock = outbox, clock
        self.sync, self.create = FakeKind("sync"), FakeKind("create")
        self.trail = FakeTrail()
        self.sent: list[tuple[str, str, Mapping[str, Any]]] = []
        self.executor = self.make()

    def make(self) -> Executor:
        kinds: list[CommandKind[Any]] = [
            self.sync,
            self.create,
            Cancel(self._cancel, lambda *_: ALLOWED),
        ]
        return Executor(self.outbox.journal, kinds, self.clock, self.trail, self._send)

    async def _cancel(self, command: str) -> State | None:
        return await self.executor.cancel(command)

    async def _send(self, command: str, state: str, result: Mapping[str, Any]) -> None:
        self.sent.append((command, state, result))

    def states(self, command: str = "c1") -> list[str]:
        return [state for known, state, _ in self.sent if known == command]

    def answer(self, command: str = "c1") -> tuple[str, Mapping[str, Any]]:
        return next((state, result) for known, state, result in reversed(self.sent) if known == command)

    def command(
        self,
        command_id: str = "c1",
        name: str = "sync",
        args: dict[str, Any] | None = None,
        seconds: float = 60,
    ) -> Command:
        deadline = rfc3339(self.clock.utcnow() + timedelta(seconds=seconds))
        return Command(command_id, name, {"connection": "erp"} if args is None else args, deadline)

    async def state_of(self, command: str = "c1") -> str:
        known = await self.outbox.journal.get(command)
        assert known is not None
        return known.state


@asynccontextmanager
async def opened(path: Path, clock: ManualClock | None = None) -> AsyncIterator[World]:
    clock = clock or ManualClock()
    async with await Outbox.open(path / "outbox.db", clock=clock) as outbox:
        yield World(outbox, clock)


@asynccontextmanager
async def working(world: World) -> AsyncIterator[World]:
    """Until everything that was handed over is done."""
    async with asyncio.TaskGroup() as group:
        await world.executor.start(group)
        yield world


async def until(condition: Callable[[], bool]) -> None:
    """Let the other tasks go on; the store's thread is real, so a turn of the loop may find nothing done yet."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop


__all__ = ["ALLOWED", "Answer", "FakeKind", "Refused", "State", "World", "opened", "until", "working"]
