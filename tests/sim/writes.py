"""What the ERP does with writes: it loses requests and replies, is slow, and effects may come late."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextvars import Context
from datetime import timedelta
from random import Random
from typing import Final

from agent.errors import DriverCrashed, Unreachable
from drivers.contract import (
    Message,
    Operation,
    OperationKind,
    Outcome,
    OutcomeStatus,
    StreamSpec,
    WriteCommand,
)

SETTLES_SECONDS: Final = 20.0  # after it, what is not there never comes
FATES: Final = ("done", "done", "refused", "reply_lost", "request_lost", "late")


class Writes:
    """Effects by command, whatever becomes of the agent."""

    def __init__(self) -> None:
        self.effects: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.calm = False  # nothing goes wrong any more

    def driver(self, random: Random) -> WriteDriver:
        return WriteDriver(self, random)


class WriteDriver:
    def __init__(self, writes: Writes, random: Random) -> None:
        self._writes, self._random = writes, random

    async def start(self) -> None: ...

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]:
        await self._pause(0.2)
        return [
            Operation(
                stream.name,
                stream.entity,
                OperationKind.CREATE,
                fields=("title",),
                effect_settles_after=timedelta(seconds=SETTLES_SECONDS),
            )
            for stream in streams
        ]

    async def execute(self, command: WriteCommand) -> Outcome:
        key = command.idempotency_key
        await self._pause(0.5)
        self._writes.calls[key] += 1
        fate = "done" if self._writes.calm else self._random.choice(FATES)
        if fate in ("done", "reply_lost"):
            self._writes.effects[key] += 1
        elif fate == "late":
            delay = self._random.random() * SETTLES_SECONDS * 0.9
            asyncio.get_running_loop().call_later(
                delay, self._writes.effects.update, [key], context=Context()
            )
        await self._pause(2.0)
        if fate == "done":
            return _made(command)
        if fate == "refused":
            return Outcome(OutcomeStatus.FAILED, messages=(Message("not now", "E7", "title"),))
        raise Unreachable if self._random.random() < 0.5 else DriverCrashed

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        await self._pause(0.5)
        if not self._writes.calm and self._random.random() < 0.2:
            raise Unreachable
        return _made(command) if self._writes.effects[command.idempotency_key] else None

    async def _pause(self, most: float) -> None:
        await asyncio.sleep(most * self._random.random())  # noqa: TID251 - in virtual time


def _made(command: WriteCommand) -> Outcome:
    return Outcome(OutcomeStatus.SUCCEEDED, key=f"K-{command.idempotency_key}", reference="R")
