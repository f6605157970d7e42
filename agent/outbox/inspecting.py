"""Looking at an outbox file from outside: nothing is locked, nothing is written, and no agent is held up."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import apsw

from agent.errors import StorageDamaged, VersionMismatch
from agent.outbox.database import wal_of
from agent.outbox.faults import close_quietly, translate
from agent.outbox.limits import WHOLE_CHECK_BYTES
from agent.outbox.opening import APPLICATION_ID, CHECKED_TABLES, MIGRATIONS


@dataclass(frozen=True, slots=True)
class Inspected:
    pending_batches: int
    pending_bytes: int
    oldest: datetime | None
    dead_letters: int
    damaged: int
    whole: bool  # whether every page was checked, or only the tables that opening checks


def inspect(path: Path) -> Inspected:
    """Only for a file that no agent has open: a writer beside it would make it look damaged.

    Nor in the agent's own process: closing the file here would drop the locks that it holds.

    Raises StorageDamaged, VersionMismatch, NotPermitted.
    """
    connection: apsw.Connection | None = None
    try:
        connection = looked_at(path)
        return _inspect(connection, path)
    except apsw.Error as error:
        raise translate(error, path) from error
    finally:
        if connection is not None:
            close_quietly(connection, keep_wal=True)


def looked_at(path: Path) -> apsw.Connection:
    """A connection that only reads and leaves no trace; under the same conditions as `inspect`. Raises apsw.Error."""
    # With a log: no locks of the file system's, and so no shared memory that a reader would otherwise create. Without
    # one the file is whole as it stands.
    how = "vfs=unix-none" if _has_log(path) else "immutable=1"
    name = f"{path.absolute().as_uri()}?mode=ro&{how}"
    connection = apsw.Connection(name, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("PRAGMA temp_store=MEMORY")
    return connection


def can_inspect(path: Path) -> bool:
    """Elsewhere than on Unix a file with its log cannot be read without locks."""
    return os.name == "posix" or not _has_log(path)


def _has_log(path: Path) -> bool:
    log = wal_of(path)
    return log.exists() and log.stat().st_size > 0


def _inspect(connection: apsw.Connection, path: Path) -> Inspected:
    if connection.pragma("application_id") != APPLICATION_ID:
        raise StorageDamaged("This is not an outbox file", where=str(path))
    version = connection.pragma("user_version")
    if version > len(MIGRATIONS):
        raise VersionMismatch(
            f"The outbox file has version {version}; this program knows versions up to {len(MIGRATIONS)}",
            where=str(path),
            hint="Start the newer program again.",
        )
    clean = connection.execute("SELECT value FROM state WHERE name = 'closed_cleanly'").get
    if clean != 1 and not wal_of(path).exists():
        raise StorageDamaged(
            f"The write-ahead log {wal_of(path).name} is missing, and the outbox was not closed when it was last used",
            where=str(path),
        )
    whole = path.stat().st_size <= WHOLE_CHECK_BYTES
    checks = (
        ["PRAGMA quick_check(1)"] if whole else [f"PRAGMA quick_check('{one}')" for one in CHECKED_TABLES]
    )
    for check in checks:
        found = connection.execute(check).fetchone()
        if found is None or found[0] != "ok":
            raise StorageDamaged(f"The outbox file is damaged ({found and found[0]})", where=str(path))
    batches, size, oldest = connection.execute(
        "SELECT count(*), coalesce(sum(bytes), 0), min(enqueued_at) FROM batch WHERE settled_at IS NULL"
    ).fetchone() or (0, 0, None)
    letters = connection.execute("SELECT count(*) FROM letter").get
    damaged = connection.execute("SELECT coalesce(sum(damaged), 0) FROM stream").get
    return Inspected(
        pending_batches=batches,
        pending_bytes=size,
        oldest=None if oldest is None else datetime.fromtimestamp(oldest / 1_000_000, UTC),
        dead_letters=letters,
        damaged=damaged,
        whole=whole,
    )


def holder(path: Path) -> int | None:
    """The process that has the outbox open, as the locks on the file say; asking takes none."""
    if sys.platform == "win32":
        return None
    with suppress(ImportError, OSError):
        import fcntl  # noqa: PLC0415 - exists on Unix only
        import struct  # noqa: PLC0415

        # SQLite's own lock bytes: https://sqlite.org/fileformat.html#the_lock_byte_page
        layout = struct.Struct("hhqqi4x")
        wanted = layout.pack(fcntl.F_WRLCK, os.SEEK_SET, 0x40000000, 512, 0)
        with path.open("rb") as file:
            kind, _, _, _, process = layout.unpack(fcntl.fcntl(file, fcntl.F_GETLK, wanted))
        return None if kind == fcntl.F_UNLCK else process
    return None
