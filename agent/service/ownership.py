"""Whose the files of an installed agent are.

Root administers, and the service runs as a user of its own, whose state folder is. What a command of root's makes there
is given to that user when the command ends: the service could not open it.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Final

from agent.configuration.places import Program

# What the unit hides from the service: homes and temporary files of others (ProtectHome=, PrivateTmp=).
HIDDEN: Final = (Path("/root"), Path("/home"), Path("/run/user"), Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - named, not used


def for_service(program: Program) -> bool:
    """Whether what this process sets up is run by a service of another user."""
    return (
        program.platform != "win32" and program.serves_the_machine and program.account != program.service_user
    )


def give_to_owner(folder: Path) -> None:
    """Give what root owns below `folder` to the folder's owner. Nothing, where another user asks or root is the owner."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return
    try:
        owner = folder.stat(follow_symlinks=False)
    except OSError:
        return  # there is no state yet
    if owner.st_uid == 0 or not stat.S_ISDIR(owner.st_mode):
        return
    for _, folders, files, handle in os.fwalk(folder, follow_symlinks=False):
        for name in (*folders, *files):
            _give(name, handle, owner)


def _give(name: str, folder: int, owner: os.stat_result) -> None:
    """Held open while it is looked at: the owner of the folder may put something else in its place at any moment."""
    if sys.platform == "win32":
        return
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return  # a link, a socket, or gone: none is ours to give
    try:
        found = os.fstat(handle)
        # A file with a second name may be anybody's: the service could have linked it here.
        own = stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1)
        if found.st_uid == 0 and own:
            os.fchown(handle, owner.st_uid, owner.st_gid)
    finally:
        os.close(handle)


def service_can_read(path: Path) -> bool:
    """Whether a service of a user of its own finds and reads this file."""
    real = path.resolve()
    if any(real.is_relative_to(hidden) for hidden in HIDDEN):
        return False
    try:
        return bool(real.stat().st_mode & stat.S_IROTH) and all(
            one.stat().st_mode & stat.S_IXOTH for one in real.parents
        )
    except OSError:
        return False
