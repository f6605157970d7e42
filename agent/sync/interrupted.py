"""Runs that were left open, by an earlier process or by a full disk that took no report of their end.

They are closed here and at the relay, which would show them as running for ever.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import structlog

from agent.clock import Clock
from agent.errors import StorageFull
from agent.model.payload import encode_run
from agent.model.run import RunCounts, RunMode, RunReport, RunStatus, RunTrigger
from agent.outbox.store import BatchDraft, BatchKind, Entry, Outbox, RunRecord

log = structlog.get_logger(__name__)


async def close_interrupted_runs(outbox: Outbox, clock: Clock, *, stream: str | None = None) -> None:
    """Such a run has ended; its checkpoint says where the next one goes on. Not to be called while the stream runs."""
    for record in await outbox.unfinished_runs():
        if stream is not None and record.stream != stream:
            continue
        try:
            await outbox.append(_closing(record, clock.utcnow()))
        except StorageFull as error:
            # Sending is what makes room, so an agent with a full disk has to start.
            log.warning("disk_full", error=str(error), hint=error.hint)
            return


def _closing(record: RunRecord, now: datetime) -> Entry:
    report = RunReport(
        run=record.run,
        stream=record.stream,
        connection=record.connection,
        entity=record.entity,
        trigger=RunTrigger(record.trigger),
        mode=RunMode(record.mode),
        status=RunStatus.CANCELLED,
        started_at=record.started_at,
        finished_at=now,
        counts=RunCounts(**record.counts),
    )
    return Entry(
        stream=record.stream,
        run=record.run,
        entity=record.entity,
        batches=(BatchDraft(BatchKind.RUN, 1, encode_run(report)),),
        checkpoint=None,
        run_record=replace(record, status=RunStatus.CANCELLED.value, finished_at=now),
    )
