"""The bundle for Windows and its MSIs: under Wine, by the command that makes them on Windows. Kept in build/windows."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

from tests.packaging.windows_python import KEPT, PROGRAM, interpreter
from tests.packaging.wine import Wine, windows_path
from tests.packaging_scripts import script

SECONDS: Final = 5_400.0  # PyInstaller reads everything there is, through Wine


def bundle() -> Path:
    """Made anew when anything that goes into it has changed; GROUNDWIRE_WINDOWS_BUNDLE names one to be taken as it is."""
    if named := os.environ.get("GROUNDWIRE_WINDOWS_BUNDLE"):
        return Path(named)
    python = interpreter()
    made = KEPT / "bundle" / "groundwire"
    stamp = KEPT / "bundle.stamp"
    state = _state_of(PROGRAM, KEPT / "ready")
    if not stamp.exists() or stamp.read_text() != state:
        stamp.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(prefix="groundwire-wine-") as folder, Wine(Path(folder)) as wine:
            command = (str(python), "packaging\\build.py", "bundle", "--bundle", windows_path(made))
            wine.run(*command, cwd=PROGRAM, seconds=SECONDS)
        stamp.write_text(state)
    return made


def package(version: str, into: Path) -> Path:
    made = script("windows_package").build(bundle(), into, version=version)
    assert isinstance(made, Path)
    return made


def _state_of(*places: Path) -> str:
    files = [file for place in places for file in (sorted(place.rglob("*")) if place.is_dir() else [place])]
    state = hashlib.sha256()
    for file in files:
        if file.is_file() and "__pycache__" not in file.parts:
            state.update(f"{file} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return state.hexdigest()
