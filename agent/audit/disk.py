"""The file operations of the audit log, in one place: tests record them, or let them fail."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from pathlib import Path
from typing import Final

_POSIX: Final = os.name == "posix"
_FLAGS: Final = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NONBLOCK", 0)
)


class Disk:
    """Every method raises OSError."""

    def names(self, folder: Path) -> list[str]:
        return [path.name for path in folder.iterdir()]

    def read(self, path: Path, *, private: bool = False, most: int = -1) -> bytes | None:
        """The whole file, or its first bytes; None where there is none. `private`: refuse it if others may read it."""
        try:
            handle = os.open(path, os.O_RDONLY | _FLAGS)
        except FileNotFoundError:
            return None
        with os.fdopen(handle, "rb") as file:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISREG(mode):
                raise OSError(errno.EINVAL, "is not a plain file", str(path))
            if private and _POSIX and mode & 0o077:
                raise PermissionError(errno.EPERM, f"others can read it: run `chmod 600 {path}`", str(path))
            return file.read(most)

    def create(self, path: Path) -> int:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
        try:
            give_to_owner_of_folder(handle, path.parent)
        except OSError:
            os.close(handle)
            raise
        return handle

    def open(self, path: Path) -> int:
        return os.open(path, os.O_RDWR | _FLAGS)

    def is_at(self, handle: int, path: Path, size: int) -> bool:
        """Whether the open file is still the one of that name, and as long as it was left."""
        try:
            there = path.lstat()
        except FileNotFoundError:
            return False
        ours = os.fstat(handle)
        return (there.st_dev, there.st_ino, there.st_size) == (ours.st_dev, ours.st_ino, size)

    def write(self, handle: int, data: bytes, offset: int) -> None:
        os.lseek(handle, offset, os.SEEK_SET)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]

    def truncate(self, handle: int, size: int) -> None:
        os.ftruncate(handle, size)

    def sync(self, handle: int) -> None:
        os.fsync(handle)

    def close(self, handle: int) -> None:
        with contextlib.suppress(OSError):
            os.close(handle)

    def replace(self, source: Path, target: Path) -> None:
        source.replace(target)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def make_folder(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sys.platform != "win32":
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                give_to_owner_of_folder(handle, path.parent)
            finally:
                os.close(handle)

    def remove_empty_folder(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            path.rmdir()

    def sync_folder(self, folder: Path) -> None:
        """Make created, renamed and removed names durable."""
        if not _POSIX:
            return
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def put(self, path: Path, content: bytes) -> None:
        """Replace a whole small file, durably."""
        draft = path.with_name(path.name + ".new")
        self.remove(draft)
        handle = self.create(draft)
        try:
            self.write(handle, content, 0)
            self.sync(handle)
        finally:
            self.close(handle)
        self.replace(draft, path)
        self.sync_folder(path.parent)


def give_to_owner_of_folder(handle: int, folder: Path) -> None:
    """What root writes while no agent runs must be the agent's own, or the agent could not go on with it."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return
    owner, ours = folder.stat(), os.fstat(handle)
    if (owner.st_uid, owner.st_gid) != (ours.st_uid, ours.st_gid):
        os.fchown(handle, owner.st_uid, owner.st_gid)
