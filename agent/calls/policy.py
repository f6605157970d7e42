"""What the running agent answers about its policy (see agent/commandline/policy.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.calls.arguments import text
from agent.connections import Connections
from agent.control import Handler, Progress
from agent.policies.explaining import read_document
from agent.policies.in_force import Policies


class PolicyCalls:
    def __init__(self, policies: Policies, connections: Connections) -> None:
        self._policies = policies
        self._connections = connections

    def handlers(self) -> Mapping[str, Handler]:
        return {"policy_state": self._state, "policy_record": self._record}

    async def _state(self, _args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        policy = self._policies.current
        return {"sha256": policy.digest or None, "fault": policy.fault or None}

    async def _record(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """The whole record: for the person at this host who may read the source anyway."""
        connection, entity, key = (text(args, name) for name in ("connection", "entity", "key"))
        settings = self._connections.named(connection).settings
        return {"record": await read_document(self._connections.aside(connection), settings, entity, key)}
