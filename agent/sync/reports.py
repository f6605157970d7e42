"""What a run says of itself: to the outbox, and to the relay. Pure."""

from __future__ import annotations

from dataclasses import asdict, replace

from agent.model.payload import encode_run
from agent.model.run import RunError, RunMode, RunReport
from agent.outbox.store import BatchDraft, BatchKind, RunRecord
from agent.sync.cursor import Checkpoint


def mode_of(checkpoint: Checkpoint, *, full: bool) -> RunMode:
    resumes_full = checkpoint.under_way is not None and checkpoint.under_way.resend
    if full or resumes_full:
        return RunMode.RESYNC
    return RunMode.INCREMENTAL if checkpoint.initial_done else RunMode.INITIAL


def record_of(report: RunReport) -> RunRecord:
    """The report as the outbox keeps it."""
    return RunRecord(
        run=report.run,
        stream=report.stream,
        connection=report.connection,
        entity=report.entity,
        trigger=report.trigger.value,
        mode=report.mode.value,
        status=report.status.value,
        started_at=report.started_at,
        finished_at=report.finished_at,
        counts=asdict(report.counts),
        error=asdict(report.error) if report.error else None,
    )


def told_to_relay(report: RunReport) -> BatchDraft:
    """What the relay may know of it: never the words of an error."""
    told = replace(report, error=report.error and RunError(report.error.code, "", "", ""))
    return BatchDraft(BatchKind.RUN, 1, encode_run(told))
