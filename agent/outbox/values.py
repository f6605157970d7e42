"""What goes into the outbox and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from agent.errors import GroundwireError, RecordError, TransientError


class BatchKind(StrEnum):
    RECORDS = "records"
    TOMBSTONES = "tombstones"
    DEAD_LETTERS = "dead_letters"
    RUN = "run"


OF_RECORDS: Final = (BatchKind.RECORDS, BatchKind.TOMBSTONES)  # the others are reports of the agent's own


@dataclass(frozen=True, slots=True)
class BatchDraft:
    kind: BatchKind
    count: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class DeadLetter:
    key: str
    field: str
    reason: str
    message: str
    raw_hash: int
    raw: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Fingerprints of one page (records enqueued), or of one tombstone batch (`removed`)."""

    key_hashes: npt.NDArray[np.uint64]
    content_hashes: npt.NDArray[np.uint64]
    keys: pa.Array
    removed: bool = False


@dataclass(frozen=True, slots=True)
class RunRecord:
    run: str
    stream: str
    connection: str
    entity: str
    trigger: str
    mode: str
    status: str
    started_at: datetime
    finished_at: datetime | None = None  # None: unfinished
    counts: Any = None  # whatever JSON holds
    error: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """Everything that one page makes durable, together or not at all."""

    stream: str
    run: str
    entity: str
    batches: tuple[BatchDraft, ...] = ()
    checkpoint: str | None = None  # None: leave it as it is
    dead_letters: tuple[DeadLetter, ...] = ()
    segment: Segment | None = None
    run_record: RunRecord | None = None


@dataclass(frozen=True, slots=True)
class StoredBatch:
    seq: int
    prev: int
    stream: str
    entity: str
    run: str
    kind: BatchKind
    count: int
    hash: str  # sha256 of the payload, hex
    payload: bytes
    enqueued_at: datetime


@dataclass(frozen=True, slots=True)
class StoredLetter:
    id: int
    stream: str
    entity: str
    run: str
    key: str
    field: str
    reason: str
    message: str
    raw_hash: int
    created_at: datetime
    requeued_at: datetime | None  # not None: asked for again, its record not yet enqueued
    raw: bytes | None  # None where it was not asked for or not kept


@dataclass(frozen=True, slots=True)
class Choice:
    """Which dead letters are meant: those of which each that is given here is true. Nothing given: all."""

    connection: str | None = None
    stream: str | None = None  # "connection/stream"
    field: str | None = None
    reason: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """Dead letters of one stream that have the same cause."""

    stream: str
    entity: str
    field: str
    reason: str
    count: int
    asked_again: int  # of them, and not enqueued since
    oldest_at: datetime
    newest_at: datetime
    message: str  # of the newest


@dataclass(frozen=True, slots=True)
class Listed:
    """A batch that waits, without what is in it."""

    seq: int
    stream: str
    entity: str
    run: str
    kind: BatchKind
    count: int
    bytes: int
    enqueued_at: datetime


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprints:
    """The newest content hash of every key that is not removed, ascending by key hash.

    A content hash of 0 means "known, content unknown": it stands for the keys of a stream that was reset, so that
    every record travels again while deletions are still noticed.
    """

    key_hashes: npt.NDArray[np.uint64]
    content_hashes: npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class StreamStats:
    pending_batches: int
    pending_bytes: int
    oldest_enqueued_at: datetime | None
    last_seq: int
    acked_seq: int
    dead_letters: int
    damaged: int


@dataclass(frozen=True, slots=True)
class OutboxStats:
    streams: Mapping[str, StreamStats]
    pending_batches: int
    pending_bytes: int
    oldest_enqueued_at: datetime | None
    kept_bytes: int  # acked payload, kept for the replay window
    dead_letters: int
    damaged: int
    file_bytes: int  # with its write-ahead log


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is not acked yet."""

    batches: int
    records: int  # and tombstones; reports and dead letters are none
    bytes: int
    oldest_at: datetime | None

    def joined(self, other: Waiting) -> Waiting:
        moments = [at for at in (self.oldest_at, other.oldest_at) if at is not None]
        return Waiting(
            self.batches + other.batches,
            self.records + other.records,
            self.bytes + other.bytes,
            min(moments, default=None),
        )


@dataclass(frozen=True, slots=True)
class Moved:
    """What passed one place."""

    batches: int = 0
    records: int = 0  # and tombstones; reports and dead letters are none
    bytes: int = 0

    def plus(self, other: Moved) -> Moved:
        return Moved(self.batches + other.batches, self.records + other.records, self.bytes + other.bytes)


@dataclass(frozen=True, slots=True)
class Flow:
    """What went in and what was acked since the file was opened; what a relay asks for again is acked again."""

    enqueued: Moved = Moved()
    acked: Moved = Moved()

    def plus(self, other: Flow) -> Flow:
        return Flow(self.enqueued.plus(other.enqueued), self.acked.plus(other.acked))


@dataclass(frozen=True, slots=True)
class LastAcked:
    """The batch that was acked last."""

    stream: str
    seq: int
    run: str
    kind: str
    count: int
    enqueued_at: datetime
    acked_at: datetime


class UnknownAck(GroundwireError):
    """The relay acked or named a batch that this outbox never gave it."""

    code = "unknown_ack"
    default_hint = "The relay holds batches of another state folder under this agent's identity; the stream is read again in full."


class BatchTooLarge(RecordError):
    """A batch is larger than one frame of the wire."""

    code = "batch_too_large"
    default_hint = "Lower `page_rows` of the stream."


class OutboxClosed(TransientError):
    """The outbox was closed while the agent stops."""

    code = "outbox_closed"


class FingerprintsDamaged(TransientError):
    """A fingerprint segment failed its check and was dropped; the stream is read again in full by its next run."""

    code = "fingerprints_damaged"
