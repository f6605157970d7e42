"""The runs that are kept, for the command line and the console.

runs  {connection?, stream?: "connection/stream", status?, before?: id of a run, limit?}
      -> {runs: the newest first, with counts and error, next: `before` of the next page or null,
          complete: {stream: when its last run that reached its end began}}
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Protocol

from agent.calls.arguments import maybe_text, number
from agent.control import Handler, Progress
from agent.errors import ConfigurationError
from agent.model.entities import camel
from agent.model.run import RunStatus, rfc3339
from agent.outbox.values import RunRecord

DEFAULT_LIMIT: Final = 50
MAX_RUNS: Final = 500  # of one answer


class Runs(Protocol):
    """The outbox, as far as runs go."""

    async def listed_runs(
        self,
        *,
        connection: str | None = None,
        stream: str | None = None,
        status: str | None = None,
        before: str | None = None,
        limit: int,
    ) -> list[RunRecord]: ...

    async def complete_runs(self, connection: str | None = None) -> Mapping[str, datetime]: ...


class RunCalls:
    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def handlers(self) -> Mapping[str, Handler]:
        return {"runs": self._list}

    async def _list(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        connection, stream = maybe_text(args, "connection"), maybe_text(args, "stream")
        status, before = maybe_text(args, "status"), maybe_text(args, "before")
        if status is not None and status not in list(RunStatus):
            raise ConfigurationError(
                f"{status!r} is no outcome of a run", hint=f"There are: {', '.join(RunStatus)}."
            )
        limit = max(1, min(number(args, "limit", DEFAULT_LIMIT), MAX_RUNS))
        found = await self._runs.listed_runs(
            connection=connection, stream=stream, status=status, before=before, limit=limit + 1
        )
        complete = await self._runs.complete_runs(connection or (stream or "").partition("/")[0] or None)
        return {
            "runs": [run_document(record) for record in found[:limit]],
            "next": found[limit - 1].run if len(found) > limit else None,
            "complete": {name: rfc3339(began) for name, began in complete.items()},
        }


def run_document(record: RunRecord) -> dict[str, Any]:
    finished = record.finished_at
    return {
        "run": record.run,
        "stream": record.stream,
        "connection": record.connection,
        "entity": record.entity,
        "trigger": record.trigger,
        "mode": record.mode,
        "status": record.status,
        "startedAt": rfc3339(record.started_at),
        "finishedAt": rfc3339(finished) if finished else None,
        "seconds": (finished - record.started_at).total_seconds() if finished else None,
        "counts": {camel(name): count for name, count in (record.counts or {}).items()},
        "error": record.error,
    }
