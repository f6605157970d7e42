"""Where an audit log goes on: behind its last line, behind a cut, or in a new chain behind a break. Pure.

The head is on disk before `record` returns, so all that was ever acknowledged lies at or before it. Whatever is not
right behind the head was never acknowledged and may be cut off. Whatever is not right at or before it is damage: the
file is left as it is, and a new chain begins in a new file with a line that says so.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from agent.audit.folder import LogFile
from agent.audit.lines import BROKEN, CHECKPOINT, FILE_BEGUN, GENESIS, HEADERS, Line, parse_line
from agent.audit.signing import Mark, is_signed

MAX_TAIL_BYTES: Final = 4 * 1024 * 1024  # more than is ever written at once: a larger one is no crash's doing


@dataclass(frozen=True, slots=True)
class Scan:
    """A file as far as its own chain holds."""

    first: Line | None = None
    second: Line | None = None
    last: Line | None = None
    good_bytes: int = 0
    bad_line: int = 0  # the first that is not good, from 1; 0: all are
    all_bytes: int = 0
    since_checkpoint: int = 0
    at_head: str | None = None  # the hash of the line that the head names, if it is here
    head_end: int = 0  # where that line ends

    @property
    def rest_bytes(self) -> int:
        return self.all_bytes - self.good_bytes


@dataclass(frozen=True, slots=True)
class Position:
    """Behind a line: the next one goes there."""

    n: int
    hash: str
    moment: datetime | None = None
    since_checkpoint: int = 0


@dataclass(frozen=True, slots=True)
class GoOn:
    file: LogFile
    size: int  # the file is cut to this
    acknowledged: int  # bytes; what lies between them and the size may be in memory only
    position: Position
    cut: dict[str, Any] | None = None  # what is recorded about the cut


@dataclass(frozen=True, slots=True)
class Drop:
    """The newest file holds nothing that was acknowledged; look at the one before."""

    file: LogFile
    cut: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Begin:
    """Nothing was written yet."""


@dataclass(frozen=True, slots=True)
class Break:
    """Something acknowledged is not there as it was written: begin a new chain, and say why."""

    after: int  # the next number is higher
    facts: dict[str, Any]


def scan(raw: bytes, head_n: int) -> Scan:
    """Follow a file's chain from its first line as far as it holds."""
    first: Line | None = None
    second: Line | None = None
    last: Line | None = None
    at_head: str | None = None
    offset = count = since = head_end = 0
    while offset < len(raw):
        end = raw.find(b"\n", offset)
        line = None if end < 0 else _next_line(raw[offset:end], last)
        if line is None:
            return Scan(first, second, last, offset, count + 1, len(raw), since, at_head, head_end)
        count += 1
        since = 0 if line.action == CHECKPOINT else since + 1
        first, second = first or line, line if count == 2 else second  # noqa: PLR2004 - the second
        at_head, head_end = (line.hash, end + 1) if line.n == head_n else (at_head, head_end)
        last, offset = line, end + 1
    return Scan(first, second, last, offset, 0, len(raw), since, at_head, head_end)


def _next_line(raw: bytes, last: Line | None) -> Line | None:
    try:
        line = parse_line(raw)
    except ValueError:
        return None
    if last is not None:
        return line if line.n == last.n + 1 and line.follows(last.hash) else None
    return line if line.action in HEADERS and line.follows(previous_of(line)) else None


def previous_of(header: Line) -> str:
    """The hash that a file's first line says it follows."""
    return str(header.facts.get("previous", GENESIS)) if header.action == FILE_BEGUN else GENESIS


Named = tuple[LogFile, bytes]


def decide(
    newest: Named | None, before: Named | None, head: Mark | None, public: str, *, new_key: bool
) -> GoOn | Drop | Begin | Break:
    """What to do with the newest file; `before` is the one before it."""
    found = scan(newest[1], head.n if head else -1) if newest else Scan()
    seen = found.last.n + found.rest_bytes // 100 + 1 if found.last else 0  # a line has more than 100 bytes
    if new_key or head is None:
        why = "key" if new_key else "head"
        return Break(max(seen, head.n if head else 0), {"why": why, **_place(newest, found)})
    if newest is None:
        return Begin() if head.n == 0 else Break(head.n, {"why": "missing", "through": head.n})
    file, raw = newest
    if found.rest_bytes <= MAX_TAIL_BYTES and found.last is not None:
        position = Position(found.last.n, found.last.hash, found.last.moment, found.since_checkpoint)
        cut = _cut(file, raw[found.good_bytes :]) if found.rest_bytes else None
        if _is_new(found, head, public) or _reaches(found, head):
            return GoOn(file, found.good_bytes, found.head_end, position, cut)
    if found.first is None or found.first.n > head.n:
        ends_before = _reaches(scan(before[1], head.n), head) if before else head.n == 0
        if ends_before and len(raw) <= MAX_TAIL_BYTES:
            return Drop(file, _cut(file, raw))
    why = "edited" if found.rest_bytes or found.at_head is not None else "truncated"
    return Break(max(seen, head.n), {"why": why, "through": head.n, **_place(newest, found)})


def _reaches(found: Scan, head: Mark) -> bool:
    """Whether everything up to the head is there as it was acknowledged."""
    return found.at_head == head.hash


def _is_new(found: Scan, head: Mark, public: str) -> bool:
    """Whether the file was begun behind the head: the crash came before its lines were acknowledged."""
    if found.first is None or found.first.n <= head.n:
        return False
    if found.first.action == BROKEN:  # whoever has no key can write the line, but not the signature behind it
        return found.second is not None and is_checkpoint(found.second, public)
    return found.first.n == head.n + 1 and previous_of(found.first) == head.hash


def is_checkpoint(line: Line, public: str) -> bool:
    n, line_hash = line.facts.get("n"), line.facts.get("hash")
    return (
        line.action == CHECKPOINT
        and n == line.n - 1
        and isinstance(line_hash, str)
        and line.follows(line_hash)
        and is_signed(public, "checkpoint", n, line_hash, line.facts.get("signature"))
    )


def _cut(file: LogFile, rest: bytes) -> dict[str, Any]:
    return {"file": file.name, "bytes": len(rest), "sha256": hashlib.sha256(rest).hexdigest()}


def _place(newest: tuple[LogFile, bytes] | None, found: Scan) -> dict[str, Any]:
    if newest is None:
        return {}
    line = found.bad_line or None
    last = {"good_through": found.last.n, "good_hash": found.last.hash} if found.last else {}
    return {"file": newest[0].name, "line": line, **last}
