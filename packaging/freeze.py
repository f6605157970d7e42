"""The first half of a bundle, which decides on which systems it starts: `python packaging/freeze.py INTO`.

It asks for PyInstaller alone, so that it runs on a system that has nothing else (portable.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

NAME: Final = "groundwire"
EPOCH: Final = "1767225600"  # 2026-01-01: files of a build bear no time of their own


def freeze(root: Path, into: Path) -> Path:
    """What PyInstaller makes of the program, below `into`. Raises CalledProcessError."""
    made = into / NAME
    shutil.rmtree(made, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="groundwire-build-") as work:
        subprocess.run(
            [
                *(sys.executable, "-m", "PyInstaller", "--noconfirm", "--clean", "--log-level", "WARN"),
                *("--distpath", str(into), "--workpath", work),
                str(root / "packaging" / "pyinstaller" / "groundwire.spec"),
            ],
            cwd=work,
            env={
                **os.environ,
                "PYTHONHASHSEED": "1",
                "SOURCE_DATE_EPOCH": EPOCH,
                "PYINSTALLER_CONFIG_DIR": str(Path(work) / "cache"),
            },
            check=True,
        )
    return made


if __name__ == "__main__":
    freeze(Path(__file__).resolve().parents[1], Path(sys.argv[1]))
