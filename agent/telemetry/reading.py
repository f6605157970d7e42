"""Reading the log's files: a page of lines at a time, newest last, by level, connection, run, time and words.

Read whether an agent runs or not: a log is wanted most when it does not. Every call reads a bounded number of bytes; where
it stopped before it had found enough, `before` is the place to go on from.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from agent.errors import ConfigurationError
from agent.telemetry.files import CURRENT, current_number, moment_of, numbered
from agent.telemetry.levels import LEVELS

MAX_SCANNED: Final = 24 * 1024 * 1024  # bytes of one call
MAX_FILE: Final = 64 * 1024 * 1024  # of one unpacked file; ours are far smaller
MAX_LINES: Final = 1_000  # of one page


@dataclass(frozen=True, order=True, slots=True)
class Place:
    """Between two lines: so many bytes into the file of this number."""

    number: int
    offset: int

    def __str__(self) -> str:
        return f"{self.number}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Place:
        number, colon, offset = text.partition(":")
        if not (colon and number.isdecimal() and offset.isdecimal() and len(text) <= 30):  # noqa: PLR2004 - of two numbers
            raise ConfigurationError(
                "a place in the log is written NUMBER:OFFSET, as an earlier answer had it"
            )
        return cls(int(number), int(offset))


@dataclass(frozen=True, slots=True)
class Query:
    """Lines of which each that is given here is true."""

    level: str | None = None  # and everything above
    connection: str | None = None
    run: str | None = None  # its run, its command or its trace
    part: str | None = None
    text: str | None = None  # in the line as it is written, in any case
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, raw: bytes, event: Mapping[str, Any]) -> bool:
        if self.level and LEVELS.get(str(event.get("level")), 0) < LEVELS[self.level]:
            return False
        if self.connection and self.connection not in (event.get("connection"), _connection_of(event)):
            return False
        if self.run and self.run not in (event.get("run"), event.get("command"), event.get("trace")):
            return False
        if self.part and event.get("part") != self.part:
            return False
        if self.text and self.text.casefold() not in raw.decode("utf-8", "replace").casefold():
            return False
        return self._in_time(event)

    def _in_time(self, event: Mapping[str, Any]) -> bool:
        if self.since is None and self.until is None:
            return True
        at = moment_of(event)
        return (
            at is not None
            and (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
        )


@dataclass(frozen=True, slots=True)
class Page:
    lines: tuple[Mapping[str, Any], ...]  # the oldest first
    before: Place | None  # from where older ones are to be had; None: there are none
    after: Place  # from where newer ones will come
    gap: bool = False  # the place to go on from is gone: lines between were not shown


def newest(folder: Path, query: Query, *, limit: int, before: Place | None = None) -> Page:
    """The newest lines before a place, or of all. Raises ConfigurationError where nobody may read them."""
    end = _end(folder)
    start = min(before or end, end)
    found: list[Mapping[str, Any]] = []
    scanned = 0
    for number, path in sorted(_files(folder).items(), reverse=True):
        if number > start.number:
            continue
        data = _read(path)
        upto = start.offset if number == start.number else len(data)
        for offset, line in _backwards(data, upto):
            event = _parsed(line)
            scanned += len(line) + 1
            if event is not None and query.since and _before(event, query.since):
                return Page(tuple(reversed(found)), None, end)
            if event is not None and query.takes(line, event):
                found.append(event)
            if len(found) >= limit or scanned >= MAX_SCANNED:
                return Page(tuple(reversed(found)), Place(number, offset), end)
    return Page(tuple(reversed(found)), None, end)


def following(folder: Path, query: Query, after: Place, *, limit: int) -> Page:
    """The oldest lines behind a place."""
    files = {number: path for number, path in _files(folder).items() if number >= after.number}
    gap = bool(files) and after.number not in files
    found: list[Mapping[str, Any]] = []
    place, scanned = after, 0
    for number, path in sorted(files.items()):
        data = _read(path)
        start = after.offset if number == after.number else 0
        for offset, line in _forwards(data, start):
            event = _parsed(line)
            scanned += len(line) + 1
            place = Place(number, offset)
            if event is not None and query.takes(line, event):
                found.append(event)
            if len(found) >= limit or scanned >= MAX_SCANNED:
                return Page(tuple(found), None, place, gap)
    return Page(tuple(found), None, place, gap)


def _files(folder: Path) -> dict[int, Path]:
    files = numbered(folder)
    current = folder / CURRENT
    if current.exists():
        files[current_number(folder)] = current
    return files


def _end(folder: Path) -> Place:
    files = _files(folder)
    if not files:
        return Place(0, 0)
    number = max(files)
    data = _read(files[number])
    return Place(number, data.rfind(b"\n") + 1)


def _read(path: Path) -> bytes:
    """Up to its last whole line. Nothing where it has just gone."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as packed:
                return packed.read(MAX_FILE)
        with path.open("rb") as plain:
            return plain.read(MAX_FILE)
    except FileNotFoundError:
        return b""
    except PermissionError as error:
        raise ConfigurationError(
            "this user may not read the log",
            where=str(path),
            hint="Ask as the agent's user or as root.",
        ) from error
    except (OSError, EOFError, zlib.error):
        return b""  # a file that is damaged hides no other


def _backwards(data: bytes, upto: int) -> Iterator[tuple[int, bytes]]:
    """Each line with the place where it begins."""
    end = data.rfind(b"\n", 0, upto)
    while end >= 0:
        start = data.rfind(b"\n", 0, end) + 1
        yield start, data[start:end]
        end = start - 1


def _forwards(data: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Each line with the place where it ends."""
    while (end := data.find(b"\n", start)) >= 0:
        yield end + 1, data[start:end]
        start = end + 1


def _parsed(line: bytes) -> Mapping[str, Any] | None:
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None


def _before(event: Mapping[str, Any], since: datetime) -> bool:
    at = moment_of(event)
    return at is not None and at < since


def _connection_of(event: Mapping[str, Any]) -> str:
    return str(event.get("stream", "")).partition("/")[0]
