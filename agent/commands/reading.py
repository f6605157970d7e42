"""`read_record`: one record as it is at the source now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from agent.commands.answers import told
from agent.commands.arguments import EntityName, KeyText
from agent.commands.gate import JudgeCommand
from agent.commands.kind import ConnectionKind, OfConnection
from agent.commands.ports import Answer, Call, FieldFault, State
from agent.commands.records import RecordRejected


class Records(Protocol):
    async def read(self, connection: str, entity: str, key: str) -> Mapping[str, Any] | None: ...


class Readable(Protocol):
    """The connections in force."""

    def choose(
        self, connection: str, streams: list[str] | None = None, entities: list[str] | None = None
    ) -> list[tuple[str, str]]: ...

    def require(self, wanted: list[tuple[str, str]]) -> None: ...

    def require_credentials(self, name: str) -> None: ...


class ReadRecordArguments(OfConnection):
    entity: EntityName
    key: KeyText


class ReadRecord(ConnectionKind):
    name: ClassVar[str] = "read_record"
    arguments: ClassVar[type[BaseModel]] = ReadRecordArguments

    def __init__(self, connections: Readable, records: Records, judge: JudgeCommand) -> None:
        super().__init__(judge)
        self._connections = connections
        self._records = records

    async def prepare(self, arguments: ReadRecordArguments) -> None:
        wanted = self._connections.choose(arguments.connection, None, [arguments.entity])
        self._connections.require(wanted)
        self._connections.require_credentials(arguments.connection)

    async def run(self, _call: Call, arguments: ReadRecordArguments) -> Answer:
        try:
            record = await self._records.read(arguments.connection, arguments.entity, arguments.key)
        except RecordRejected as error:
            fault = FieldFault(error.field, error.reason, "the value at the source does not fit")
            return Answer(State.FAILED, told(error.code, [fault]))
        if record is None:
            return Answer(State.FAILED, {**told("not_found"), "record": None})
        return Answer(State.SUCCEEDED, {"record": dict(record)})
