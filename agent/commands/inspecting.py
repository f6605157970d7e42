"""`test` and `discover`: how a connection answers, and what its source holds. Names and codes, never values."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any, ClassVar, Final, Protocol

from pydantic import BaseModel, Field

from agent.checking import check_connection
from agent.commands.answers import RESULT_BYTES, size_of
from agent.commands.gate import JudgeCommand
from agent.commands.kind import ConnectionKind, OfConnection
from agent.commands.ports import Answer, Call, State
from agent.settings import ConnectionSettings
from drivers.contract import Catalogue, CheckStep, Operation, Page, ReadRequest, StreamSpec, Table

MAX_TABLES: Final = 200  # named in one command
MAX_STEPS: Final = 400


class Inspected(Protocol):
    """What the two need of a driver."""

    async def check(self, streams: Sequence[StreamSpec] = ()) -> Sequence[CheckStep]: ...

    async def discover(self) -> Catalogue: ...

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]: ...

    def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]: ...


class Inspectable(Protocol):
    """The connections in force. Everything raises a GroundwireError for what is not there, or must not be tried."""

    def settings(self, name: str) -> ConnectionSettings: ...

    def require_credentials(self, name: str) -> None: ...

    def aside(self, name: str) -> Inspected: ...


class DiscoverArguments(OfConnection):
    tables: list[Annotated[str, Field(max_length=512)]] | None = Field(default=None, max_length=MAX_TABLES)


class _Inspecting(ConnectionKind):
    def __init__(self, connections: Inspectable, judge: JudgeCommand) -> None:
        super().__init__(judge)
        self._connections = connections

    async def prepare(self, arguments: OfConnection) -> None:
        self._connections.require_credentials(arguments.connection)


class CheckConnection(_Inspecting):
    name: ClassVar[str] = "test"
    arguments: ClassVar[type[BaseModel]] = OfConnection

    async def run(self, _call: Call, arguments: OfConnection) -> Answer:
        settings = self._connections.settings(arguments.connection)
        steps = await check_connection(self._connections.aside(arguments.connection), settings)
        told = [{"name": step.name, "ok": step.ok, "code": step.code} for step in steps[:MAX_STEPS]]
        broken = [step for step in steps if not step.ok]
        if not broken:
            return Answer(State.SUCCEEDED, {"steps": told})
        return Answer(State.FAILED, {"code": broken[0].code or "check_failed", "steps": told})


class Discover(_Inspecting):
    name: ClassVar[str] = "discover"
    arguments: ClassVar[type[BaseModel]] = DiscoverArguments

    async def run(self, _call: Call, arguments: DiscoverArguments) -> Answer:
        catalogue = await self._connections.aside(arguments.connection).discover()
        return Answer(State.SUCCEEDED, described(catalogue.tables, arguments.tables))


def described(tables: Sequence[Table], wanted: Sequence[str] | None) -> dict[str, Any]:
    """The tables with their columns; names and numbers alone, or not even all of those, where it would be too much.

    `complete` says whether everything that was asked for is there.
    """
    chosen = [table for table in tables if wanted is None or table.name in set(wanted)]
    full = [_table(table) for table in chosen]
    room = RESULT_BYTES - 1_024
    if size_of(full) <= room:
        return {"tables": full, "count": len(chosen), "complete": True}
    if wanted is None:
        full = [{"name": table.name, "columns": len(table.columns)} for table in chosen]
    return {"tables": _beginning(full, room), "count": len(chosen), "complete": False}


def _beginning(entries: list[dict[str, Any]], room: int) -> list[dict[str, Any]]:
    kept = []
    for entry in entries:
        room -= size_of(entry) + 1
        if room < 0:
            break
        kept.append(entry)
    return kept


def _table(table: Table) -> dict[str, Any]:
    return {
        "name": table.name,
        "key": list(table.key),
        "replicationKey": table.replication_key,
        "rows": table.rows,
        "columns": [
            {"name": column.name, "type": column.type, "nullable": column.nullable}
            for column in table.columns
        ],
    }
