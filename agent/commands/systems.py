"""The connections in force, as commands that write need them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.clock import Clock
from agent.commands.matrix import Matrices
from agent.commands.ports import CommandKind
from agent.commands.records import LiveRecords
from agent.commands.writing import WriteCounts, Writer, write_kinds
from agent.connections import Connections
from agent.errors import ConfigurationError
from agent.hosting.driver import HostedDriver
from agent.model.run import RunTrigger
from agent.policies.in_force import Leaves
from agent.policy.leave import EVERYTHING
from agent.policy.model import Policy
from agent.streams import build_stream
from drivers.contract import StreamSpec


class ConnectedSystems:
    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def names(self) -> Sequence[str]:
        return [connection.settings.name for connection in self._connections]

    def incarnation(self, connection: str) -> object:
        return self._connections.named(connection)

    def streams(self, connection: str) -> Sequence[StreamSpec]:
        """All of them: what may be written is not what may leave, nor what can be mapped."""
        return [
            StreamSpec(name, stream.entity, stream.read, write=stream.write)
            for name, stream in self._connections.named(connection).settings.streams.items()
        ]

    def require(self, connection: str) -> None:
        found = self._connections.named(connection)
        if found.driver is None:
            raise ConfigurationError(
                "the connection has no driver: its secrets cannot be read", where=connection
            )
        self._connections.require_running(connection)
        self._connections.require_credentials(connection)

    def driver(self, connection: str) -> HostedDriver:
        return self._connections.aside(connection)

    def fetch(self, connection: str, stream: str, key: str) -> None:
        self._connections.fetch({f"{connection}/{stream}": [key]}, RunTrigger.COMMAND)

    def compare(self, connection: str, stream: str) -> None:
        self._connections.start_syncs([(connection, stream)], RunTrigger.COMMAND, full=False)


class WrittenRecords:
    """The records that are written, read by key."""

    def __init__(self, connections: Connections, live: LiveRecords) -> None:
        self._connections = connections
        self._live = live

    async def present(self, connection: str, entity: str, key: str) -> Mapping[str, Any] | None:
        settings = self._connections.named(connection).settings
        for stream in settings.streams.values():
            if stream.entity == entity:
                whole = build_stream(settings, stream, EVERYTHING)
                found = await self._live.read_whole(whole, key)
                if found is not None:
                    return found
        return None

    async def leaving(self, connection: str, entity: str, key: str) -> Mapping[str, Any] | None:
        return await self._live.read(connection, entity, key)


class StatusWithOperations:
    """What the link tells of each connection, with its operation matrix as soon as that is known."""

    def __init__(self, connections: Callable[[], Sequence[dict[str, Any]]], matrices: Matrices) -> None:
        self._connections = connections
        self._matrices = matrices

    def connections(self) -> Sequence[dict[str, Any]]:
        return [self._with_operations(status) for status in self._connections()]

    def _with_operations(self, status: dict[str, Any]) -> dict[str, Any]:
        operations = self._matrices.published(status["name"])
        return status if operations is None else {**status, "operations": operations}


def connect_writes(
    connections: Connections,
    counts: WriteCounts,
    policy: Callable[[], Policy],
    clock: Clock,
    changed: Callable[[], None],
    leaving: Leaves,
) -> tuple[Matrices, Sequence[CommandKind[Any]]]:
    """The kinds that write, and the operation matrices they go by; `changed` hears of what is to be published."""
    systems = ConnectedSystems(connections)
    matrices = Matrices(systems, policy, clock, changed)
    records = WrittenRecords(connections, LiveRecords(connections, clock, leaving))
    return matrices, write_kinds(Writer(matrices, systems, records, counts, policy, clock))
