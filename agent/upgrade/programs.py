"""The program's folder, kept aside before a package puts another version in its place, and put back. Blocking.

The copy is made of hard links: installers put each new file in an old one's place by renaming, or remove the old one
first, so what is kept stays what it was, and nothing is copied on the way. It stays where it is while the program is put
back: whoever does that may run from there. Only root, or an administrator, can write to these folders, and their names
come from where this program itself lies, never from a file that the agent's user can write.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from agent.errors import ConfigurationError, NotPermitted

PREVIOUS: Final = ".previous"
FAILED: Final = ".failed"
COMING: Final = ".coming"  # what is put back, until it has its name
RESET: Final = "PYINSTALLER_RESET_ENVIRONMENT"  # has a bundle's loader begin anew
ATTEMPTS: Final = (
    1 if os.name == "posix" else 40
)  # at what somebody has open there: a scanner, a process that ends just now
PAUSE_SECONDS: Final = 0.5


def own_folder() -> Path | None:
    """Where the installed program lies, also for the one kept aside; None: it runs from a checkout or a venv."""
    if not getattr(sys, "frozen", False):
        return None
    folder = Path(sys.executable).resolve().parent
    return folder.with_name(folder.name.removesuffix(PREVIOUS))


def previous_of(program: Path) -> Path:
    return program.with_name(program.name + PREVIOUS)


def keep_aside(program: Path, close: Callable[[Path], None] = lambda _: None) -> Path:
    """`close`: closes the new folder to everybody who may not write programs. Raises NotPermitted."""
    target = previous_of(program)
    draft = target.with_name(f"{target.name}.new")
    try:
        for leftover in (draft, target, program.with_name(program.name + FAILED)):
            _remove(leftover)
        draft.mkdir()
        close(draft)
        shutil.copytree(program, draft, symlinks=True, copy_function=_link, dirs_exist_ok=True)
        draft.rename(target)
    except (OSError, shutil.Error) as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise NotPermitted(
            f"the program cannot be kept aside: {getattr(error, 'strerror', None) or error}",
            where=str(program),
            hint="Run the command as root or as an administrator, and look whether the disk has room.",
        ) from error
    return target


def put_back(program: Path) -> None:
    """The program of before in its place; the one that failed stays beside it for whoever wants to know why.

    Cut at any point, it can be asked for again.
    """
    previous, failed = previous_of(program), program.with_name(program.name + FAILED)
    coming = program.with_name(program.name + COMING)
    if not is_kept(program):
        raise ConfigurationError(
            "there is no program of before to go back to",
            where=str(previous),
            hint="Install the older package.",
        )
    try:
        if _holds_all_of(program, previous):
            return  # it is in its place already
        _remove(coming)
        shutil.copytree(previous, coming, symlinks=True, copy_function=_link)
        _move_away(program, failed, previous)
        _move_in(coming, program)
    except (OSError, shutil.Error) as error:
        raise NotPermitted(
            f"the program cannot be put back: {getattr(error, 'strerror', None) or error}",
            where=str(program),
            hint="Run the command as root or as an administrator, and close what has files of that folder open.",
        ) from error


def is_kept(program: Path) -> bool:
    previous = previous_of(program)
    return previous.is_dir() and not previous.is_symlink()


def runs_from_kept(program: Path) -> bool:
    return Path(sys.executable).is_relative_to(previous_of(program))


def forget(program: Path, *, failed: bool = True) -> bool:
    """False where it is not gone: this very process runs from what is kept, or another still has it open."""
    if runs_from_kept(program):
        return False
    folders = [
        program.with_name(program.name + end) for end in (PREVIOUS, COMING, *([FAILED] if failed else []))
    ]
    for attempt in range(ATTEMPTS):
        for folder in folders:
            _remove(folder)
        if not any(folder.exists() for folder in folders):
            return True
        if attempt + 1 < ATTEMPTS:
            time.sleep(PAUSE_SECONDS)
    return False


def _move_away(program: Path, failed: Path, previous: Path) -> None:
    """In one step where the system does that. Else, and where it was cut before, file by file.

    Windows renames no folder in which somebody has a file open, but does rename a program that runs.
    """
    if not program.exists():
        return
    if not failed.exists():
        with suppress(PermissionError):
            program.rename(failed)
            return
    for path in _files(program):
        place = path.relative_to(program)
        if not _is_same(path, previous / place):
            target = failed / place
            target.parent.mkdir(parents=True, exist_ok=True)
            _patiently(partial(path.replace, target))


def _move_in(coming: Path, program: Path) -> None:
    if not program.exists():
        _patiently(lambda: coming.rename(program))
        return
    for path in _files(coming):
        target = program / path.relative_to(coming)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not _is_same(path, target):
            _patiently(partial(path.replace, target))
    _remove(coming)


def _patiently(step: Callable[[], object]) -> None:
    for _ in range(ATTEMPTS - 1):
        with suppress(PermissionError):
            step()
            return
        time.sleep(PAUSE_SECONDS)
    step()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _holds_all_of(folder: Path, other: Path) -> bool:
    found = _files(other)
    return bool(found) and all(_is_same(folder / path.relative_to(other), path) for path in found)


def _is_same(one: Path, other: Path) -> bool:
    """Two names of one file, or links that say the same."""
    try:
        if one.is_symlink() or other.is_symlink():
            return one.readlink() == other.readlink()
        return one.samefile(other)
    except OSError:
        return False


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
