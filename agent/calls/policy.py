"""What the running agent answers about its policy, to the command line and the console alike.

    policy_state    {}  -> {sha256, fault} of the policy in force
    policy_record   {connection, entity, key}  -> {record}: as it is at the source now, whole
    policy_words    {}  -> {file, sha256, fault, agent, connections: [{name, configured, commands, leave, write}], notes}
    policy_explain  {connection, entity?, key?, command?, operation?, record?, writes?}
                    -> {allowed, why, rule, code, fields: [...]}

`policy_explain` asks the policy in force, which `groundwire policy explain` reads from the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from agent.calls.arguments import maybe_text, number, text
from agent.clock import Clock
from agent.connections import Connections
from agent.control import Handler, Progress
from agent.errors import ConfigurationError
from agent.policies.explaining import read_document, refuse_unknown
from agent.policies.in_force import Policies
from agent.policies.notes import notes_of, owner_notes
from agent.policy.decide import decide_command, decide_write
from agent.policy.explain import explain_record, explain_write
from agent.policy.model import POLICY_FILE, Policy
from agent.policy.names import AGENT_COMMANDS
from agent.policy.words import documents, words_of
from agent.settings import Settings


class PolicyCalls:
    def __init__(
        self, policies: Policies, connections: Connections, settings: Callable[[], Settings], clock: Clock
    ) -> None:
        """`settings`: as the files say now."""
        self._policies = policies
        self._connections = connections
        self._settings = settings
        self._clock = clock

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "policy_state": self._state,
            "policy_record": self._record,
            "policy_words": self._words,
            "policy_explain": self._explain,
        }

    async def _state(self, _args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        policy = self._policies.current
        return {"sha256": policy.digest or None, "fault": policy.fault or None}

    async def _record(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """The whole record: for the person at this host who may read the source anyway."""
        return {"record": await self._read(text(args, "connection"), text(args, "entity"), text(args, "key"))}

    async def _words(self, _args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        policy, settings = self._policies.current, self._settings()
        there = {
            name: [stream.entity for stream in one.streams.values()]
            for name, one in settings.connections.items()
        }
        return {
            "file": str(settings.config_dir / POLICY_FILE),
            "sha256": policy.digest or None,
            "fault": policy.fault or None,
            "agent": list(policy.file.commands),
            "connections": [
                {
                    "name": name,
                    "configured": name in there,
                    **documents(words_of(policy, name, there.get(name, ()))),
                }
                for name in dict.fromkeys([*there, *policy.file.connections])
            ],
            "notes": [*owner_notes(settings.config_dir), *notes_of(policy, settings)],
        }

    async def _explain(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        connection, entity = text(args, "connection"), maybe_text(args, "entity") or None
        command, operation = maybe_text(args, "command") or None, maybe_text(args, "operation") or None
        policy = self._policies.current
        refuse_unknown(
            self._settings(),
            policy,
            connection=connection,
            command=command,
            entity=entity,
            operation=operation,
        )
        if command is not None:
            decision = decide_command(
                policy, "" if command in AGENT_COMMANDS else connection, command, self._clock.utcnow()
            )
            return {**asdict(decision), "fields": []}
        if entity is None:
            raise ConfigurationError("there is nothing to explain", hint="Name an entity or a command.")
        if operation is not None:
            return self._write(policy, connection, entity, operation, args)
        key = maybe_text(args, "key") or None
        document = await self._read(connection, entity, key) if key is not None else None
        found = explain_record(policy, connection, entity, document)
        return {**asdict(found), "code": None, "document": document}

    def _write(
        self, policy: Policy, connection: str, entity: str, operation: str, args: Mapping[str, Any]
    ) -> dict[str, Any]:
        record = args.get("record") or {}
        if not isinstance(record, dict):
            raise ConfigurationError("record is a JSON object")
        decision = decide_write(
            policy, connection, entity, operation, record, self._clock.utcnow(), number(args, "writes")
        )
        fields = [asdict(one) for one in explain_write(policy, connection, entity, record)]
        return {**asdict(decision), "fields": fields}

    async def _read(self, connection: str, entity: str, key: str) -> dict[str, Any]:
        settings = self._connections.named(connection).settings
        return await read_document(self._connections.aside(connection), settings, entity, key)
