"""The bundle: a folder with an executable and everything that it needs but the system's C and C++ libraries."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import elf
import papers
from freeze import EPOCH, NAME, freeze

__all__ = ["EPOCH", "NAME", "build", "finish", "glibc_needed", "libraries", "refuse_newer", "size_of"]

MARKER: Final = (
    "installed"  # agent/configuration/places.py: the machine's folders, where root or this user runs it
)
SERVICE_USER: Final = "groundwire"
INSIDE: Final = "_internal"
# Rewritten by the tool that gathered them into a wheel; `strip` breaks such files.
_NOT_STRIPPED: Final = ("numpy.libs", "psycopg_binary.libs", "psycopg_binary")
_OWN_PREFIX: Final = "gw_"  # as long as `lib`


def build(root: Path, into: Path) -> Path:
    """Make it anew below `into`, and give its folder. Raises CalledProcessError."""
    made = freeze(root, into)
    finish(root, made)
    return made


def finish(root: Path, made: Path, origin: papers.Origin | None = None) -> None:
    """The second half: smaller libraries with names of their own, which look where the system does, and the papers.

    The origin is where the first half was done, if not here.
    """
    if sys.platform == "linux":
        _strip(made)
        _look_nowhere_else(made)
        _rename(made)
    (made / MARKER).write_text(f"{SERVICE_USER}\n", "utf-8")
    papers.write(root, made, int(EPOCH), origin or papers.here())


def size_of(folder: Path) -> int:
    """Bytes of its files; a link counts as nothing."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


def libraries(made: Path) -> Iterator[Path]:
    """Every native file of a bundle for Linux, in order."""
    for file in sorted(made.rglob("*")):
        if file.is_file() and not file.is_symlink() and elf.is_elf(file):
            yield file


def glibc_needed(made: Path) -> tuple[tuple[int, ...], Path]:
    """The newest version of the C library that a file of it needs, and that file."""
    return max((elf.glibc_needed(file), file) for file in libraries(made))


def refuse_newer(made: Path, most: tuple[int, ...]) -> None:
    """Raises ValueError where a file needs a newer C library than the oldest system has on which it is to start."""
    needed, file = glibc_needed(made)
    if needed > most:
        raise ValueError(
            f"{file.relative_to(made)} needs glibc {_dotted(needed)}, newer than {_dotted(most)}"
        )


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _strip(made: Path) -> None:
    """Take debugging symbols out of native libraries: a fifth of the whole."""
    files = [
        file for file in libraries(made / INSIDE) if file.relative_to(made).parts[1] not in _NOT_STRIPPED
    ]
    subprocess.run(["strip", "--strip-unneeded", *map(str, files)], check=True)


def _look_nowhere_else(made: Path) -> None:
    for file in libraries(made):
        before = file.read_bytes()
        after = elf.without_foreign_paths(before)
        if after != before:
            file.write_bytes(after)


def _rename(made: Path) -> None:
    """Give the libraries that came from the build's system names of their own.

    A database's ODBC driver is linked with the same ones of the customer's system, in other versions: under one name
    the first that is loaded would serve both.
    """
    from_system = [
        file
        for file in sorted((made / INSIDE).glob("lib*.so*"))
        if not file.is_symlink() and not file.name.startswith("libpython")
    ]
    names = {file.name: _OWN_PREFIX + file.name.removeprefix("lib") for file in from_system}
    for file in libraries(made / INSIDE):
        before = file.read_bytes()
        after = elf.renamed(before, names)
        if after != before:
            file.write_bytes(after)
    for file in from_system:
        file.rename(file.with_name(names[file.name]))
