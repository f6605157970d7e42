"""Files of the configuration as set-up writes them: whole or not at all, and writable for their owner alone."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import Final

from agent.errors import NotPermitted

_FILE_MODE: Final = 0o644  # others may read: no file of the configuration holds a secret
_FOLDER_MODE: Final = 0o755  # at most, whatever the umask lets others do: what they may write to is not read


def write_file(path: Path, text: str, *, mode: int = _FILE_MODE) -> None:
    """A file that is there keeps its owner and mode, as far as this user may say so. Raises NotPermitted."""
    try:
        path = path.resolve()  # where a link leads, the file there
        _make_folder(path.parent)
        before = path.stat() if path.exists() else None
        if before is not None and not os.access(path, os.W_OK):
            # A folder that this user may write to is not enough: whose file it is decides, as of a policy of root's.
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            _dress(Path(name), before, mode)
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise NotPermitted(
            f"cannot be written: {error.strerror or error}",
            where=str(path),
            hint="Run set-up as the user who owns the configuration, or as root.",
        ) from error


def write_new(path: Path, text: str) -> None:
    """For this user alone, and where nothing is: somebody else's file or link is not written to. Raises NotPermitted."""
    try:
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(text)
    except OSError as error:
        raise NotPermitted(
            f"cannot be written: {error.strerror or error}",
            where=str(path),
            hint="Name a file that is not there yet, in a folder that this user may write to.",
        ) from error


def _make_folder(folder: Path) -> None:
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=_FOLDER_MODE)


def _dress(made: Path, before: os.stat_result | None, mode: int) -> None:
    if before is None:
        made.chmod(mode)
        return
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.chown(made, before.st_uid, before.st_gid)
    made.chmod(stat.S_IMODE(before.st_mode))
