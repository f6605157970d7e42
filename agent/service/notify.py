"""What a service manager is told of a process: that it is up, how it stands, that it lives, that it ends.

systemd hears it as lines in a datagram, on the socket that $NOTIFY_SOCKET names (sd_notify(3)). A manager that does not
listen is nobody's trouble: nothing here raises, and nothing waits.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Final, Protocol

from agent.telemetry.text import clean_text

MAX_STATUS_CHARS: Final = 500  # a line of `systemctl status`


class Manager(Protocol):
    """Whoever started this process and looks after it."""

    @property
    def listens(self) -> bool:
        """Whether it is worth finding out what to tell it."""
        ...

    @property
    def watchdog_seconds(self) -> float | None:
        """It ends a process that has not said `alive` for so long; None: it does not mind."""
        ...

    def ready(self) -> None:
        """The process does what it is there for; also: it has read its configuration again."""
        ...

    def status(self, text: str) -> None:
        """How it stands, in one line."""
        ...

    def alive(self) -> None: ...

    def reloading(self, now: float) -> None:
        """Until `ready`. `now`: of the monotonic clock."""
        ...

    def needs(self, seconds: float) -> None:
        """The start, or the stop, takes so long from now on at most."""
        ...

    def stopping(self, seconds: float) -> None:
        """It ends, which takes so long at most."""
        ...


class Nobody:
    """The process was started by hand."""

    listens = False
    watchdog_seconds: float | None = None

    def ready(self) -> None: ...

    def status(self, text: str) -> None: ...

    def alive(self) -> None: ...

    def reloading(self, now: float) -> None: ...

    def needs(self, seconds: float) -> None: ...

    def stopping(self, seconds: float) -> None: ...


class Systemd:
    listens = True

    def __init__(self, address: str, watchdog_seconds: float | None = None) -> None:
        """`address`: a path, or a name in the abstract namespace behind an @."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_seconds = watchdog_seconds

    def ready(self) -> None:
        self._tell("READY=1")

    def status(self, text: str) -> None:
        self._tell(f"STATUS={_one_line(text)}")

    def alive(self) -> None:
        self._tell("WATCHDOG=1")

    def reloading(self, now: float) -> None:
        self._tell("RELOADING=1", f"MONOTONIC_USEC={int(now * 1e6)}")

    def needs(self, seconds: float) -> None:
        self._tell(_extension(seconds))

    def stopping(self, seconds: float) -> None:
        self._tell("STOPPING=1", _extension(seconds))

    def _tell(self, *lines: str) -> None:
        family = getattr(socket, "AF_UNIX", None)
        if family is None:
            return
        # A socket for each message: the manager may begin anew, and its socket then is another one.
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sending:
            sending.setblocking(False)  # noqa: FBT003 - the standard library's own signature
            sending.sendto("\n".join(lines).encode("utf-8", "replace"), self._address)


def manager_of(environ: Mapping[str, str], pid: int | None = None) -> Manager:
    """Who listens, as systemd says it to the processes that it starts."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return Nobody()
    return Systemd(address, watchdog_of(environ, os.getpid() if pid is None else pid))


def watchdog_of(environ: Mapping[str, str], pid: int) -> float | None:
    """None too where it is another process that is watched."""
    microseconds, watched = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", str(pid))
    if not microseconds.isdecimal() or int(microseconds) == 0 or watched != str(pid):
        return None
    return int(microseconds) / 1e6


def _extension(seconds: float) -> str:
    return f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}"


def _one_line(text: str) -> str:
    return clean_text(" ".join(text.split()))[:MAX_STATUS_CHARS]
