"""The program's folder, kept aside before a package puts another version in its place, and put back. Blocking.

The copy is made of hard links: package managers put each new file in an old one's place by renaming, so the old one
stays what it was, and nothing is copied on the way. Only root can write to these folders, and their names come from
where this program itself lies, never from a file that the agent's user can write.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

from agent.errors import ConfigurationError, NotPermitted

PREVIOUS: Final = ".previous"
FAILED: Final = ".failed"
RESET: Final = "PYINSTALLER_RESET_ENVIRONMENT"  # has a bundle's loader begin anew


def own_folder() -> Path | None:
    """Where the installed program lies, also for the one kept aside; None: it runs from a checkout or a venv."""
    if not getattr(sys, "frozen", False):
        return None
    folder = Path(sys.executable).resolve().parent
    return folder.with_name(folder.name.removesuffix(PREVIOUS))


def previous_of(program: Path) -> Path:
    return program.with_name(program.name + PREVIOUS)


def keep_aside(program: Path) -> Path:
    """Raises NotPermitted where that cannot be done."""
    target = previous_of(program)
    draft = target.with_name(f"{target.name}.new")
    try:
        for leftover in (draft, target):
            _remove(leftover)
        shutil.copytree(program, draft, symlinks=True, copy_function=_link)
        draft.rename(target)
    except (OSError, shutil.Error) as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise NotPermitted(
            f"the program cannot be kept aside: {getattr(error, 'strerror', None) or error}",
            where=str(program),
            hint="Run the command as root, and look whether the disk has room.",
        ) from error
    return target


def put_back(program: Path) -> None:
    """The program of before in its place; the one that failed stays beside it for whoever wants to know why."""
    previous, failed = previous_of(program), program.with_name(program.name + FAILED)
    if not is_kept(program):
        raise ConfigurationError(
            "there is no program of before to go back to",
            where=str(previous),
            hint="Install the older package.",
        )
    try:
        _remove(failed)
        if program.exists():
            program.rename(failed)
        previous.rename(program)
        # Whoever does this may run from there, and load parts of itself later.
        previous.symlink_to(program.name)
    except OSError as error:
        raise NotPermitted(
            f"the program cannot be put back: {error.strerror or 'unknown fault'}",
            where=str(program),
            hint="Run the command as root.",
        ) from error


def is_kept(program: Path) -> bool:
    previous = previous_of(program)
    return previous.is_dir() and not previous.is_symlink()


def runs_from_kept(program: Path) -> bool:
    return Path(sys.executable).is_relative_to(previous_of(program))


def forget(program: Path) -> bool:
    """False where this very process runs from what is kept: the program that runs now does it then."""
    if runs_from_kept(program):
        return False
    for end in (PREVIOUS, FAILED):
        _remove(program.with_name(program.name + end))
    return True


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(source, target, follow_symlinks=False)
    return target
