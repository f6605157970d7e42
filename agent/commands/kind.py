"""What most kinds of commands have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from agent.commands.answers import told
from agent.commands.arguments import Name
from agent.commands.gate import JudgeCommand
from agent.commands.ports import Answer, Arguments, Call, State
from agent.policy.decision import Decision


class OfConnection(Arguments):
    connection: Name


class ConnectionKind:
    """A command about one connection that the policy allows by its name alone, and that can be asked for again."""

    name: ClassVar[str]

    def __init__(self, judge: JudgeCommand) -> None:
        self._judge = judge

    async def judge(self, arguments: OfConnection, now: datetime) -> Decision:
        return self._judge(arguments.connection, self.name, now)

    async def prepare(self, arguments: Any) -> None:
        """Nothing can be wrong before it is tried."""

    async def recover(self, _call: Call, _arguments: Any) -> Answer:
        """It was cut short by the end of the agent; who asked may ask again."""
        return Answer(State.FAILED, told("interrupted"))
