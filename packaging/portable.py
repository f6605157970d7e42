"""The bundle that starts on Debian 11 and later and on RHEL 9: `make bundle-portable`, as root (docs/bundle.md).

What a bundle needs of the C library is what the system has on which it is frozen. So it is frozen in a root of Debian 11,
with an OpenSSL and a CPython that are compiled there. What was done once is not done again: each stage leaves a stamp of
everything that it was made of, and a run that was broken off goes on with the stage that has none.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import bundle
import papers
from provenance import commit_of, note

ROOT: Final = Path(__file__).resolve().parents[1]
SCRIPTS: Final = ROOT / "packaging" / "portable"
MADE: Final = ROOT / "build" / "bundle-portable" / bundle.NAME
SUITE: Final = "bullseye"
GLIBC: Final = (2, 31)  # Debian 11's; RHEL 9 has 2.34
PYTHON: Final = "opt/python/bin/python3.11"
LIBRARY: Final = "opt/python/lib/python3.11"
PACKAGES: Final = f"{LIBRARY}/dist-packages"  # where Debian's Python looks
# Of requirements-dev.lock, beside all of requirements.lock.
FREEZES: Final = ("altgraph", "packaging", "pyinstaller", "pyinstaller-hooks-contrib", "pyrfcx", "setuptools")
_PINNED: Final = re.compile(r"^([A-Za-z0-9_.-]+)==.*(?:\n    .*)*", re.MULTILINE)
_FIRST_OF_CHANGELOG: Final = re.compile(r"\S+ \((?:\d+:)?([^)]+)\)")
_PROXIES: Final = ("http_proxy", "https_proxy", "no_proxy")
# With processes and mounts of its own: all of them end with it, whatever ends it.
ALONE: Final = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
IN_THE_ROOT: Final = """
set -e
root=$1 checkout=$2; shift 2
mount -t proc proc "$root/proc"
mkdir -p "$root/checkout"
mount --bind "$checkout" "$root/checkout"
mount -o remount,bind,ro "$root/checkout"
exec chroot "$root" "$@"
"""


class Refused(Exception):
    """What has to be put right before there can be such a bundle."""


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    says: str
    made_of: bytes
    make: Callable[[Path], None]  # what it says goes into that file


class Portable:
    def __init__(self, work: Path, mirror: str, minutes: int) -> None:
        self._work, self._mirror, self._minutes = work, mirror, minutes
        self._root = work / "root"

    def make(self) -> Path:
        """Raises Refused."""
        stamp = hashlib.sha256()
        stages = self._stages()
        for number, stage in enumerate(stages, 1):
            stamp.update(stage.name.encode() + b"\0" + stage.made_of + b"\0")
            self._one(stage, stamp.hexdigest(), f"{number}/{len(stages) + 1} {stage.says}")
        print(f"{len(stages) + 1}/{len(stages) + 1} The program, frozen there ...", flush=True)
        return self._frozen()

    def _stages(self) -> list[Stage]:
        mirror = self._mirror.encode()
        return [
            Stage("system", "A root of Debian 11", mirror + SUITE.encode(), self._system),
            self._compiled("sources", "Headers, and the sources of OpenSSL and CPython", self._mirror),
            self._compiled("openssl", "OpenSSL, compiled"),
            self._compiled("python", "CPython, compiled"),
            Stage("libraries", "The locked libraries", self._requirements().encode(), self._libraries),
        ]

    def _compiled(self, name: str, says: str, *arguments: str) -> Stage:
        script = (SCRIPTS / f"{name}.sh").read_bytes()

        def make(log: Path) -> None:
            self._inside(log, "sh", f"/checkout/packaging/portable/{name}.sh", *arguments)

        return Stage(name, says, script + "\0".join(arguments).encode(), make)

    def _one(self, stage: Stage, stamp: str, says: str) -> None:
        kept = self._work / f"{stage.name}.stamp"
        if kept.exists() and kept.read_text() == stamp:
            print(f"{says}: there", flush=True)
            return
        log = self._work / f"{stage.name}.log"
        print(f"{says} ... (what it says: {log})", flush=True)
        kept.unlink(missing_ok=True)
        log.unlink(missing_ok=True)
        begun = time.monotonic()
        stage.make(log)
        kept.write_text(stamp)
        print(f"    {time.monotonic() - begun:.0f} s", flush=True)

    def _system(self, log: Path) -> None:
        half = self._work / "root.half"
        for there in (half, self._root):
            shutil.rmtree(there, ignore_errors=True)
        self._run(
            log, [*ALONE, "--mount-proc", "debootstrap", "--variant=minbase", SUITE, str(half), self._mirror]
        )
        half.rename(self._root)

    def _libraries(self, log: Path) -> None:
        """By this machine's pip, for the other Python: only wheels for that C library, each with its locked hash."""
        packages = self._root / PACKAGES
        shutil.rmtree(packages, ignore_errors=True)
        lock = self._work / "requirements.txt"
        lock.write_text(self._requirements())
        names = ("linux", "manylinux1", "manylinux2010", "manylinux2014", *(f"manylinux_2_{minor}" for minor in range(5, GLIBC[1] + 1)))  # fmt: skip
        platforms = [f"--platform={name}_x86_64" for name in reversed(names)]
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-compile",
            "--no-deps",
        ]
        wheels = ["--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp", *platforms]
        self._run(log, [*pip, *wheels, "--require-hashes", "-r", str(lock), "--target", str(packages)])

    def _requirements(self) -> str:
        """What the program needs and what freezes it, with their hashes."""
        development = (ROOT / "requirements-dev.lock").read_text("utf-8")
        pinned = {found[1]: found[0] for found in _PINNED.finditer(development)}
        return (
            "\n".join([(ROOT / "requirements.lock").read_text("utf-8"), *(pinned[one] for one in FREEZES)])
            + "\n"
        )

    def _frozen(self) -> Path:
        commit = commit_of(ROOT)
        log = self._work / "frozen.log"
        log.unlink(missing_ok=True)
        (self._root / "frozen").mkdir(exist_ok=True)
        self._inside(log, f"/{PYTHON}", "-B", "/checkout/packaging/freeze.py", "/frozen")
        shutil.rmtree(MADE.parent, ignore_errors=True)
        MADE.parent.mkdir(parents=True)
        half = MADE.with_name("half")
        shutil.move(self._root / "frozen" / bundle.NAME, half)
        bundle.finish(ROOT, half, self._origin())
        try:
            bundle.refuse_newer(half, GLIBC)
        except ValueError as newer:
            raise Refused(str(newer)) from newer
        half.rename(MADE)
        note(MADE, commit if commit == commit_of(ROOT) else "")
        return MADE

    def _origin(self) -> papers.Origin:
        version = {name: self._version_of(name) for name in ("openssl", "python3.11")}
        return papers.Origin(self._root, self._root / LIBRARY, version["python3.11"], version["openssl"])

    def _version_of(self, source: str) -> str:
        """Debian's, which says what was mended in it since."""
        (changelog,) = (self._root / "src").glob(f"{source}-*/debian/changelog")
        found = _FIRST_OF_CHANGELOG.match(changelog.read_text("utf-8"))
        if found is None:
            raise Refused(f"{changelog} does not begin with a version")
        return found[1]

    def _inside(self, log: Path, *command: str) -> None:
        """In the root, with the checkout in it."""
        self._run(
            log, [*ALONE, "sh", "-c", IN_THE_ROOT, "sh", str(self._root), str(ROOT), *command], bare=True
        )

    def _run(self, log: Path, command: list[str], *, bare: bool = False) -> None:
        environment = dict(os.environ)
        if bare:
            environment = {name: os.environ[name] for name in _PROXIES if name in os.environ}
            environment |= {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
            environment |= {"SOURCE_DATE_EPOCH": bundle.EPOCH}
        with log.open("ab") as said:
            try:
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    env=environment,
                    timeout=self._minutes * 60,
                    check=False,
                )
            except subprocess.TimeoutExpired as late:
                raise Refused(f"took more than {self._minutes} minutes (--minutes); see {log}") from late
        if done.returncode:
            last = "\n".join(log.read_text("utf-8", "replace").splitlines()[-12:])
            raise Refused(f"{command[0]} ended with {done.returncode}. The end of {log}:\n{last}")


def lacking(user: int, has: Callable[[str], str | None] = shutil.which) -> Iterator[str]:
    """What this machine has not, each with what to do about it."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        yield "it is made on Linux, x86-64"
    elif user != 0:
        yield "only root can make a root of Debian 11: run it with sudo, or as root in a virtual machine"
    if sys.version_info[:2] != (3, 11):
        yield "pip reads the locks as this Python does: run it with Python 3.11, as Debian 12 has it"
    missing = [name for name in ("debootstrap", "unshare", "chroot", "strip", "dpkg-query") if not has(name)]
    if missing:
        yield f"not here: {', '.join(missing)}; on Debian: apt-get install debootstrap util-linux coreutils binutils dpkg"


def own_mirror() -> str:
    """Where this machine's own packages come from. Raises Refused."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
    mirror = next((one.rstrip("/") for one in found if "security" not in one), "")
    if not mirror:
        raise Refused("apt names no mirror of Debian here; name one with --mirror")
    return mirror


def make(work: Path, mirror: str | None, minutes: int, *, anew: bool) -> Path:
    """Raises Refused."""
    if found := list(lacking(os.geteuid())):
        raise Refused("; ".join(found))
    if anew:
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    return Portable(work, mirror or own_mirror(), minutes).make()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=ROOT / "build" / "portable",
        help="what is kept for the next time; 1.5 GB",
    )
    parser.add_argument(
        "--mirror", help="of Debian, otherwise this machine's own; MIRROR-security is used too"
    )
    parser.add_argument("--minutes", type=int, default=90, help="that any one stage may take")
    parser.add_argument("--anew", action="store_true", help="with a new system and the newest sources")
    asked = parser.parse_args()
    # Ended from outside, it ends what it started: `run` kills its child on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        made = make(asked.work.resolve(), asked.mirror, asked.minutes, anew=asked.anew)
    except Refused as refused:
        sys.exit(f"No portable bundle: {refused}")
    needed, file = bundle.glibc_needed(made)
    needed_by = f"glibc {'.'.join(map(str, needed))} ({file.relative_to(made)})"
    print(f"{made}: {bundle.size_of(made) / 1e6:.0f} MB, needs {needed_by}")


if __name__ == "__main__":
    os.umask(0o022)
    main()
