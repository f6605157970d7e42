"""`pause` and `resume` of a connection."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

from pydantic import BaseModel

from agent.commands.gate import JudgeCommand
from agent.commands.kind import ConnectionKind, OfConnection
from agent.commands.ports import Answer, Call, State


class Pausable(Protocol):
    """The connections in force. Everything raises ConfigurationError for one that is not there."""

    def named(self, name: str) -> object: ...

    async def pause(self, name: str) -> None: ...

    async def resume(self, name: str) -> None: ...


class _Pausing(ConnectionKind, ABC):
    arguments: ClassVar[type[BaseModel]] = OfConnection

    def __init__(self, connections: Pausable, judge: JudgeCommand) -> None:
        super().__init__(judge)
        self._connections = connections

    async def prepare(self, arguments: OfConnection) -> None:
        self._connections.named(arguments.connection)

    @abstractmethod
    async def run(self, call: Call, arguments: OfConnection) -> Answer:
        """As every kind does."""

    async def recover(self, call: Call, arguments: OfConnection) -> Answer:
        """To do it again changes nothing."""
        return await self.run(call, arguments)


class Pause(_Pausing):
    name: ClassVar[str] = "pause"

    async def run(self, _call: Call, arguments: OfConnection) -> Answer:
        await self._connections.pause(arguments.connection)
        return Answer(State.SUCCEEDED, {"paused": True})


class Resume(_Pausing):
    name: ClassVar[str] = "resume"

    async def run(self, _call: Call, arguments: OfConnection) -> Answer:
        await self._connections.resume(arguments.connection)
        return Answer(State.SUCCEEDED, {"paused": False})
