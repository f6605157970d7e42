"""Files that only the agent's user may read, replaced whole: after a power cut there is the old content or the new."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from agent.errors import ConfigurationError, GroundwireError, NotPermitted, StorageDamaged, StorageFull
from agent.secrets import open_at_once

MAX_FILE_BYTES: Final = 16 * 1024 * 1024  # a thousand secrets of a certificate chain's size
SCRATCH_SUFFIX: Final = ".new"
_POSIX: Final = os.name == "posix"


class Disk(Protocol):
    """The calls that matter when the power goes; tests put a disk that forgets in its place."""

    def create(self, path: Path, content: bytes) -> None:
        """Make a private file that was not there, with its content durable."""
        ...

    def rename(self, old: Path, new: Path) -> None: ...

    def remove(self, path: Path) -> None: ...

    def sync_folder(self, folder: Path) -> None:
        """Make the folder's names durable."""
        ...


class SystemDisk:
    def create(self, path: Path, content: bytes) -> None:
        flags = (
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        )
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            _give_to_owner_of_folder(file.fileno(), path.parent)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def rename(self, old: Path, new: Path) -> None:
        old.replace(new)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        if not _POSIX:
            return  # a rename is journaled there, and a folder cannot be opened
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


SYSTEM_DISK: Final = SystemDisk()


def replace_private(path: Path, content: bytes, *, disk: Disk = SYSTEM_DISK) -> None:
    """Put `content` in the file's place; durable when this returns. Raises StorageFull or NotPermitted."""
    scratch = path.with_name(path.name + SCRATCH_SUFFIX)
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            disk.sync_folder(path.parent.parent)  # or the folder itself is gone after a power cut
        disk.remove(scratch)  # left behind by a power cut
        disk.create(scratch, content)
        disk.rename(scratch, path)
        disk.sync_folder(path.parent)
    except OSError as error:
        raise _not_written(error, path) from error


def remove_private(path: Path, *, disk: Disk = SYSTEM_DISK) -> None:
    try:
        disk.remove(path)
        disk.sync_folder(path.parent)
    except OSError as error:
        raise _not_written(error, path) from error


def read_private(path: Path) -> bytes | None:
    """The file's content; None: there is none. Raises ConfigurationError where others could read it or put it there."""
    try:
        with open(path, "rb", opener=_open_without_following) as file:
            _refuse_exposed(os.fstat(file.fileno()), path)
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(
            f"the file cannot be opened: {error.strerror or 'unreadable'}",
            where=str(path),
            hint="It must be a plain file, no link, that the agent's user owns; run the command as that user or as root.",
        ) from error
    if len(content) > MAX_FILE_BYTES:
        raise StorageDamaged("the file is larger than any that the agent writes", where=str(path))
    return content


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock that the agent and the command line share; whoever comes second waits."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        raise _not_written(error, path) from error
    try:
        try:
            _give_to_owner_of_folder(handle, path.parent)
            _lock(handle)
        except OSError as error:
            raise _not_written(error, path) from error
        yield
    finally:
        os.close(handle)  # which lets go of the lock, as the end of the process would


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - exists on Windows only

        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
    else:
        import fcntl  # noqa: PLC0415 - exists on Unix only

        fcntl.flock(handle, fcntl.LOCK_EX)


def _open_without_following(name: str, flags: int) -> int:
    return open_at_once(name, flags | getattr(os, "O_NOFOLLOW", 0))


def _give_to_owner_of_folder(handle: int, folder: Path) -> None:
    """What root writes for the agent must be the agent's own, or the agent could not read it."""
    if sys.platform != "win32" and os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(handle, owner.st_uid, owner.st_gid)


def _refuse_exposed(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigurationError("this is not a plain file", where=str(path), hint="Move it away.")
    if sys.platform == "win32":
        return  # access is by the folder's ACL there
    if found.st_mode & 0o077:
        raise ConfigurationError(
            f"others on this host can read or write the file (mode {found.st_mode & 0o777:o})",
            where=str(path),
            hint=f"Run `chmod 600 {path}`. If others may have read it, change the secrets in it.",
        )
    if os.geteuid() not in (0, found.st_uid):
        raise ConfigurationError(
            "another user owns the file", where=str(path), hint="Run the command as the agent's user."
        )


def _not_written(error: OSError, path: Path) -> GroundwireError:
    if error.errno in {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}:
        return StorageFull(where=str(path))
    return NotPermitted(
        f"the file cannot be written: {error.strerror or 'unknown fault'}",
        where=str(path),
        hint="Give the agent's user write access to the state folder, or run the command as that user.",
    )
