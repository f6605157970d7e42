"""The outbox: everything that must survive the agent, behind one asyncio door.

One file, one connection, one thread. Each method is one piece of work on that thread; one that has begun runs to
its end even when its caller is cancelled, so nobody is ever left wondering half-way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt

from agent.clock import Clock
from agent.errors import GroundwireError, StorageFull
from agent.outbox import (
    batches,
    counting,
    letters,
    looking,
    pauses,
    positions,
    pruning,
    runs,
    segments,
    streams,
    withdrawal,
)
from agent.outbox.append import append
from agent.outbox.database import Database
from agent.outbox.journal import CommandJournal
from agent.outbox.limits import SEGMENTS_BEFORE_COMPACTION, Limits
from agent.outbox.opening import open_database
from agent.outbox.reserve import Reserve
from agent.outbox.thread import StoreThread
from agent.outbox.values import (
    BatchDraft,
    BatchKind,
    BatchTooLarge,
    Choice,
    DeadLetter,
    Entry,
    Fingerprints,
    FingerprintsDamaged,
    Flow,
    LastAcked,
    LetterGroup,
    Listed,
    OutboxClosed,
    OutboxStats,
    RunRecord,
    Segment,
    StoredBatch,
    StoredLetter,
    StreamStats,
    UnknownAck,
    Waiting,
)

__all__ = [
    "BatchDraft",
    "BatchKind",
    "BatchTooLarge",
    "Choice",
    "CommandJournal",
    "DeadLetter",
    "Entry",
    "Fingerprints",
    "FingerprintsDamaged",
    "Flow",
    "LastAcked",
    "LetterGroup",
    "Limits",
    "Listed",
    "Outbox",
    "OutboxClosed",
    "OutboxStats",
    "RunRecord",
    "Segment",
    "StoredBatch",
    "StoredLetter",
    "StreamStats",
    "UnknownAck",
    "Waiting",
]

T = TypeVar("T")


class Outbox:
    def __init__(self, db: Database, thread: StoreThread, *, clock: Clock, limits: Limits) -> None:
        """Not for callers: use `open`."""
        self._db = db
        self._thread = thread
        self._clock = clock
        self._limits = limits
        self._reserve = Reserve(db.path, limits.reserve_bytes)
        self._announced = 0
        self._room = asyncio.Event()
        self._room.set()
        self._failed = asyncio.Event()
        # Set when something became pending. Its one waiter, the link, clears it before it looks.
        self.changed = asyncio.Event()
        self.journal = CommandJournal(self._run, db, clock=clock, limits=limits)
        if db.levels.pending_bytes:
            self.changed.set()
        self._publish()

    @classmethod
    async def open(
        cls, path: Path, *, clock: Clock, limits: Limits | None = None, vfs: str | None = None
    ) -> Outbox:
        """Open or create the file; raise AlreadyRunning, VersionMismatch, StorageDamaged, StorageFull, NotPermitted."""
        limits = limits or Limits()
        thread = StoreThread("outbox")
        opened: list[Database] = []
        try:
            await thread.run(lambda: opened.append(_open(path, limits, vfs)))
        except BaseException:
            # One that opened behind its caller's cancellation is nobody's, and nobody else could open the file.
            await thread.close(partial(_close_all, opened))
            raise
        return cls(opened[0], thread, clock=clock, limits=limits)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._thread.close(self._db.close)

    async def append(self, entry: Entry) -> tuple[int, ...]:
        """Make everything in the entry durable together; return the batches' numbers."""
        now = self._clock.utcnow()
        return await self._run(lambda: self._append(entry, now))

    async def checkpoint(self, stream: str) -> str | None:
        """Say where a run of this stream begins. Asked at the start of each run, and only there.

        After damage the checkpoint is gone, and a run that began before it can no longer move it: asking is what
        tells the two apart.
        """
        return await self._run(lambda: _checkpoint(self._db, stream))

    async def last_checkpoint(self, stream: str) -> str | None:
        """The checkpoint for whoever only looks: a run under way is not touched by asking."""
        return await self._run(lambda: _last_checkpoint(self._db, stream))

    async def pending(self, after_seq: int, *, limit_batches: int, limit_bytes: int) -> list[StoredBatch]:
        """Read unacked batches behind `after_seq`, oldest first.

        At least one is returned if there is any, also when it alone is more than `limit_bytes`.
        """
        now = self._clock.utcnow()
        return await self._run(
            lambda: batches.pending(
                self._db, after_seq, limit_batches=limit_batches, limit_bytes=limit_bytes, now=now
            )
        )

    async def mark_acked(self, stream: str, seq: int) -> int:
        """Mark every batch of `stream` up to and including `seq` as acked; return how many changed.

        Repeating an ack, or an older one, returns 0; a number that was never given raises UnknownAck.
        """
        now = self._clock.utcnow()
        return await self._run(lambda: positions.mark_acked(self._db, stream, seq, now))

    async def holds(self, stream: str, seq: int, digest: str | None) -> bool:
        """Whether the relay's newest batch of `stream`, number `seq`, is this file's; `digest` begins its hash.

        It is not where the file came from a backup, or is one of two copies: the other one used the number for
        something else. Without a digest only a number that is not the stream's is noticed.
        """
        return await self._run(lambda: positions.holds(self._db, stream, seq, digest))

    async def rewound(self, stream: str, relay_seq: int) -> None:
        """The relay is ahead of this file (restored from a backup): number behind it and read the stream again.

        The stream's unacked batches are dropped: their numbers lie behind the relay's position, and the full
        re-sync carries their records.
        """
        await self._run(lambda: positions.rewound(self._db, stream, relay_seq))

    async def replay(self, stream: str, relay_seq: int) -> int:
        """The relay is behind its own acks (restored from a backup): send again; return how many batches.

        Afterwards the stream's pending batches are one chain from `relay_seq` on. Where the replay window does not
        reach back far enough, the stream is also read again in full.
        """
        return await self._run(lambda: positions.replay(self._db, stream, relay_seq))

    async def entities(self) -> dict[str, str]:
        """The streams of which records wait here, or are kept for a relay from a backup; each with its entity."""
        return await self._run(lambda: withdrawal.entities(self._db))

    async def withdraw(self, stream: str, checkpoint: str | None) -> int:
        """Drop every record of the stream that waits or is kept; return how many batches held them.

        The relay sees no gap. If any went, the stream goes on from `checkpoint`, which must have them read again.
        Not to be called while the stream runs.
        """
        now = self._clock.utcnow()
        return await self._run(lambda: withdrawal.withdraw(self._db, stream, checkpoint, now))

    async def fingerprints(self, stream: str) -> Fingerprints:
        return await self._run(lambda: segments.load(self._db, stream))

    async def keys_of(self, stream: str, key_hashes: npt.NDArray[np.uint64]) -> dict[int, str]:
        """Find the keys behind hashes; unknown ones are left out. FingerprintsDamaged: start the run again."""
        return await self._run(lambda: segments.keys_of(self._db, stream, key_hashes))

    async def compact_fingerprints(self, stream: str) -> None:
        """Merge the stream's segments if there are many; cheap otherwise, so it can be asked after every run."""
        await self._run(lambda: segments.compact(self._db, stream, above=SEGMENTS_BEFORE_COMPACTION))

    async def reset_stream(self, stream: str) -> None:
        """Forget the checkpoint and the content of every record: the next run sends all of them again.

        Their keys stay, with unknown content, so that a record deleted meanwhile still gets its tombstone. Batches
        stay. Not to be called while the stream runs.
        """
        await self._run(lambda: _reset(self._db, stream))

    async def save_run(self, record: RunRecord) -> None:
        await self._run(lambda: _save_run(self._db, record, keep=self._limits.runs_per_stream))

    async def runs(self, stream: str | None = None, limit: int = 100) -> list[RunRecord]:
        """List runs, newest first."""
        return await self._run(lambda: runs.newest(self._db, stream, limit))

    async def listed_runs(
        self,
        *,
        connection: str | None = None,
        stream: str | None = None,
        status: str | None = None,
        before: str | None = None,
        limit: int,
    ) -> list[RunRecord]:
        """As `runs`, of those that are meant; the last one's id is `before` of the next page."""
        return await self._run(
            lambda: runs.listed(
                self._db, connection=connection, stream=stream, status=status, before=before, limit=limit
            )
        )

    async def complete_runs(self, connection: str | None = None) -> dict[str, datetime]:
        """Of each stream, when its last run that reached its end began."""
        return await self._run(lambda: runs.complete(self._db, connection))

    async def unfinished_runs(self) -> list[RunRecord]:
        return await self._run(lambda: runs.unfinished(self._db))

    async def dead_letters(
        self, stream: str | None = None, *, after_id: int = 0, limit: int = 100, with_raw: bool = False
    ) -> list[StoredLetter]:
        """List what is still wrong, in order of id; the last id is `after_id` of the next page."""
        choice = Choice(stream=stream)
        return await self.letters(choice, after_id=after_id, limit=limit, with_raw=with_raw)

    async def letters(
        self, choice: Choice, *, after_id: int = 0, limit: int = 100, with_raw: bool = False
    ) -> list[StoredLetter]:
        """As `dead_letters`, of those that are meant."""
        return await self._run(
            lambda: letters.page(self._db, choice, after_id=after_id, limit=limit, with_raw=with_raw)
        )

    async def letter(self, letter_id: int) -> StoredLetter | None:
        """One with its source row, where that was kept."""
        return await self._run(lambda: letters.one(self._db, letter_id))

    async def letter_groups(self, choice: Choice, *, limit: int = 100) -> list[LetterGroup]:
        """Dead letters by cause, the largest group first."""
        return await self._run(lambda: letters.groups(self._db, choice, limit=limit))

    async def letter_ids(self, choice: Choice, *, limit: int) -> list[int]:
        """The oldest ones that are meant."""
        return await self._run(lambda: letters.chosen(self._db, choice, limit=limit))

    async def letter_streams(self, ids: Sequence[int]) -> list[str]:
        """The streams whose records these letters are of."""
        return await self._run(lambda: letters.streams_of(self._db, ids))

    async def listed(
        self,
        *,
        connection: str | None = None,
        stream: str | None = None,
        after_seq: int = 0,
        limit: int = 100,
    ) -> list[Listed]:
        """What is not acked, oldest first, without its contents; the last seq is `after_seq` of the next page."""
        return await self._run(
            lambda: looking.listed(self._db, connection, stream, after_seq=after_seq, limit=limit)
        )

    async def batch(self, seq: int) -> StoredBatch | None:
        """One batch that waits, with its payload; None where it was acked, or is damaged. Changes nothing."""
        return await self._run(lambda: looking.whole(self._db, seq))

    async def requeue(self, ids: Sequence[int]) -> dict[str, tuple[str, ...]]:
        """Mark letters as asked for again; return their keys per stream, to be read BY_KEYS."""
        now = self._clock.utcnow()
        return await self._run(lambda: letters.requeue(self._db, ids, now))

    async def drop(self, ids: Sequence[int]) -> int:
        return await self._run(lambda: letters.drop(self._db, ids))

    async def pause(self, connection: str) -> None:
        """Keep in mind that the connection is paused, until `resume`; again changes nothing."""
        now = self._clock.utcnow()
        await self._run(lambda: pauses.pause(self._db, connection, now))

    async def resume(self, connection: str) -> None:
        await self._run(lambda: pauses.resume(self._db, connection))

    async def paused(self) -> dict[str, datetime]:
        """The paused connections, each with the moment since when."""
        return await self._run(lambda: pauses.paused(self._db))

    async def prune(self) -> int:
        """Delete what has left the replay window; return how many batches. Other work passes in between.

        On a full disk everything that is acked goes, and all that becomes free: reading goes on before a relay from
        a backup is thought of, which then gets its streams in full.
        """
        now = self._clock.utcnow()
        pruned = 0
        while some := await self._run(lambda: self._prune_some(now)):
            pruned += some
        await self._run(lambda: pruning.prune_commands(self._db, self._limits, now))
        while await self._run(self._give_back_space):
            pass
        return pruned

    async def stats(self) -> OutboxStats:
        return await self._run(lambda: counting.count(self._db))

    async def waiting(self) -> dict[str, Waiting]:
        """What the relay has not acked, of each stream that has any; less to count than `stats`."""
        return await self._run(lambda: counting.waiting(self._db))

    async def last_acked(self) -> LastAcked | None:
        """The newest ack of the replay window."""
        return await self._run(lambda: counting.last_acked(self._db))

    @property
    def flow(self) -> Flow:
        """What went in and what was acked since opening, without asking the file."""
        return self._db.levels.flow

    @property
    def file_bytes(self) -> int:
        """Of the file with its write-ahead log, as the disk has them."""
        return self._db.file_bytes()

    @property
    def pending_bytes(self) -> int:
        """Unacked payload, without asking the file."""
        return self._db.levels.pending_bytes

    @property
    def damaged(self) -> int:
        """How many batches and segments have failed their check in the life of this file."""
        return self._db.levels.damaged

    @property
    def reading_paused(self) -> bool:
        """Whether reading waits for the relay: the high-water mark was hit, and the low one not reached since."""
        return not self._room.is_set()

    async def wait_for_room(self) -> None:
        """Return when there is room; once the high-water mark was hit, only below the low one."""
        await self._room.wait()

    async def answers(self) -> bool:
        """True, once the thread of the file is through with what it was handed before; it hangs where that hangs."""
        await self._thread.run(lambda: None)
        return True

    async def failure(self) -> GroundwireError:
        """Wait for the I/O error after which the file takes nothing more, and return it; most agents wait in vain.

        Whoever owns the outbox ends with it: what the disk holds is certain again only to the next process.
        """
        await self._failed.wait()
        assert self._db.refused is not None  # noqa: S101 - the event is set for nothing else
        return self._db.refused

    def _append(self, entry: Entry, now: datetime) -> tuple[int, ...]:
        self._reserve.keep()
        return append(self._db, entry, limits=self._limits, now=now)

    def _prune_some(self, now: datetime) -> int:
        limits = replace(self._limits, replay_bytes=0) if self._reserve.full else self._limits
        return pruning.prune_some(self._db, limits, now)

    def _give_back_space(self) -> bool:
        if not self._reserve.full:
            return pruning.give_back_space(self._db)
        if pruning.give_back_space(self._db, all_of_it=True):
            return True
        self._db.shrink()
        return False

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            return self._db.guarded(work)
        except StorageFull:
            self._reserve.release()
            raise

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await self._thread.run(lambda: self._guarded(work))
        finally:
            # Also after a cancellation: by now the work is done, and others wait for what it changed.
            self._publish()

    def _publish(self) -> None:
        if self._db.refused is not None:
            self._failed.set()
        levels = self._db.levels
        if levels.enqueued != self._announced:
            self._announced = levels.enqueued
            self.changed.set()
        if levels.pending_bytes >= self._limits.high_water_bytes:
            self._room.clear()
        elif levels.pending_bytes <= self._limits.low_water_bytes:
            self._room.set()


def _close_all(opened: Sequence[Database]) -> None:
    for db in opened:
        db.close()


def _open(path: Path, limits: Limits, vfs: str | None) -> Database:
    db = open_database(path, wal_bytes=limits.wal_bytes, vfs=vfs)
    try:
        db.guarded(lambda: db.levels.add(counting.count_levels(db)))
    except BaseException:
        db.close()
        raise
    return db


def _checkpoint(db: Database, name: str) -> str | None:
    with db.transaction() as change:
        stream = streams.find(db, change, name)
    db.restarted.discard(name)
    return None if stream is None else stream.checkpoint


def _last_checkpoint(db: Database, name: str) -> str | None:
    with db.transaction() as change:
        stream = streams.find(db, change, name)
    return None if stream is None else stream.checkpoint


def _reset(db: Database, name: str) -> None:
    with db.transaction() as change:
        stream = streams.find_or_add(db, change, name)
        streams.expire(db, stream)
        streams.save(db, stream)


def _save_run(db: Database, record: RunRecord, *, keep: int) -> None:
    with db.transaction():
        runs.save(db, record, keep=keep)
