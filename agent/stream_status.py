"""Pure: how connections and their streams stand, in the words of a status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from agent.configuration.units import render_duration
from agent.errors import GroundwireError, PolicyDenied
from agent.model.run import RunCounts, RunMode, RunReport, RunStatus, RunTrigger, rfc3339
from agent.outbox.values import RunRecord
from agent.settings import ConnectionSettings, SyncSettings
from agent.sync.supervisor import StreamState, StreamView

PAUSED: Final = "paused"  # the state of a connection of which nothing runs, whatever its streams' states


def state_of(views: Mapping[str, StreamView], *, paused: bool) -> str:
    """Of a connection with these streams: the one that asks for most attention."""
    if paused:
        return PAUSED
    states = {view.state for view in views.values()}
    order = (
        StreamState.NEEDS_REAUTHORISATION,
        StreamState.NEEDS_PERSON,
        StreamState.RETRYING,
        StreamState.RUNNING,
        StreamState.IDLE,
    )
    return next((state.value for state in order if state in states), StreamState.IDLE.value)


def error_of(views: Mapping[str, StreamView]) -> dict[str, str] | None:
    """The error of the stream that asks for most attention, as the relay may see it; what may not leave is none."""
    order = (StreamState.NEEDS_REAUTHORISATION, StreamState.NEEDS_PERSON)
    errors = [
        view for view in views.values() if view.error is not None and not isinstance(view.error, PolicyDenied)
    ]
    errors.sort(key=lambda view: order.index(view.state) if view.state in order else len(order))
    return told_error(errors[0].error) if errors else None


def told_error(error: GroundwireError | None) -> dict[str, str] | None:
    """Its code and what to try, never its words: they may hold a value of the source."""
    return None if error is None else {"code": error.code, "hint": type(error).default_hint}


def stream_status(view: StreamView, next_look: datetime | None) -> dict[str, Any]:
    report = view.report
    return {
        "state": view.state.value,
        "error": told_error(view.error),
        "remap": "offered" if view.remap else None,
        "reconciled": view.reconciled.to_document() if view.reconciled else None,
        "nextRunAt": rfc3339(next_look) if next_look else None,
        "lastRun": None if report is None else {**report.to_document(), "error": None},
    }


def schedule_document(sync: SyncSettings) -> dict[str, Any]:
    """When a stream is read, as its settings say."""
    return {
        "every": render_duration(sync.every) if sync.every is not None else None,
        "cron": sync.cron,
        "manual": sync.manual,
        "quiet_hours": [str(part) for part in sync.quiet_hours],
        "time_zone": sync.time_zone,
    }


def limits_status(settings: ConnectionSettings, held_seconds: float) -> dict[str, Any]:
    """What the connection's source is spared."""
    return {
        "parallelReads": settings.limits.parallel_reads,
        "rowsPerCall": settings.limits.rows_per_call,
        "quietHours": [str(part) for part in settings.sync.quiet_hours],
        "timeZone": settings.sync.time_zone,
        "pauseSeconds": round(held_seconds),  # for which the source itself wants to be left alone
    }


def report_of(record: RunRecord) -> RunReport:
    """A run of an earlier life of the connection, as it was told then, but for the words of its error."""
    counts = {item.name: record.counts.get(item.name, 0) for item in fields(RunCounts)}
    return RunReport(
        run=record.run,
        stream=record.stream,
        connection=record.connection,
        entity=record.entity,
        trigger=RunTrigger(record.trigger),
        mode=RunMode(record.mode),
        status=RunStatus(record.status),
        started_at=record.started_at,
        finished_at=record.finished_at,
        counts=RunCounts(**counts),
    )


def last_complete(last: RunReport | None) -> datetime | None:
    """When the last run began; None where it did not reach its end, for then there is work left to do."""
    return last.started_at if last is not None and last.status is RunStatus.SUCCEEDED else None
