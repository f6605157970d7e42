"""What the command line asks of commands: answered by the running agent, or by a command while none runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Protocol

import orjson

from agent.audit.trail import Actor, AuditTrail
from agent.commands.executor import Executor
from agent.commands.ports import State
from agent.control import Handler, Progress
from agent.errors import ConfigurationError, GroundwireError
from agent.model.run import rfc3339
from agent.outbox.journal import CommandJournal, CommandRecord

MAX_LISTED: Final = 1_000
MAX_FACT_CHARS: Final = 1_000  # of what a person says when settling
SETTLED: Final = (State.SUCCEEDED, State.FAILED)


async def doubts(journal: CommandJournal) -> dict[str, Any]:
    """For the status: what waits for a person."""
    return {"in_doubt": len(await journal.recent(MAX_LISTED, State.IN_DOUBT))}


class CommandUnknown(GroundwireError):
    """There is no such command in the journal."""

    code = "not_found"
    default_hint = (
        "`groundwire commands list` shows those that are kept: answered ones are forgotten after a week."
    )


class Pausable(Protocol):
    """Raises ConfigurationError for a connection that is not there."""

    async def pause(self, name: str) -> None: ...

    async def resume(self, name: str) -> None: ...


class CommandCalls:
    def __init__(
        self,
        executor: Executor,
        journal: CommandJournal,
        connections: Pausable,
        trail: AuditTrail,
        actor: Callable[[], Actor],
    ) -> None:
        self._executor = executor
        self._journal = journal
        self._connections = connections
        self._trail = trail
        self._actor = actor

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "commands": self._list,
            "command": self._show,
            "settle_command": self._settle,
            "cancel_command": self._cancel,
            "pause": self._pause,
            "resume": self._resume,
        }

    async def _list(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        limit = args.get("limit", 100)
        state = args.get("state")
        if type(limit) is not int or not 0 < limit <= MAX_LISTED:
            raise ConfigurationError(f"limit is a whole number up to {MAX_LISTED}")
        found = await self._journal.recent(limit, state if isinstance(state, str) else None)
        return {"commands": [_document(record) for record in found]}

    async def _show(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        return _whole(await self._known(args))

    async def _settle(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        record = await self._known(args)
        if args.get("state") not in SETTLED:
            raise ConfigurationError("a command is settled as succeeded or as failed")
        facts = {name: args[name] for name in ("reference", "note") if isinstance(args.get(name), str)}
        if any(len(fact) > MAX_FACT_CHARS for fact in facts.values()):
            raise ConfigurationError(f"reference and note are texts of at most {MAX_FACT_CHARS} characters")
        return _whole(await self._executor.settle(record.id, State(args["state"]), facts, self._actor()))

    async def _cancel(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        record = await self._known(args)
        await self._record("cancel_command", {"command": record.id})
        state = await self._executor.cancel(record.id)
        return {"id": record.id, "state": (state or State.RUNNING).value}

    async def _pause(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        name = str(args.get("connection", ""))
        await self._record("pause", {"connection": name})
        await self._connections.pause(name)
        return {"connection": name, "paused": True}

    async def _resume(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        name = str(args.get("connection", ""))
        await self._record("resume", {"connection": name})
        await self._connections.resume(name)
        return {"connection": name, "paused": False}

    async def _record(self, call: str, facts: Mapping[str, Any]) -> None:
        await self._trail.record("local_action", self._actor(), {"call": call, **facts})

    async def _known(self, args: dict[str, Any]) -> CommandRecord:
        found = await self._journal.get(str(args.get("id", "")))
        if found is None:
            raise CommandUnknown(where=str(args.get("id", ""))[:64])
        return found


def _document(record: CommandRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "connection": record.connection or None,
        "entity": record.entity or None,
        "state": record.state,
        "code": record.result.get("code") if isinstance(record.result, dict) else None,
        "received_at": rfc3339(record.received_at),
        "deadline": _moment(record.deadline),
        "started_at": _moment(record.started_at),
        "finished_at": _moment(record.finished_at),
        "acked_at": _moment(record.acked_at),
    }


def _whole(record: CommandRecord) -> dict[str, Any]:
    """With what was asked and answered, which may hold values of the business."""
    return {**_document(record), "args": orjson.loads(record.body)["args"], "result": record.result}


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
