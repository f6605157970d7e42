"""Whether an audit log is as it was written, and if not, which line is the first that is not. Pure.

Every line is held against the hash of the line before it, every checkpoint against its signature, the last line
against the signed head. After a bad line the check goes on behind it, so that one edit is one fault.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from agent.audit.lines import BEGUN, BROKEN, CHECKPOINT, FILE_BEGUN, GENESIS, HEADERS, Line, parse_line
from agent.audit.opening import is_checkpoint, previous_of
from agent.audit.signing import Mark, fingerprint, parse_head, parse_mark

CHECKPOINT_EVERY: Final = 100  # lines; the writer signs at least as often
MAX_FAULTS: Final = 100  # told; more are counted


class FaultKind(StrEnum):
    EDITED = "edited"
    MISSING = "missing"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Fault:
    kind: FaultKind
    file: str
    line: int  # in its file, from 1
    n: int  # the number that the line has or should have
    message: str
    recorded: bool = False  # the log found it itself when it was opened, and began a new chain here


@dataclass(frozen=True, slots=True)
class Source:
    """One file; read only when it is its turn."""

    name: str
    read: Callable[[], bytes]
    first_line: int = 1  # where an export begins in the middle of a file


@dataclass(frozen=True, slots=True)
class Evidence:
    """What lies beside the files."""

    head: bytes | None = None
    start: bytes | None = None  # the signed note of where the chain goes on after retention
    begins: Mark | None = None  # where an export begins
    public_keys: Collection[str] = ()  # trusted from elsewhere; none: whatever key the files name
    first_key: str = ""  # of an export that begins behind a file's first line, which would name it
    pinned: Mark | None = None  # a head that was kept elsewhere: its line must be here as it was
    is_export: bool = False


@dataclass(slots=True)
class Report:
    lines: int = 0
    checkpoints: int = 0
    first_n: int = 0
    last_n: int = 0
    last_hash: str = GENESIS
    public_key: str = ""
    unsigned: int = 0  # lines behind the head: written, not acknowledged to anybody yet
    faults: list[Fault] = field(default_factory=list)
    more_faults: int = 0

    @property
    def ok(self) -> bool:
        return not self.faults


def verify(sources: Sequence[Source], evidence: Evidence) -> Report:
    check = _Check(evidence)
    for at, source in enumerate(sources):
        check.file(source, is_first=at == 0, is_last=at == len(sources) - 1)
    check.end()
    return check.report


class _Check:
    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._head = parse_head(evidence.head) if evidence.head is not None else None
        noted = parse_mark(evidence.start, "start") if evidence.start is not None else None
        self._start = noted or evidence.begins
        self._keys: set[str] = set(evidence.public_keys)  # that may have signed the start
        self.report = Report()
        self._previous: str | None = GENESIS  # None: unknown, behind a line that cannot be read
        self._expected = 1
        self._since = 0  # lines since the last checkpoint
        self._broken = False  # the line before says that a new chain begins
        self._marks: dict[int, str] = {}  # hashes of the lines that a mark names
        self._last_place = ("(no file)", 0)

    def file(self, source: Source, *, is_first: bool, is_last: bool) -> None:
        raw = source.read()
        offset, number = 0, source.first_line - 1
        while offset < len(raw):
            end = raw.find(b"\n", offset)
            text = raw[offset:] if end < 0 else raw[offset:end]
            offset = len(raw) if end < 0 else end + 1
            number += 1
            line = _parsed(text) if end >= 0 else None
            place = (source.name, number)
            if is_last and self._is_unacknowledged() and not self._goes_on(line):
                return  # lines under way, or what a crash left of them; nobody acted on them
            if number == 1 or (is_first and number == source.first_line):
                self._begin(line, place, raw[offset:] if is_first else None)
            self._line(line, place, raw, offset)

    def _is_unacknowledged(self) -> bool:
        return self._head is not None and self._expected > self._head.n

    def _goes_on(self, line: Line | None) -> bool:
        return (
            line is not None
            and line.n == self._expected
            and (self._previous is None or line.follows(self._previous))
        )

    def _begin(self, line: Line | None, place: tuple[str, int], rest: bytes | None) -> None:
        """What a file's first line says of the chain before it."""
        if line is None:
            return
        if rest is not None:
            self._begin_log(line, place, rest)
        if line.action == BROKEN:
            self._note_break(line, place)
        self._meet_key(line, place)

    def _begin_log(self, line: Line, place: tuple[str, int], rest: bytes) -> None:
        start = self._start
        self.report.first_n = line.n
        if start is not None and line.n == start.n + 1:
            self._previous, self._expected = start.hash, line.n
        elif line.action in {BEGUN, BROKEN}:
            return
        elif start is not None and line.n <= start.n:
            self._previous, self._expected = previous_of(line), line.n
        else:
            first = start.n + 1 if start is not None else 1
            kind, message = _absent(line, first, rest)
            self._fault(kind, place, first, message)
            self._previous, self._expected = previous_of(line), line.n

    def _note_break(self, line: Line, place: tuple[str, int]) -> None:
        why = str(line.facts.get("why", ""))
        kinds = {"edited": FaultKind.EDITED, "truncated": FaultKind.TRUNCATED, "missing": FaultKind.MISSING}
        named, number = line.facts.get("file"), line.facts.get("line")
        where = f" in {named}" + (f", line {number}" if number else "") if named else ""
        sentence = _BREAKS.get(why, "it could not go on") + where
        self._fault(
            kinds.get(why, FaultKind.SIGNATURE),
            place,
            line.n,
            f"when the log was opened, {sentence}; a new chain begins here",
            recorded=True,
        )
        self._previous, self._expected, self._broken = GENESIS, line.n, True

    def _meet_key(self, line: Line, place: tuple[str, int]) -> None:
        key = line.facts.get("public_key")
        if line.action not in HEADERS:
            key = self._evidence.first_key
        known = self.report.public_key
        trusted = self._evidence.public_keys
        if not isinstance(key, str):
            self._fault(FaultKind.SIGNATURE, place, line.n, "the first line of the file names no key")
            return
        if trusted and key not in trusted:
            self._fault(
                FaultKind.SIGNATURE,
                place,
                line.n,
                f"signed with another key, {fingerprint(key)}, than the given one",
            )
        elif known and key != known and line.action == FILE_BEGUN:
            self._fault(FaultKind.SIGNATURE, place, line.n, "the key changed without a recorded break")
        self.report.public_key = key
        if not trusted:
            self._keys.add(key)

    def _line(self, line: Line | None, place: tuple[str, int], raw: bytes, offset: int) -> None:
        self._last_place = place
        self.report.lines += 1
        if line is None:
            self._fault(FaultKind.EDITED, place, self._expected, "this is not a line of the log any more")
            self._previous, self._expected = None, self._expected + 1
            return
        follows = self._previous is None or line.follows(self._previous)
        if self._previous is None:
            self._expected = line.n  # behind an unreadable line: how many are gone cannot be told
        if line.n != self._expected or not follows:
            kind, message = _judge(line, self._expected, raw, offset)
            self._fault(kind, place, self._expected, message)
        else:
            self._sign(line, place)
        self._previous, self._expected = line.hash, line.n + 1
        self.report.last_n, self.report.last_hash = line.n, line.hash
        for mark in (self._head, self._evidence.pinned):
            if mark is not None and mark.n == line.n:
                self._marks[line.n] = line.hash
                self._check_mark(mark, line, place)

    def _sign(self, line: Line, place: tuple[str, int]) -> None:
        if line.action == CHECKPOINT:
            self.report.checkpoints += 1
            self._since = 0
            self._broken = False
            if not is_checkpoint(line, self.report.public_key):
                self._fault(
                    FaultKind.SIGNATURE,
                    place,
                    line.n,
                    "the signature is not the key's: a line since the last good checkpoint was changed",
                )
            return
        if self._broken and line.action != BROKEN:
            self._fault(
                FaultKind.SIGNATURE, place, line.n, "a new chain without a signature behind its first line"
            )
            self._broken = False
        self._since += 1
        if self._since == CHECKPOINT_EVERY + 1:
            self._fault(
                FaultKind.SIGNATURE, place, line.n, f"no checkpoint for more than {CHECKPOINT_EVERY} lines"
            )

    def _check_mark(self, mark: Mark, line: Line, place: tuple[str, int]) -> None:
        if mark.hash == line.hash:
            return
        whose = "the signed head" if mark is self._head else "the head that was kept elsewhere"
        self._fault(
            FaultKind.SIGNATURE,
            place,
            line.n,
            f"{whose} names another line {line.n}: it, or one before it since the last good checkpoint, was changed",
        )

    def end(self) -> None:
        if not self.report.first_n:
            self.report.first_n = 1
            if self._evidence.begins is not None:  # an export without a line
                self._expect_none(self._evidence.begins)
        name, number = self._last_place
        place = (name, number + 1)
        for mark in (self._head, self._evidence.pinned):
            if mark is not None and mark.n and mark.n not in self._marks:
                if mark.n > self.report.last_n:
                    message = f"lines {self.report.last_n + 1} to {mark.n} are missing at the end"
                    self._fault(FaultKind.TRUNCATED, place, self.report.last_n + 1, message)
                elif mark is not self._head and mark.n >= self.report.first_n:
                    self._fault(
                        FaultKind.MISSING,
                        place,
                        mark.n,
                        f"the line {mark.n} of the head kept elsewhere is missing",
                    )
        self._check_start()
        self._check_head(place)

    def _expect_none(self, begins: Mark) -> None:
        self.report.first_n, self.report.last_n, self.report.last_hash = begins.n + 1, begins.n, begins.hash
        if self._head == begins:
            self._marks[begins.n] = begins.hash

    def _check_start(self) -> None:
        """Whoever removes the oldest lines could else explain it with a note signed with a key of his own."""
        raw = self._evidence.start
        if raw is None or self._start is None:
            return
        if not any(parse_mark(raw, "start", public=key) == self._start for key in self._keys):
            message = (
                f"the note that lines 1 to {self._start.n} were removed is not signed with a key of this log"
            )
            self._fault(FaultKind.SIGNATURE, ("start", 1), self._start.n, message)

    def _check_head(self, place: tuple[str, int]) -> None:
        if self._head is None:
            if self.report.lines or not self._evidence.is_export:
                message = (
                    "the signed head is missing or damaged: lines cut off at the end would not be noticed"
                )
                self._fault(FaultKind.SIGNATURE, ("head", 1), self.report.last_n, message)
            return
        key = self.report.public_key or next(iter(self._evidence.public_keys), "")
        if key and parse_head(self._evidence.head or b"", public=key) != self._head:
            self._fault(FaultKind.SIGNATURE, ("head", 1), self._head.n, "the head is signed with another key")
        self.report.unsigned = max(0, self.report.last_n - self._head.n)
        if self._head.n < self.report.first_n - 1:
            self._fault(FaultKind.SIGNATURE, place, self._head.n, "the head is older than the first line")

    def _fault(
        self, kind: FaultKind, place: tuple[str, int], n: int, message: str, *, recorded: bool = False
    ) -> None:
        if len(self.report.faults) < MAX_FAULTS:
            self.report.faults.append(Fault(kind, place[0], place[1], n, message, recorded))
        else:
            self.report.more_faults += 1


_BREAKS: Final = {
    "edited": "a line was not as it was written",
    "truncated": "lines were missing at the end",
    "missing": "its files were missing",
    "head": "its signed head was missing or damaged",
    "key": "its key was missing or damaged",
}


def _parsed(raw: bytes) -> Line | None:
    try:
        return parse_line(raw)
    except ValueError:
        return None


def _judge(line: Line, expected: int, raw: bytes, offset: int) -> tuple[FaultKind, str]:
    """What became of the line that should stand here, told from what stands behind."""
    if line.n == expected:
        return FaultKind.EDITED, "this line was changed, or the line before it was and its hash made anew"
    following = _parsed(raw[offset:].partition(b"\n")[0]) if offset < len(raw) else None
    if following is not None and following.n == expected + 1 and following.follows(line.hash):
        return FaultKind.EDITED, "the number of this line was changed"
    if line.n < expected:
        return FaultKind.REORDERED, f"line {line.n} stands here again, or behind where it was"
    return _absent(line, expected, raw[offset:])


def _absent(line: Line, expected: int, rest: bytes) -> tuple[FaultKind, str]:
    if b'{"n":%d,' % expected in rest:
        return FaultKind.REORDERED, f"line {line.n} stands here before line {expected}"
    last = line.n - 1
    gone = f"line {expected} is" if last == expected else f"lines {expected} to {last} are"
    return FaultKind.MISSING, f"{gone} missing before this one"
