"""The outbox file and its one connection. Everything here runs on the store's own thread."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw
import structlog

from agent.errors import GroundwireError
from agent.outbox.faults import close_quietly, refusal_of, translate
from agent.outbox.values import Flow

T = TypeVar("T")

log = structlog.get_logger(__name__)

PAGE_BYTES: Final = 8192  # docs/adr/0002: fewer overflow pages per payload than 4096, small enough for an ack


@dataclass(slots=True)
class Levels:
    """What the file holds, kept in step with it so that nobody has to count."""

    pending_bytes: int = 0
    kept_bytes: int = 0
    damaged: int = 0
    enqueued: int = 0  # batches that became pending since opening; only grows
    flow: Flow = field(default_factory=Flow)  # since opening; only grows

    def add(self, change: Levels) -> None:
        self.pending_bytes += change.pending_bytes
        self.kept_bytes += change.kept_bytes
        self.damaged += change.damaged
        self.enqueued += change.enqueued
        self.flow = self.flow.plus(change.flow)


class Database:
    """Transactions over the one connection; after an I/O error it takes no more of them."""

    def __init__(self, connection: apsw.Connection, path: Path, *, wal_bytes: int) -> None:
        self.connection = connection
        self.path = path
        self.levels = Levels()
        self.restarted: set[str] = (
            set()
        )  # streams whose checkpoint was taken away under a run; see streams.py
        self._wal_bytes = wal_bytes
        self._wal_pages = 0
        self._refused: GroundwireError | None = None
        # Not SQLite's own checkpoints: they hide a failed fsync, and the next one would then report success.
        connection.set_wal_hook(self._note_wal)

    @property
    def refused(self) -> GroundwireError | None:
        """The I/O error after which nothing more is written, if there was one."""
        return self._refused

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Levels]:
        """One durable transaction; the yielded changes of level count only once it is committed."""
        if self._refused is not None:
            raise self._refused
        change = Levels()
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            yield change
            self.connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            if not isinstance(error, apsw.Error):
                raise
            raise self._note(error) from error
        self.levels.add(change)
        self._checkpoint_if_due()

    def guarded(self, work: Callable[[], T]) -> T:
        """Do `work` with SQLite's errors in our terms, also those of reads outside a transaction."""
        try:
            return work()
        except apsw.Error as error:
            raise self._note(error) from error

    def all(self, sql: str, bindings: Sequence[Any] = ()) -> list[Any]:
        return self.connection.execute(sql, tuple(bindings)).fetchall()

    def one(self, sql: str, bindings: Sequence[Any] = ()) -> Any:
        """The first row of an answer, or None."""
        rows = self.all(sql, bindings)
        return rows[0] if rows else None

    def value(self, sql: str, bindings: Sequence[Any] = ()) -> Any:
        row = self.one(sql, bindings)
        return None if row is None else row[0]

    def run(self, sql: str, bindings: Sequence[Any] = ()) -> int:
        """Change rows; return how many."""
        self.connection.execute(sql, tuple(bindings))
        return self.connection.changes()

    def file_bytes(self) -> int:
        return sum(file.stat().st_size for file in (self.path, wal_of(self.path)) if file.exists())

    def close(self) -> None:
        """Close; marked as clean only when everything is in the file. Without the mark the log stays: it is asked for."""
        marked = False
        try:
            if self._refused is None:
                with self.transaction():
                    self.connection.execute("UPDATE state SET value = 1 WHERE name = 'closed_cleanly'")
                marked = True
        except GroundwireError as error:
            log.warning("outbox_close_failed", error=str(error))
        finally:
            close_quietly(self.connection, keep_wal=not marked)

    def shrink(self) -> None:
        """Copy the log into the file and cut both to what they hold."""
        with contextlib.suppress(apsw.FullError):
            self.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            self._wal_pages = 0

    def _note_wal(self, _connection: apsw.Connection, _schema: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint_if_due(self) -> None:
        if self._wal_pages * PAGE_BYTES < self._wal_bytes:
            return
        try:
            self.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            self._wal_pages = 0
        except apsw.FullError:
            # What was committed is safe in the log; the copy is tried again after the next commit.
            log.warning("outbox_checkpoint_postponed", reason="disk full")
        except apsw.Error as error:
            # The commit before it stands, so its caller is not told; the next one is refused.
            log.error("outbox_checkpoint_failed", error=str(self._note(error)))  # noqa: TRY400 - no traceback for operators

    def _roll_back(self) -> None:
        if not self.connection.in_transaction:
            return
        try:
            self.connection.execute("ROLLBACK")
        except apsw.Error as error:
            self._note(error)

    def _note(self, error: apsw.Error) -> GroundwireError:
        if self._refused is None:
            self._refused = refusal_of(error, self.path)
        return translate(error, self.path)


def wal_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")
