"""The file of answers that the Windows package is told of, read as the system.

What it says decides to whom the agent is shown and which files are read as secrets. So it has to be an administrator's,
wherever it lies: no link leads to it, and nobody else may change it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent.errors import ConfigurationError
from agent.service.plan import ADMINISTRATORS, is_trusted
from agent.service.ports import FileAccess, ServiceRefused

MOST_BYTES: Final = 4 * 1024 * 1024


def read_trusted(path: Path, access: FileAccess, sid: str) -> bytes:
    """Raises ConfigurationError. While it is open Windows lets nobody rename or replace it, nor a folder above it."""
    try:
        with open(path, "rb", opener=_opened) as file:
            held = os.fstat(file.fileno())
            _want_trusted(path, held, access, sid)
            content = file.read(MOST_BYTES + 1)
    except ServiceRefused as error:
        raise _refused(path, f"Windows does not say whose it is: {error}") from error
    except OSError as error:
        raise _refused(path, f"it cannot be read: {error.strerror or 'unknown fault'}") from error
    if len(content) > MOST_BYTES:
        raise _refused(path, f"it is larger than {MOST_BYTES} bytes")
    return content


def _want_trusted(path: Path, held: os.stat_result, access: FileAccess, sid: str) -> None:
    checks: list[tuple[Callable[[], bool], str]] = [
        (path.is_absolute, "it is not named by its whole path"),
        (lambda: stat.S_ISREG(held.st_mode), "it is no plain file"),
        (lambda: not any(map(access.is_link, (path, *path.parents))), "a link leads to it"),
        (lambda: os.path.samestat(held, path.lstat()), "it was exchanged while it was looked at"),
        (lambda: held.st_nlink == 1, "it has a second name"),
    ]
    for holds, fault in checks:
        if not holds():
            raise _refused(path, fault)
    me = access.me()
    strangers = [
        who
        for who in (access.owner(path), *sorted(access.writers(path)))
        if not is_trusted(who, administrator=me, sid=sid) or who == sid
    ]
    if strangers:
        raise _refused(
            path,
            f"{strangers[0]} owns it or may change it, and is no administrator",
            f'`icacls "{path}" /setowner *{ADMINISTRATORS}`, then `icacls "{path}" /inheritance:r /grant *{ADMINISTRATORS}:F '
            "*S-1-5-18:F`; look whether it still says what it is to say.",
        )


def _refused(
    path: Path, why: str, hint: str = "Name the file itself, by its whole path."
) -> ConfigurationError:
    return ConfigurationError(f"the file of answers is not taken: {why}", where=str(path), hint=hint)


def _opened(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
