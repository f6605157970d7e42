"""The service that is stopped before files are put back, and started behind it."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from agent.errors import NotPermitted
from agent.service.administration import Administration

UNIT: Final = "groundwire.service"
LIMIT_SECONDS: Final = 180.0  # for a stop that drains
_RUNS: Final = frozenset({"active", "activating", "reloading"})


class Service(Protocol):
    """All block, and raise a GroundwireError."""

    def stop(self) -> None: ...

    def start(self) -> None:
        """Returns when it runs, or at once where it runs already."""
        ...

    def is_wanted(self) -> bool:
        """Whether it runs, or is to start with the machine. One that an operator has stopped and left so is not."""
        ...


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

    def is_wanted(self) -> bool:
        stands = self._asked("is-active")
        return stands.stdout.strip() in _RUNS or self._asked("is-enabled").returncode == 0

    def _do(self, verb: str) -> None:
        done = self._asked(verb)
        if done.returncode != 0:
            raise _refused(verb, done.stderr.strip() or f"exit code {done.returncode}")

    def _asked(self, verb: str) -> subprocess.CompletedProcess[str]:
        try:
            return self._run(["systemctl", verb, UNIT])
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _refused(verb, str(error)) from error


class WindowsService:
    """Through the service control manager; called in a thread that has no loop of its own."""

    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    def stop(self) -> None:
        asyncio.run(self._administration.stop())

    def start(self) -> None:
        asyncio.run(self._administration.start())

    def is_wanted(self) -> bool:
        return self._administration.is_wanted()


def _refused(verb: str, why: str) -> NotPermitted:
    return NotPermitted(
        f"systemctl {verb}: {why}", where=UNIT, hint="Run the command as root; `systemctl status groundwire`."
    )
