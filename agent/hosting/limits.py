"""Every bound that a driver's child process is held to, with its unit and its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_HEADER_BYTES: Final = (
    32 * 1024 * 1024
)  # the catalogue of an ERP with 100k tables and columns is about 10 MiB
MAX_BODY_BYTES: Final = 256 * 1024 * 1024  # a page of 2,000 headers with 1,000 lines each is about 200 MiB
MAX_CURSOR_CHARS: Final = 16 * 1024  # a cursor holds one key and one mark, and every checkpoint stores it
MAX_EMPTY_PAGES: Final = 1_000  # in a row without the last one among them: a source that leads in circles
MAX_MESSAGE_CHARS: Final = 2_000  # an error's sentence, as far as an operator reads it
MAX_LINE_BYTES: Final = 8 * 1024  # what is kept of one line on the child's stderr
MAX_LINES_PER_PERIOD: Final = 40  # a chatty native library must not drown the agent's own log
LINE_PERIOD_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class HostingLimits:
    """What one connection's child may use; an operator may change these, so they are values and not constants."""

    start_seconds: float = 30.0  # interpreter, Arrow and the native driver from a cold disk
    seconds_without_page: float = 300.0  # a large unindexed table may sort for minutes before its first row
    stop_seconds: float = 10.0  # to end a read or to sign off at the source, before the process is killed
    idle_seconds: float = (
        300.0  # longer than most schedules' gaps are short; an idle child holds memory and a login
    )
    resident_bytes: int = 512 * 1024 * 1024  # two pages of a wide table, the driver's own buffers, and room
    look_seconds: float = 1.0  # how often memory and silence are looked at while a call is under way
