"""Room on the disk that is kept for emptying the outbox.

SQLite needs room for everything, also for noting an ack and for deleting. An outbox that had filled its own disk could
never be emptied; so a file of no use stands beside it, which is emptied when the disk is full. Until it is whole again,
nothing is appended.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from agent.errors import StorageFull
from agent.outbox.faults import translate
from agent.outbox.limits import MiB

log = structlog.get_logger(__name__)

BLOCK_BYTES: Final = 512  # of st_blocks, whatever the file system's own are


class Reserve:
    """Used on the store's thread alone; of 0 bytes it does nothing."""

    def __init__(self, outbox: Path, size: int) -> None:
        self._path = outbox.with_name(f"{outbox.name}.reserve")
        self._size = size
        self.spent = size > 0 and _allocated(self._path) < size
        # Given up because the disk was full, by this process or one before it; not so where it was never made.
        self.full = self.spent and self._path.exists()

    def keep(self) -> None:
        """Have the room set aside; StorageFull where there is none."""
        if not self.spent:
            return
        try:
            _fill(self._path, self._size)
        except OSError as error:
            self.full = True
            with suppress(OSError):
                os.truncate(self._path, 0)
            raise translate(error, self._path) from error
        self.spent = self.full = False

    def release(self) -> None:
        if self.spent or not self._size:
            return
        try:
            os.truncate(self._path, 0)
        except FileNotFoundError:
            pass
        except OSError as error:
            log.error("outbox_reserve_not_released", error=str(error))  # noqa: TRY400 - no traceback for operators
            return
        self.spent = self.full = True
        log.error("outbox_reserve_released", bytes=self._size, hint=StorageFull.default_hint)


def _allocated(file: Path | int) -> int:
    """How much of the disk it holds: a copy, or a file system that compresses, may have put holes in the place of it."""
    try:
        found = os.stat(file)  # noqa: PTH116 - of a handle too
    except FileNotFoundError:
        return 0
    return min(found.st_size, getattr(found, "st_blocks", found.st_size) * BLOCK_BYTES)


def _fill(path: Path, size: int) -> None:
    flags = os.O_CREAT | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags, 0o600)
    try:
        if sys.platform != "win32":
            _ask_for(handle, size)
        if _allocated(handle) < size:
            _write(handle, size)
    finally:
        os.close(handle)


if sys.platform != "win32":

    def _ask_for(handle: int, size: int) -> None:
        if not hasattr(os, "posix_fallocate"):
            return
        try:
            os.posix_fallocate(handle, 0, size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
                raise


def _write(handle: int, size: int) -> None:
    """Chance bytes, which no file system makes smaller; synced, for only then some of them say that they are full."""
    os.lseek(handle, 0, os.SEEK_SET)
    missing = size
    while missing > 0:
        missing -= os.write(handle, os.urandom(min(missing, MiB)))
    os.fsync(handle)
