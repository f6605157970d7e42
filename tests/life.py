"""A process that is forked from one which has imported everything: half of a start is imports."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
GROUNDWIRE: Final = "agent.cli"  # the command as it is
IMPORTED: Final = ("agent.app", "agent.assembly", "agent.cli", "relay.app", "tests.faults.mortal")
FORKS: Final = "forkserver" in multiprocessing.get_all_start_methods()


class Life(subprocess.Popen[bytes]):
    """What a site asks of a process, of one whose parent is the server that forked it."""

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        output: Path | None = None,
        *,
        program: str = GROUNDWIRE,
    ) -> None:
        """`program`: a module whose `main` is what runs. `log` takes stderr, and stdout where `output` is not named."""
        log.touch(0o600)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(IMPORTED))
        self._process = context.Process(
            target=_live, args=(tuple(words), dict(environment), output or log, log, program), daemon=True
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid
        self.args = tuple(words)
        self.returncode = None

    def poll(self) -> int | None:
        self.returncode = self._process.exitcode
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()


def started(
    words: Sequence[str], environment: Mapping[str, str], log: Path, *, program: str = GROUNDWIRE
) -> subprocess.Popen[bytes]:
    """Forked where that can be done, otherwise a process that imports for itself."""
    start = Life if FORKS else started_whole
    return start(words, environment, log, program=program)


def started_whole(
    words: Sequence[str], environment: Mapping[str, str], log: Path, *, program: str = GROUNDWIRE
) -> subprocess.Popen[bytes]:
    """The same life in a process that imports for itself."""
    command = [sys.executable, "-m", program, *words]
    with log.open("ab") as out:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=dict(environment), cwd=ROOT
        )


def _live(
    words: tuple[str, ...],
    environment: dict[str, str],
    output: Path,
    log: Path,
    program: str,
) -> None:
    for stream, file in ((1, output), (2, log)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.argv = ["groundwire", *words]
    importlib.import_module(program).main()
