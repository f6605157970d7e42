"""Files of the state folder, touched by root while an upgrade is prepared or gone back from.

The folder is the agent's user's: whoever has taken the agent over may have put a named pipe, a device or a link there, to
hold root at it for ever. Only plain files are opened, none is waited for, and none is read beyond a bound.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Final

MOST_BYTES: Final = (
    16 * 1024 * 1024
)  # of a file that is read as a whole; the agent writes none that is larger
_BESIDE: Final = ("-journal", "-wal", "-shm")  # SQLite opens them by itself, and waits for a pipe
_FLAGS: Final = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def is_plain(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def is_plain_database(path: Path) -> bool:
    """Whether SQLite meets nothing but plain files where it opens this one."""
    beside = (path.with_name(f"{path.name}{end}") for end in _BESIDE)
    return is_plain(path) and all(is_plain(one) or not os.path.lexists(one) for one in beside)


def read_plain(path: Path) -> bytes | None:
    """The file's first MOST_BYTES; None: there is no plain file, or it cannot be read."""
    try:
        with open(path, "rb", opener=_opened) as file:
            return file.read(MOST_BYTES) if _is_regular(file.fileno()) else None
    except OSError:
        return None


def copy_plain(source: str | Path, target: str | Path) -> None:
    """With its mode and times; what is no plain file is left out: the agent makes none. Raises OSError."""
    if not is_plain(Path(source)):
        return
    with open(source, "rb", opener=_opened) as file:
        if not _is_regular(file.fileno()):
            return
        with Path(target).open("wb") as copy:
            shutil.copyfileobj(file, copy)
    shutil.copystat(source, target, follow_symlinks=False)


def sync_plain(path: Path) -> None:
    """The plain file, or everything plain in the folder, durable. Raises OSError."""
    for one in (path, *(path.rglob("*") if path.is_dir() else ())):
        if is_plain(one):
            _sync(one, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
        elif os.name == "posix" and one.is_dir() and not one.is_symlink():
            _sync(one, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags | _FLAGS)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _opened(name: str, flags: int) -> int:
    return os.open(name, flags | _FLAGS)


def _is_regular(handle: int) -> bool:
    return stat.S_ISREG(os.fstat(handle).st_mode)
