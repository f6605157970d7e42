"""SQLite's errors in our terms: the only place that knows both."""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path

import apsw

from agent.errors import AlreadyRunning, GroundwireError, NotPermitted, StorageDamaged, StorageFull

_ACCESS_HINT = "Check that the state folder exists and that the agent's user may read and write in it."
_DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.IOError)


def translate(error: apsw.Error | OSError, path: Path) -> GroundwireError:
    where = str(path)
    if isinstance(error, apsw.FullError):
        return StorageFull("The disk that holds the outbox is full", where=where)
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return AlreadyRunning("Another process holds the outbox", where=where)
    if isinstance(error, apsw.CantOpenError | apsw.PermissionsError | apsw.ReadOnlyError):
        return NotPermitted(
            f"The outbox cannot be opened for writing ({error})", where=where, hint=_ACCESS_HINT
        )
    if isinstance(error, OSError):
        return _translate_os(error, where)
    if isinstance(error, apsw.IOError):
        return StorageDamaged(
            f"Reading or writing the outbox failed ({error})",
            where=where,
            hint="Check the disk and its cables or mount, then start the agent again. Nothing more is written until"
            " then, because what the disk holds is uncertain.",
        )
    return StorageDamaged(f"The outbox file is damaged ({error})", where=where)


def refusal_of(error: apsw.Error, path: Path) -> GroundwireError | None:
    """Say whether anything may be written after this error.

    After a failed fsync the kernel may have dropped the pages and report success the next time, so no write may
    follow it in this process.
    """
    return translate(error, path) if isinstance(error, _DAMAGE) else None


def close_quietly(connection: apsw.Connection, *, keep_wal: bool) -> None:
    """Close; with `keep_wal` the file and its log stay byte for byte as they are."""
    with contextlib.suppress(apsw.Error):
        if keep_wal:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.close()


def _translate_os(error: OSError, where: str) -> GroundwireError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull("The disk that holds the outbox is full", where=where)
    return NotPermitted(f"The outbox cannot be created ({error.strerror})", where=where, hint=_ACCESS_HINT)
