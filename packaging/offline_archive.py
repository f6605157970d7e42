"""The archive for a machine without the internet: every package for Linux, what to read, and what checks and installs them."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

SUMS: Final = "SHA256SUMS"
PAGES: Final = (
    "install-offline.md",
    "install-linux.md",
    "install-relay.md",
    "upgrade.md",
    "network.md",
    "setup.md",
)
Sign = Callable[[Path], None]  # writes signatures beside a list of hashes


def build(
    root: Path,
    packages: Iterable[Path],
    others: Iterable[Path],
    into: Path,
    *,
    version: str,
    epoch: int,
    sign: Sign,
) -> Path:
    """The same files give the same bytes, but for signatures."""
    name = f"groundwire-{version}-linux-x86_64"
    with tempfile.TemporaryDirectory(prefix="groundwire-archive-") as work:
        folder = Path(work) / name
        (folder / "packages").mkdir(parents=True)
        (folder / "docs").mkdir()
        shutil.copy(root / "packaging" / "offline" / "install.sh", folder)
        for package in packages:
            shutil.copy(package, folder / "packages")
        for page in PAGES:
            shutil.copy(root / "docs" / page, folder / "docs")
        for other in others:
            shutil.copy(other, folder)
        write_sums(folder)
        sign(folder / SUMS)
        return _packed(folder, into / f"{name}.tar.gz", epoch)


def write_sums(folder: Path) -> Path:
    """Every file below the folder with its hash, as `sha256sum` reads them."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(SUMS))
    lines = [f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in found]
    (folder / SUMS).write_text("".join(lines), "ascii")
    return folder / SUMS


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _packed(folder: Path, target: Path, epoch: int) -> Path:
    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        member.mtime = epoch
        member.mode = 0o755 if member.isdir() or member.name.endswith("/install.sh") else 0o644
        return member

    # Fast: what is large in it is packed already.
    with (
        target.open("wb") as file,
        gzip.GzipFile("", "wb", 1, file, mtime=epoch) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        archive.add(folder, folder.name, recursive=False, filter=plain)
        for path in sorted(folder.rglob("*")):
            archive.add(
                path, f"{folder.name}/{path.relative_to(folder).as_posix()}", recursive=False, filter=plain
            )
    return target
