"""Runs that a call has asked for: waited for, and told of."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from agent.control import error_document
from agent.errors import TransientError
from agent.sync.runner import RunResult


async def ended(runs: Sequence[asyncio.Future[RunResult]]) -> list[RunResult]:
    """How the runs ended. Raises TransientError where a connection was stopped before one of its runs could end."""
    results = await asyncio.gather(*runs, return_exceptions=True)
    found = [result for result in results if isinstance(result, RunResult)]
    if len(found) < len(results):
        raise TransientError(
            "the connection was stopped before the run ended",
            hint="Its file was changed, or the agent is stopping. What was read is safe; ask again.",
        )
    return found


def left_alone(runs: Sequence[asyncio.Future[RunResult]]) -> None:
    """Nobody waits for them: what becomes of each stands in the list of runs."""
    for run in runs:
        run.add_done_callback(_looked_at)


def _looked_at(run: asyncio.Future[RunResult]) -> None:
    if not run.cancelled():
        run.exception()


def result_document(result: RunResult) -> dict[str, Any]:
    """A run as the operator sees it: with the words of its error."""
    document = result.report.to_document()
    document["error"] = error_document(result.error) if result.error else None
    return document
