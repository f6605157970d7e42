"""`cancel`: a command that waits or runs is ended, where that is safe."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field

from agent.commands.answers import told
from agent.commands.gate import JudgeCommand
from agent.commands.ports import Answer, Arguments, Call, State
from agent.policy.decision import Decision

CommandId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$")]


class CancelArguments(Arguments):
    command: CommandId


class Cancel:
    name: ClassVar[str] = "cancel"
    arguments: ClassVar[type[BaseModel]] = CancelArguments

    def __init__(self, cancel: Callable[[str], Awaitable[State | None]], judge: JudgeCommand) -> None:
        """`cancel` ends a command by its id, as `Executor.cancel` does."""
        self._cancel = cancel
        self._judge = judge

    async def judge(self, _arguments: CancelArguments, now: datetime) -> Decision:
        return self._judge("", self.name, now)

    async def prepare(self, arguments: CancelArguments) -> None:
        """Nothing can be wrong before it is tried."""

    async def run(self, _call: Call, arguments: CancelArguments) -> Answer:
        state = await self._cancel(arguments.command)
        if state is None:
            return Answer(State.FAILED, told("not_found"))
        if state is State.CANCELLED:
            return Answer(State.SUCCEEDED, {"state": state.value})
        return Answer(State.FAILED, {**told("too_late"), "state": state.value})

    async def recover(self, call: Call, arguments: CancelArguments) -> Answer:
        """To ask again changes nothing that was not wanted."""
        return await self.run(call, arguments)
