"""The service that is stopped before files are put back, and started behind it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from agent.errors import NotPermitted

UNIT: Final = "groundwire.service"
LIMIT_SECONDS: Final = 180.0  # for a stop that drains


class Service(Protocol):
    """Both block, and raise NotPermitted."""

    def stop(self) -> None: ...

    def start(self) -> None: ...


Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


def run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        words, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )


class SystemdService:
    def __init__(self, run: Run = run) -> None:
        self._run = run

    def stop(self) -> None:
        self._do("stop")

    def start(self) -> None:
        self._do("start")

    def _do(self, verb: str) -> None:
        try:
            done = self._run(["systemctl", verb, UNIT])
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _refused(verb, str(error)) from error
        if done.returncode != 0:
            raise _refused(verb, done.stderr.strip() or f"exit code {done.returncode}")


def _refused(verb: str, why: str) -> NotPermitted:
    return NotPermitted(
        f"systemctl {verb}: {why}", where=UNIT, hint="Run the command as root; `systemctl status groundwire`."
    )
