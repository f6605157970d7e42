"""A real terminal for a command, with somebody at the keys."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

SECONDS = 90.0  # for what is awaited; a machine that does other things besides takes its time
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

_PROMPT = re.compile(r"\n  (\[[^\n]*\] )?> \Z")


class PseudoTerminal:
    """Runs `command` on a terminal of 120 columns until it ends, or the test does."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str], folder: Path) -> None:
        self._command = list(command)
        self._environment = {**environment, "TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
        self._folder = folder
        self._seen = 0
        self.screen = ""

    def __enter__(self) -> Self:
        self._keys, lower = pty.openpty()
        fcntl.ioctl(lower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
        self._process = subprocess.Popen(
            # getpass asks at the terminal that controls the process, so there has to be one.
            ["setsid", "--ctty", "--wait", *self._command],
            stdin=lower,
            stdout=lower,
            stderr=lower,
            env=self._environment,
            cwd=self._folder,
        )
        os.close(lower)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._keys)  # whoever sits at a terminal that is gone is told so by the system
        try:
            self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def expect(self, text: str) -> str:
        """Wait until the screen shows `text` behind what was waited for before; what came up to then."""
        deadline = time.monotonic() + SECONDS
        while (at := self.screen.find(text, self._seen)) < 0:
            assert time.monotonic() < deadline, f"{text!r} did not come:\n{self.screen[-4000:]}"
            assert self._read(), f"it ended before {text!r}:\n{self.screen[-4000:]}"
        before = self.screen[self._seen : at]
        self._seen = at + len(text)
        return before

    def answer(self, question: str, typed: str = "") -> None:
        """Once the question is there and its prompt behind it, type the answer and Enter."""
        self.expect(question)
        self.expect("> ")
        self.type(typed + "\n")

    def prompt(self) -> str | None:
        """What came since the last answer, once something is asked; None where it ended instead."""
        deadline = time.monotonic() + SECONDS
        while not _PROMPT.search(self.screen[self._seen :]):
            assert time.monotonic() < deadline, f"nothing was asked:\n{self.screen[-4000:]}"
            if not self._read():
                return None
        said, self._seen = self.screen[self._seen :], len(self.screen)
        return said

    def type(self, text: str) -> None:
        os.write(self._keys, text.encode())

    def interrupt(self) -> None:
        self.type("\x03")

    def end(self) -> int:
        """The exit code."""
        deadline = time.monotonic() + SECONDS
        while self._read():
            assert time.monotonic() < deadline, f"it did not end:\n{self.screen[-4000:]}"
        return self._process.wait(SECONDS)

    def _read(self) -> bool:
        """False where the other side has closed."""
        ready, _, _ = select.select([self._keys], [], [], 0.2)
        if not ready:
            return self._process.poll() is None
        try:
            read = os.read(self._keys, 65_536)
        except OSError:  # Linux says so where a shell would see the end
            return False
        self.screen += _COLOURS.sub("", read.decode("utf-8", "replace")).replace("\r\n", "\n")
        return bool(read)
