"""systemd's journal: whether standard error leads there, and its native protocol.

A datagram holds a line's fields, `NAME=value` and a line end each; a value with a line end in it is told with its length
before it (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/). Where the journal does not take it, the line goes to standard
error with its priority in front, which the journal understands as well.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TextIO

from agent.telemetry.sinks import Event, in_words

SOCKET: Final = Path("/run/systemd/journal/socket")
IDENTIFIER: Final = "groundwire"
PRIORITIES: Final[Mapping[str, int]] = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
OWN_PREFIX: Final = "GROUNDWIRE_"
_NOT_A_NAME: Final = re.compile(r"[^A-Z0-9_]")
MAX_NAME: Final = 64


def leads_to_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether this very stream is the journal's: the variable is inherited by children whose streams are others."""
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        there = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(there.st_dev), str(there.st_ino))


def datagram(event: Event) -> bytes:
    """Pure: a line in the native protocol."""
    level = str(event.get("level", "info"))
    fields: dict[str, str] = {
        "MESSAGE": in_words(event),
        "PRIORITY": str(PRIORITIES.get(level, PRIORITIES["info"])),
        "SYSLOG_IDENTIFIER": IDENTIFIER,
    }
    for name, value in event.items():
        if value is not None:
            fields[_field_name(name)] = value if isinstance(value, str) else str(value)
    return b"".join(_field(name, value) for name, value in fields.items())


def _field_name(name: str) -> str:
    return (OWN_PREFIX + _NOT_A_NAME.sub("_", name.upper()))[:MAX_NAME]


def _field(name: str, value: str) -> bytes:
    raw = value.encode("utf-8", "replace")
    if b"\n" not in raw:
        return name.encode() + b"=" + raw + b"\n"
    return name.encode() + b"\n" + struct.pack("<Q", len(raw)) + raw + b"\n"


def prefixed(event: Event) -> str:
    """Pure: a line as the journal takes it from standard error."""
    priority = PRIORITIES.get(str(event.get("level", "info")), PRIORITIES["info"])
    return "\n".join(f"<{priority}>{line}" for line in in_words(event).splitlines())


class JournalSink:
    """To the journal, or to `stream` with prefixes where the journal does not take a line."""

    def __init__(self, stream: TextIO, path: Path = SOCKET) -> None:
        self._stream = stream
        self._path = str(path)
        self._socket: socket.socket | None = None
        if sys.platform != "win32":
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.settimeout(0)  # a journal that is stuck holds nobody up

    def take(self, event: Event) -> None:
        if self._socket is not None:
            try:
                self._socket.sendto(datagram(event), self._path)
            except OSError:  # not there, full, or the line is larger than a datagram
                pass
            else:
                return
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(prefixed(event) + "\n")
            self._stream.flush()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()


def journal_sink(stream: TextIO, environ: Mapping[str, str] | None = None) -> Any:
    """None: standard error does not lead to the journal."""
    found = leads_to_journal(stream, os.environ if environ is None else environ)
    return JournalSink(stream) if found else None
