"""The log's own files: JSON lines, bounded in size and age whatever happens.

`agent.log` is written to; when it is full it becomes `agent-000007.log`, and soon `agent-000007.log.gz`. Numbers only grow,
so that a place in the log, a number and an offset, stays the same place for as long as its file is there.

One thread writes, so that nobody else waits for the disk. While the disk takes nothing, lines are counted instead, and the
first line after that says how many are missing; what is told elsewhere is not touched by it.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import queue
import re
import shutil
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from agent.clock import Clock
from agent.model.run import rfc3339
from agent.telemetry.sinks import Event, as_json

CURRENT: Final = "agent.log"
FILE_BYTES: Final = 4 * 1024 * 1024
MAX_QUEUED: Final = 10_000  # lines that wait for the disk
MAX_TOGETHER: Final = 500  # of one write
MAX_FIRST_LINE: Final = 256 * 1024
TIDY_SECONDS: Final = 3_600.0
CLOSE_SECONDS: Final = 5.0
_OLD: Final = re.compile(r"^agent-(\d{6,9})\.log(\.gz)?$")


def numbered(folder: Path) -> dict[int, Path]:
    """The older files by number, the oldest first."""
    found: dict[int, Path] = {}
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if match := _OLD.match(path.name):
                number = int(match[1])
                if number not in found or path.suffix == ".gz":  # both: its plain form is about to go
                    found[number] = path
    return dict(sorted(found.items()))


def current_number(folder: Path) -> int:
    """Of the file that is being written."""
    return max(numbered(folder), default=0) + 1


class RotatedFile:
    """Writes lines; one thread's. Raises nothing: `lost` counts what the disk did not take."""

    def __init__(
        self, folder: Path, clock: Clock, *, total_bytes: int, keep: timedelta, file_bytes: int = FILE_BYTES
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._total_bytes = total_bytes
        self._keep = keep
        self._file_bytes = min(file_bytes, max(total_bytes // 4, 1))
        self._file: BinaryIO | None = None
        self._size = 0
        self._begun = clock.utcnow()  # when the file's first line was written
        self._tidied: float | None = None  # on the monotonic clock
        self.lost = 0

    def write(self, lines: Sequence[bytes]) -> None:
        try:
            self._open()
            if self._size and (self._is_full(lines) or self._is_old()):
                self._rotate()
            elif self._tidied is None or self._clock.monotonic() - self._tidied >= TIDY_SECONDS:
                self.tidy()
            if self.lost:
                self._put([self._gap()])
                self.lost = 0
            self._put(lines)
        except OSError:
            self.lost += len(lines)
            self.close()

    def close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

    def _is_full(self, lines: Sequence[bytes]) -> bool:
        return self._size + sum(map(len, lines)) > self._file_bytes

    def _is_old(self) -> bool:
        """So that no line stays much longer than it is to be kept, however few there are."""
        return self._clock.utcnow() - self._begun >= self._keep / 4

    def _open(self) -> None:
        path = self._folder / CURRENT
        if self._file is not None:
            there = os.fstat(self._file.fileno())
            with contextlib.suppress(OSError):
                if os.path.samestat(path.stat(), there):
                    return
            self.close()  # somebody has moved it away
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._file = os.fdopen(descriptor, "ab", buffering=0)
        self._size = os.fstat(descriptor).st_size
        self._begun = self._clock.utcnow()
        if self._size:
            self._begun = _first_moment(path) or self._begun
            if not _ends_a_line(path):
                self._put([b""])  # a process or a disk ended in the middle of one

    def _put(self, lines: Sequence[bytes]) -> None:
        """All of it or nothing: half a line would spoil the next one."""
        assert self._file is not None  # noqa: S101 - opened by `write`
        data = b"".join(line + b"\n" for line in lines)
        before = self._size
        written = self._file.write(data) or 0
        if written < len(data):
            with contextlib.suppress(OSError):
                os.ftruncate(self._file.fileno(), before)
            raise OSError("the disk took a part of it")
        self._size += written

    def _gap(self) -> bytes:
        event = {
            "timestamp": rfc3339(self._clock.utcnow()),
            "level": "warning",
            "event": "log_lines_lost",
            "part": "agent",
            "lines": self.lost,
        }
        return as_json(event).encode()

    def _rotate(self) -> None:
        self.close()
        number = current_number(self._folder)
        (self._folder / CURRENT).rename(self._folder / f"agent-{number:06d}.log")
        self.tidy()
        self._open()

    def tidy(self) -> None:
        """Compress what is full, and let go of what is too old or too much. What fails is tried again with the next."""
        self._tidied = self._clock.monotonic()
        for path in list(numbered(self._folder).values()):
            if path.suffix == ".gz":
                with contextlib.suppress(OSError):
                    path.with_suffix("").unlink()  # its plain form: a process ended before that was gone
            else:
                with contextlib.suppress(OSError):
                    _compress(path)
        self._drop_old()

    def _drop_old(self) -> None:
        oldest = (self._clock.utcnow() - self._keep).timestamp()
        room = self._total_bytes - self._file_bytes
        for path in reversed(list(numbered(self._folder).values())):
            with contextlib.suppress(OSError):
                there = path.stat()
                room -= there.st_size
                if room < 0 or there.st_mtime < oldest:
                    path.unlink()


def _compress(path: Path) -> None:
    target, half = path.with_suffix(".log.gz"), path.with_suffix(".tmp")
    stamp = path.stat().st_mtime
    try:
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with path.open("rb") as plain, os.fdopen(descriptor, "wb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=6, filename="") as packed:
                shutil.copyfileobj(plain, packed)
            raw.flush()
            os.fsync(raw.fileno())  # before its plain form goes
        os.utime(half, (stamp, stamp))
        half.replace(target)
    except OSError:
        half.unlink(missing_ok=True)
        raise
    path.unlink()


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _first_moment(path: Path) -> datetime | None:
    with path.open("rb") as file:
        line = file.readline(MAX_FIRST_LINE)
    try:
        return moment_of(orjson.loads(line))
    except (ValueError, AttributeError):
        return None


def moment_of(event: Mapping[str, Any]) -> datetime | None:
    """When a line was written; None for one that does not say."""
    try:
        at = datetime.fromisoformat(str(event.get("timestamp")))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


class FileSink:
    """Hands lines to the writing thread; one that waits for a disk costs lines, and holds nobody up."""

    def __init__(self, file: RotatedFile) -> None:
        self._file = file
        self._lines: queue.Queue[bytes | threading.Event | None] = queue.Queue(MAX_QUEUED)
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def take(self, event: Event) -> None:
        try:
            self._lines.put_nowait(as_json(event).encode())
        except (queue.Full, ValueError):  # or one that has no form, such as a number of thousands of digits
            self._dropped += 1

    def flush(self) -> None:
        """Return when everything taken before is on its way to the disk, or could not be written."""
        done = threading.Event()
        self._lines.put(done)
        done.wait(CLOSE_SECONDS)

    def close(self) -> None:
        if self._thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._lines.put(None, timeout=CLOSE_SECONDS)
            self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        going_on = True
        while going_on:
            lines, flushed, going_on = self._some()
            if self._dropped:
                self._file.lost, self._dropped = self._file.lost + self._dropped, 0
            if lines:
                self._file.write(lines)
            for event in flushed:
                event.set()
        self._file.close()

    def _some(self) -> tuple[list[bytes], list[threading.Event], bool]:
        """What there is, at least one thing; and whether there will be more."""
        lines: list[bytes] = []
        flushed: list[threading.Event] = []
        one = self._lines.get()
        while True:
            if one is None:
                return lines, flushed, False
            if isinstance(one, threading.Event):
                flushed.append(one)
            else:
                lines.append(one)
            if len(lines) >= MAX_TOGETHER:
                return lines, flushed, True
            try:
                one = self._lines.get_nowait()
            except queue.Empty:
                return lines, flushed, True
