"""Native libraries looked at without loading them into this process: a broken one would take it along."""

from __future__ import annotations

import platform
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from agent.doctor.patience import patient
from agent.own_processes import TRIAL, command_of, python_path

LOAD_SECONDS: Final = 4.0
_ELF: Final = b"\x7fELF"
_MACHINES: Final[Mapping[int, str]] = {
    3: "x86",
    40: "arm",
    62: "x86_64",
    183: "aarch64",
    21: "ppc64",
    22: "s390x",
}
_SAME: Final = {"amd64": "x86_64", "arm64": "aarch64", "i386": "x86", "i686": "x86"}


def kind_of(path: Path) -> str:
    """Such as "64 bits, x86_64"; empty for what is no library of this system's kind. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(20)
    if head[:4] != _ELF or len(head) < 20:  # noqa: PLR2004 - up to the machine's number
        return ""
    order = "<" if head[5] == 1 else ">"
    (machine,) = struct.unpack(f"{order}H", head[18:20])
    return f"{64 if head[4] == 2 else 32} bits, {_MACHINES.get(machine, f'machine {machine}')}"  # noqa: PLR2004 - ELF's own


def kind_of_this_process() -> str:
    machine = platform.machine().lower()
    return f"{struct.calcsize('P') * 8} bits, {_SAME.get(machine, machine)}"


def loading_fails(library: str, environ: Mapping[str, str]) -> str:
    """Why the system's loader cannot load it, in its own words; empty where it can. In a process of its own."""
    return trial_fails("library", library, environ=environ)


def trial_fails(name: str, *arguments: str, environ: Mapping[str, str]) -> str:
    """What went wrong in one of `agent.doctor.trials`; empty where nothing did. Raises TimeoutError."""
    try:
        done = subprocess.run(  # noqa: S603 - this very program
            [*command_of(TRIAL), name, *arguments],
            env={**environ, **python_path()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=patient(LOAD_SECONDS),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError from error  # a machine that is busy: nothing is known of the library
    except OSError as error:
        return str(error.strerror)
    if done.returncode == 0:
        return ""
    if done.returncode < 0:
        return f"loading it ended the process with signal {-done.returncode}"
    return _said(done.stderr.decode("utf-8", "replace")) or "it cannot be loaded"


def _said(stderr: str) -> str:
    """The words of the exception that a traceback ends with, on one line."""
    lines = stderr.strip().splitlines()
    ends = (number for number, line in enumerate(lines) if number and not line.startswith((" ", "Traceback")))
    words = " ".join(lines[next(ends, 0) :])
    return words.partition(": ")[2] or words
