"""The one transaction that makes a page durable."""

from __future__ import annotations

from datetime import datetime

import structlog

from agent.errors import GroundwireError
from agent.outbox import batches, letters, runs, segments, streams
from agent.outbox.database import Database
from agent.outbox.limits import SEGMENTS_AT_MOST, Limits
from agent.outbox.values import Entry
from agent.telemetry.context import told_of_run

log = structlog.get_logger(__name__)


def append(db: Database, entry: Entry, *, limits: Limits, now: datetime) -> tuple[int, ...]:
    batches.refuse_oversized(entry, batch_bytes=limits.batch_bytes)
    with db.transaction() as change:
        stream = streams.find_or_add(db, change, entry.stream)
        seqs = batches.enqueue(db, change, stream, entry, now)
        if entry.segment is not None:
            segments.add(db, stream, entry.segment)
            letters.resolve(db, stream, entry.segment.keys)
        letters.add(db, stream, entry, now)
        if entry.run_record is not None:
            runs.save(db, entry.run_record, keep=limits.runs_per_stream)
        # The checkpoint moves only together with the records it covers, and not at all behind missing ones.
        if entry.checkpoint is not None and entry.stream not in db.restarted:
            stream.checkpoint = entry.checkpoint
        streams.save(db, stream)
    for seq in seqs:
        log.debug("batch_enqueued", stream=entry.stream, seq=seq, **told_of_run(entry.run))
    if entry.segment is not None:
        _keep_segments_few(db, entry.stream)
    return seqs


def _keep_segments_few(db: Database, stream: str) -> None:
    try:
        db.guarded(lambda: segments.compact(db, stream, above=SEGMENTS_AT_MOST))
    except GroundwireError as error:
        # The page is durable; the merge is tried again with the next one.
        log.warning("compaction_postponed", stream=stream, error=str(error))
