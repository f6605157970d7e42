"""The bundle: a folder with an executable and everything that it needs but the system's C and C++ libraries."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

NAME: Final = "groundwire"
MARKER: Final = "installed"  # agent/configuration/places.py: the machine's folders, where root or this user runs it
SERVICE_USER: Final = "groundwire"
EPOCH: Final = "1767225600"  # 2026-01-01: files of a build bear no time of their own
_ELF: Final = b"\x7fELF"
# Rewritten by the tool that gathered them into a wheel; `strip` breaks such files.
_NOT_STRIPPED: Final = ("numpy.libs", "psycopg_binary.libs", "psycopg_binary")


def build(root: Path, into: Path) -> Path:
    """Make it anew below `into`, and give its folder. Raises CalledProcessError."""
    made = into / NAME
    shutil.rmtree(made, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="groundwire-build-") as work:
        _freeze(root, into, Path(work))
    if sys.platform == "linux":
        _strip(made)
    (made / MARKER).write_text(f"{SERVICE_USER}\n", "utf-8")
    return made


def size_of(folder: Path) -> int:
    """Bytes of its files; a link counts as nothing."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


def _freeze(root: Path, into: Path, work: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "PyInstaller", "--noconfirm", "--clean", "--log-level", "WARN"),
            *("--distpath", str(into), "--workpath", str(work)),
            str(root / "packaging" / "pyinstaller" / "groundwire.spec"),
        ],
        cwd=work,
        env={
            **os.environ,
            "PYTHONHASHSEED": "1",
            "SOURCE_DATE_EPOCH": EPOCH,
            "PYINSTALLER_CONFIG_DIR": str(work / "cache"),
        },
        check=True,
    )


def _strip(made: Path) -> None:
    """Take debugging symbols out of native libraries: a fifth of the whole."""
    for file in sorted((made / "_internal").rglob("*.so*")):
        if file.is_symlink() or file.relative_to(made).parts[1] in _NOT_STRIPPED or file.read_bytes()[:4] != _ELF:
            continue
        subprocess.run(["strip", "--strip-unneeded", str(file)], check=True)
