"""SQLite's errors in our terms: the only place of the relay that knows both."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from agent.errors import AlreadyRunning, GroundwireError, NotPermitted, StorageDamaged, StorageFull

_DISK_HINT = (
    "Check the disk and its cables or mount, then start the relay again. Nothing more is written until then, because"
    " what the disk holds is uncertain."
)
_ACCESS_HINT = "Check that the folder exists and that the relay's user may read and write in it."


@contextmanager
def translated(path: Path) -> Iterator[None]:
    try:
        yield
    except GroundwireError:
        raise
    except (apsw.Error, OSError) as error:
        raise translate(error, path) from error


def translate(error: apsw.Error | OSError, path: Path) -> GroundwireError:
    where = str(path)
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return AlreadyRunning(
            "Another process holds this relay's folder.",
            where=where,
            hint="A running relay gives enrolment codes by its API (POST /api/v1/enrolment-codes); for anything else stop it first.",
        )
    if isinstance(error, apsw.FullError) or (
        isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    ):
        return StorageFull("The disk that holds the relay's folder is full.", where=where)
    if isinstance(error, apsw.CantOpenError | apsw.PermissionsError | apsw.ReadOnlyError | OSError):
        return NotPermitted(
            f"The file cannot be opened for writing ({error}).", where=where, hint=_ACCESS_HINT
        )
    if isinstance(error, apsw.IOError):
        return StorageDamaged(f"Reading or writing failed ({error}).", where=where, hint=_DISK_HINT)
    return StorageDamaged(f"The file cannot be trusted ({error}).", where=where)


def refusal_of(error: apsw.Error, path: Path) -> GroundwireError | None:
    """Say whether anything may be written after this error.

    After a failed fsync the kernel may have dropped the pages and report success the next time, so no write may
    follow it in this process.
    """
    spoils = isinstance(error, apsw.IOError | apsw.CorruptError | apsw.NotADBError)
    return translate(error, path) if spoils else None
