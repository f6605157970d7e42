"""A copy of the tree in which a bug can be planted: with a Python of its own, so that processes that tests start are
those of the copy too.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bugs.seeded import ROOT, Bug, plant

# The last: what another process is just compiling, and gone before it is copied.
_LEFT_OUT: Final = (".*", "build", "dist", "node_modules", "*.egg-info", "*.pyc.*")
_KEPT: Final = (".ci",)
_FAILED: Final = re.compile(r"^(?:FAILED|ERROR) (?P<test>tests/[\w/.-]+\.py(?:::\w+)*)", re.MULTILINE)
_WITHOUT: Final = ("randomly", "xdist", "cacheprovider")
_NOTHING_CHOSEN: Final = 5  # pytest's exit code


class BrokenRun(Exception):
    """The tests could not be run: that says nothing about a bug."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of some test files. Seconds of waiting, and of the processor."""

    failed: tuple[str, ...]  # the tests that failed, in their order
    seconds: float
    processor: float
    timed_out: bool
    output: str


class Workshop:
    def __init__(self, place: Path, *, source: Path = ROOT) -> None:
        """`place` is a folder of its own: beside the copy lies what tests look for beside the checkout."""
        self.tree = place / source.name
        ignored = shutil.ignore_patterns(*_LEFT_OUT)
        shutil.copytree(
            source, self.tree, ignore=lambda folder, names: ignored(folder, names) - set(_KEPT), symlinks=True
        )
        for path in (source / "build", source.parent / "shared"):
            if path.exists():
                beside = self.tree if path.parent == source else place
                (beside / path.name).symlink_to(path)
        self._python = self._make_python()

    def _make_python(self) -> Path:
        folder = self.tree / ".venv"
        venv.create(folder, symlinks=True)
        python = folder / "bin" / "python"
        # The copy first, then the packages that are installed here; path files in there are not followed.
        packages = [self.tree, *(Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib"))]
        minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
        paths = folder / "lib" / minor / "site-packages" / "copy.pth"
        paths.write_text("\n".join(dict.fromkeys(map(str, packages))) + "\n")
        script = Path(sys.executable).with_name("groundwire")
        if script.exists():
            _, _, rest = script.read_text().partition("\n")
            copy = python.with_name(script.name)
            copy.write_text(f"#!{python}\n{rest}")
            copy.chmod(0o755)
        return python

    def plant(self, bug: Bug) -> None:
        plant(bug, self.tree)

    def import_fault(self, paths: Sequence[str]) -> str:
        """What goes wrong when the modules are imported, in a line; empty: nothing."""
        names = [".".join(Path(path).with_suffix("").parts) for path in paths if path.endswith(".py")]
        done = subprocess.run(
            [self._python, "-c", "\n".join(f"import {name}" for name in names)],
            cwd=self.tree, env=_environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stderr.strip().rpartition("\n")[2] if done.returncode else ""

    def run(self, tests: Sequence[str], *, limit: float | None = None, first_only: bool = True) -> Ran:
        """Run these, one behind the other, until the first fails or the time is up."""
        plugins = [word for name in _WITHOUT for word in ("-p", f"no:{name}")]
        chosen = ["-x"] if first_only else []
        command = [
            self._python,
            "-m",
            "pytest",
            "-q",
            "-rfE",
            "--tb=line",
            "-m",
            "not slow",
            *plugins,
            *chosen,
            *tests,
        ]
        began = time.monotonic()
        log = self.tree.with_name("pytest.log")
        with log.open("wb") as file:
            process = subprocess.Popen(
                command, cwd=self.tree, env=_environment(), stdin=subprocess.DEVNULL, stdout=file,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            timed_out, code, used = _wait(process, limit)
        output = log.read_text(errors="replace")
        failed = tuple(found["test"] for found in _FAILED.finditer(output))
        if not timed_out and not failed and code not in (0, _NOTHING_CHOSEN):
            raise BrokenRun(f"pytest ended with {code} and no test that failed:\n{output[-4000:]}")
        return Ran(failed, time.monotonic() - began, used, timed_out, output)


def _environment() -> dict[str, str]:
    """Hypothesis tries the same examples each time, so that a bug is found or not found each time."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "PYTEST", "COV", "GROUNDWIRE_", "VIRTUAL_ENV"))
    }
    return kept | {"HYPOTHESIS_PROFILE": "ci", "PYTHONUNBUFFERED": "1"}


def _wait(process: subprocess.Popen[bytes], limit: float | None) -> tuple[bool, int, float]:
    """Whether it had to be ended, its exit code, and the seconds of the processor that it and its children took."""
    until = None if limit is None else time.monotonic() + limit
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return False, process.returncode, used.ru_utime + used.ru_stime
        if until is not None and time.monotonic() > until:
            os.killpg(process.pid, signal.SIGKILL)  # a session of its own: nothing else is in this group
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            return True, process.returncode, used.ru_utime + used.ru_stime
        time.sleep(0.05)
