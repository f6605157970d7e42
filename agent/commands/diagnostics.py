"""`diagnostics`: how the agent is, for whoever looks after it from afar.

Versions, states, numbers and codes; no value of a business, no words of an error, no name of a host or a path.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final, Protocol

from pydantic import BaseModel

from agent.commands.answers import RESULT_BYTES, size_of
from agent.commands.gate import JudgeCommand
from agent.commands.ports import Answer, Arguments, Call, State
from agent.model.run import rfc3339
from agent.outbox.store import OutboxStats, RunRecord
from agent.policy.decision import Decision
from agent.tunnel.link import LinkState
from agent.version import SOFTWARE

MAX_RUNS: Final = 50  # the newest
MAX_CONNECTIONS: Final = 200


class NoArguments(Arguments):
    pass


class Statuses(Protocol):
    def connections(self) -> Sequence[Mapping[str, Any]]:
        """As the relay may see them."""
        ...


class Outboxes(Protocol):
    @property
    def damaged(self) -> int: ...

    async def stats(self) -> OutboxStats: ...

    async def runs(self, stream: str | None = None, limit: int = 100) -> list[RunRecord]: ...


class Diagnostics:
    name: ClassVar[str] = "diagnostics"
    arguments: ClassVar[type[BaseModel]] = NoArguments

    def __init__(
        self, statuses: Statuses, outbox: Outboxes, link: Callable[[], LinkState], judge: JudgeCommand
    ) -> None:
        self._statuses = statuses
        self._outbox = outbox
        self._link = link
        self._judge = judge

    async def judge(self, _arguments: NoArguments, now: datetime) -> Decision:
        return self._judge("", self.name, now)

    async def prepare(self, arguments: NoArguments) -> None:
        """Nothing can be wrong before it is tried."""

    async def run(self, _call: Call, _arguments: NoArguments) -> Answer:
        stats = await self._outbox.stats()
        runs = [_run(one) for one in await self._outbox.runs(None, MAX_RUNS)]
        connections = [_connection(one) for one in self._statuses.connections()[:MAX_CONNECTIONS]]
        told: dict[str, Any] = {
            "software": SOFTWARE,
            "python": platform.python_version(),
            "platform": {"system": sys.platform, "machine": platform.machine()},
            "link": _link(self._link()),
            "outbox": {
                "pendingBatches": stats.pending_batches,
                "pendingBytes": stats.pending_bytes,
                "deadLetters": stats.dead_letters,
                "fileBytes": stats.file_bytes,
                "damaged": self._outbox.damaged,
            },
            "connections": connections,
            "runs": runs,
        }
        while size_of(told) > RESULT_BYTES:  # the longest list gives way
            longest = max(("connections", "runs"), key=lambda name: size_of(told[name]))
            told[longest] = told[longest][: len(told[longest]) // 2]
        return Answer(State.SUCCEEDED, told)

    async def recover(self, call: Call, arguments: NoArguments) -> Answer:
        """It changes nothing, so it can be done again."""
        return await self.run(call, arguments)


def _link(state: LinkState) -> dict[str, Any]:
    return {
        "phase": state.phase.value,
        "since": rfc3339(state.since),
        "lastAckAt": rfc3339(state.last_ack) if state.last_ack else None,
        "failures": state.failures,
        "error": state.error_code or None,
    }


def _connection(status: Mapping[str, Any]) -> dict[str, Any]:
    streams = status["streams"]
    return {
        "name": status["name"],
        "system": status["system"],
        "driver": status["driver"],
        "state": status["state"],
        "streams": [
            {
                "name": stream["name"],
                "entity": stream["entity"],
                "state": stream["state"],
                "error": stream["error"]["code"] if stream["error"] else None,
            }
            for stream in streams
        ],
    }


def _run(record: RunRecord) -> dict[str, Any]:
    return {
        "run": record.run,
        "stream": record.stream,
        "mode": record.mode,
        "status": record.status,
        "startedAt": rfc3339(record.started_at),
        "finishedAt": rfc3339(record.finished_at) if record.finished_at else None,
        "counts": dict(record.counts),
        "error": record.error["code"] if record.error else None,
    }
