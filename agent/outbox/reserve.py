"""Room on the disk that is kept for emptying the outbox.

SQLite needs room for everything, also for noting an ack and for deleting. An outbox that had filled its own disk could
never be emptied; so a file of zeros stands beside it, which goes when the disk is full. Until it can be made again,
nothing is appended.
"""

from __future__ import annotations

import os
from pathlib import Path

import structlog

from agent.errors import StorageFull
from agent.outbox.faults import translate
from agent.outbox.limits import MiB

log = structlog.get_logger(__name__)


class Reserve:
    """Used on the store's thread alone; of 0 bytes it does nothing."""

    def __init__(self, outbox: Path, size: int) -> None:
        self._path = outbox.with_name(f"{outbox.name}.reserve")
        self._size = size
        self.spent = size > 0 and not (self._path.is_file() and self._path.stat().st_size >= size)

    def keep(self) -> None:
        """Have the room set aside; StorageFull where there is none."""
        if not self.spent:
            return
        try:
            _fill(self._path, self._size)
        except OSError as error:
            self._path.unlink(missing_ok=True)
            raise translate(error, self._path) from error
        self.spent = False

    def release(self) -> None:
        if self.spent or not self._size:
            return
        self._path.unlink(missing_ok=True)
        self.spent = True
        log.error("outbox_reserve_released", bytes=self._size, hint=StorageFull.default_hint)


def _fill(path: Path, size: int) -> None:
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        missing = size - os.fstat(handle).st_size
        if missing <= 0:
            return
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, size)
            return
        os.lseek(handle, 0, os.SEEK_END)
        while missing > 0:
            missing -= os.write(handle, bytes(min(missing, MiB)))
    finally:
        os.close(handle)
