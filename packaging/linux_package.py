"""Packages of Linux, of a bundle and a recipe: `nfpm.yaml` in a folder of packaging/. The same input gives the same bytes."""

from __future__ import annotations

import gzip
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Final

FORMATS: Final = ("deb", "rpm")
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


def build(recipe: Path, bundle: Path, into: Path, form: str, *, version: str, epoch: int) -> Path:
    """Make one package; `epoch` is the time that everything in it bears. Raises CalledProcessError."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="groundwire-package-") as name:
        work = Path(name)
        _stage(bundle, work / "tree", epoch)
        (work / "changelog.gz").write_bytes(gzip.compress(_changelog(recipe, version, epoch), 9, mtime=0))
        (work / "made").mkdir()
        subprocess.run(
            [_nfpm(), "package", "--config", "nfpm.yaml", "--packager", form, "--target", str(work / "made")],
            cwd=recipe,
            env={
                **os.environ,
                "SOURCE_DATE_EPOCH": str(epoch),
                "PACKAGE_ARCH": _ARCHITECTURES[platform.machine()],
                "PACKAGE_VERSION": version,
                "PACKAGE_TREE": str(work / "tree"),
                "PACKAGE_CHANGELOG": str(work / "changelog.gz"),
            },
            stdout=subprocess.DEVNULL,
            check=True,
        )
        (made,) = (work / "made").iterdir()
        return Path(shutil.move(made, into / made.name))


def _nfpm() -> str:
    beside = Path(sys.executable).with_name("nfpm")
    return str(beside) if beside.exists() else "nfpm"


def _stage(bundle: Path, tree: Path, epoch: int) -> None:
    """The bundle as it is installed: modes and times do not come from the machine that builds."""
    shutil.copytree(bundle, tree, symlinks=True)
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            runs = path.is_dir() or path == tree / "groundwire"
            path.chmod(0o755 if runs else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def _changelog(recipe: Path, version: str, epoch: int) -> bytes:
    """As Debian wants one; what changed is told in the release's notes."""
    lines = (recipe / "nfpm.yaml").read_text("utf-8").splitlines()
    name, maintainer = (
        next(line.partition(": ")[2] for line in lines if line.startswith(f"{key}: "))
        for key in ("name", "maintainer")
    )
    day = format_datetime(datetime.fromtimestamp(epoch, UTC))
    return f"{name} ({version}-1) stable; urgency=medium\n\n  * Version {version}.\n\n -- {maintainer}  {day}\n".encode()
