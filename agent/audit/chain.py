"""The audit folder in the hands of the one process that writes it. Blocking; every method raises OSError.

    state_dir/audit.lock                  held while the folder is open
    state_dir/audit/00000007-2026-01-05.jsonl   lines of one day; the numbers order the files
    state_dir/audit/head                  the newest line's number and hash, signed, in two slots
    state_dir/audit/start                 after retention: the line that the chain goes on from, signed
    state_dir/audit/key, key.pub          what signs

After an OSError the chain is closed and opened anew for the next lines: what was acknowledged is found behind the head.
The same where somebody has moved, removed or cut its files meanwhile.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from agent.audit import folder as names
from agent.audit.disk import Disk
from agent.audit.folder import HeadFile, LogFile
from agent.audit.lines import (
    BEGUN,
    BROKEN,
    CHECKPOINT,
    FILE_BEGUN,
    GENESIS,
    HEADERS,
    Line,
    make_line,
    parse_line,
    render_moment,
)
from agent.audit.opening import Begin, Break, Drop, GoOn, Position, decide, previous_of
from agent.audit.signing import Mark, SigningKey
from agent.audit.trail import AGENT, Actor

CHECKPOINT_EVERY: Final = 100  # lines; as many can at most not be told apart when one of them was changed
MAX_FILE_BYTES: Final = 16 * 1024 * 1024  # two are read whole at opening, so a busy day takes several files
MAX_NOTES: Final = 20
BACKWARDS: Final = timedelta(seconds=1)  # less is the clock's usual discipline, not a step


@dataclass(frozen=True, slots=True)
class Entry:
    """What one line is to say."""

    moment: datetime
    action: str
    actor: Actor
    facts: Mapping[str, Any]


class Chain:
    def __init__(self, folder: Path, disk: Disk, *, retention: timedelta, software: str = "") -> None:
        self._folder = folder
        self._disk = disk
        self._retention = retention
        self._software = software
        self._key: SigningKey | None = None
        self._head: HeadFile | None = None
        self._file: LogFile | None = None
        self._handle = -1
        self._size = 0
        self._position = Position(0, GENESIS)
        self._known: tuple[str, Mark] | None = (
            None  # the key, and the newest line that was acknowledged with it
        )
        self._notes: list[tuple[str, dict[str, Any]]] = []  # found at opening, written with the first lines
        self._checkpoint_due = False

    @property
    def is_open(self) -> bool:
        return self._key is not None

    @property
    def head(self) -> Mark:
        return Mark(self._position.n, self._position.hash)

    @property
    def public_key(self) -> str:
        return self._key.public if self._key else ""

    def open(self, now: datetime) -> None:
        """Find the place behind the last line, and put right what a crash left."""
        disk, folder = self._disk, self._folder
        if not folder.is_dir() or not disk.names(folder):
            names.make_folder(disk, folder)
        key = names.load_key(disk, folder)
        head = names.read_head(disk, folder, public=key.public if key else None)
        new_key = key is None
        if self._known is not None and key is not None:
            # Whatever lies there now, this process knows what it wrote.
            public, mark = self._known
            new_key = key.public != public
            head = mark if head is not None and head.n < mark.n else head
        if key is None:
            key = SigningKey.make()
            names.save_key(disk, folder, key)
        try:
            self._take_place(key, head, now, new_key=new_key)
        except OSError:
            self.close()
            raise
        self._key = key
        self._checkpoint_due = True
        self._finish_retention(names.read_start(disk, folder, public=key.public))

    def _take_place(self, key: SigningKey, head: Mark | None, now: datetime, *, new_key: bool) -> None:
        while True:
            files = names.log_files(self._disk, self._folder)
            newest, before = (self._contents(files, -1), self._contents(files, -2))
            found = decide(newest, before, head, key.public, new_key=new_key)
            if not isinstance(found, Drop):
                break
            self._disk.remove(self._folder / found.file.name)
            self._disk.sync_folder(self._folder)
            self._note_cut(found.cut)
        self._head = HeadFile(self._disk, self._folder, key)
        if isinstance(found, GoOn):
            self._go_on(found, newest[1] if newest else b"")
            return
        number = files[-1].number + 1 if files else 1
        if isinstance(found, Begin):
            self._begin_file(number, now, BEGUN, {}, key)
        elif isinstance(found, Break):
            self._position = Position(found.after, GENESIS)
            self._begin_file(number, now, BROKEN, found.facts, key)

    def _contents(self, files: Sequence[LogFile], at: int) -> tuple[LogFile, bytes] | None:
        if len(files) < -at:
            return None
        return files[at], self._disk.read(self._folder / files[at].name) or b""

    def _go_on(self, found: GoOn, raw: bytes) -> None:
        self._file, self._position, self._size = found.file, found.position, found.size
        self._handle = self._disk.open(self._folder / found.file.name)
        if found.cut is not None:
            self._disk.truncate(self._handle, found.size)
            self._note_cut(found.cut)
        if behind := raw[found.acknowledged : found.size]:
            # After a sync that failed these may be in memory only; written again, the next sync is of them too.
            self._disk.write(self._handle, behind, found.acknowledged)
            self._disk.sync_folder(self._folder)

    def _note_cut(self, cut: dict[str, Any]) -> None:
        # On a disk that stays full every attempt may leave something; an empty file is nothing worth a line.
        if cut["bytes"] and len(self._notes) < MAX_NOTES:
            self._notes.append(("tail_cut", cut))

    def _begin_file(
        self, number: int, now: datetime, action: str, facts: Mapping[str, Any], key: SigningKey
    ) -> None:
        """A new file with its first line and a checkpoint, both durable."""
        file = LogFile(number, now.date())
        self._disk.close(self._handle)
        self._handle = self._disk.create(self._folder / file.name)
        self._disk.sync_folder(self._folder)
        self._file, self._size = file, 0
        about = {
            "previous": self._position.hash,
            "public_key": key.public,
            "format": names.FORMAT,
            "software": self._software,
        }
        self._write([Entry(now, action, AGENT, {**about, **facts})], key, checkpoint=True)

    def append(self, entries: Sequence[Entry]) -> None:
        """Write the lines, durably; all of them or, with an OSError, none that counts."""
        self._close_if_moved()
        if self._key is None:
            self.open(entries[0].moment)
        assert self._key is not None  # noqa: S101 - `open` has set it, or raised
        try:
            if self._must_rotate(entries[0].moment):
                self._rotate(entries[0].moment, self._key)
            noted = [Entry(entries[0].moment, action, AGENT, facts) for action, facts in self._notes]
            self._write([*noted, *entries], self._key, checkpoint=self._checkpoint_due)
        except OSError:
            self.close()
            raise
        self._notes.clear()
        self._checkpoint_due = False

    def checkpoint(self, now: datetime) -> None:
        """Sign what was written since the last checkpoint, if anything was."""
        self._close_if_moved()
        if self._key is None or self._position.since_checkpoint == 0:
            return
        try:
            self._write([], self._key, checkpoint=True, now=now)
        except OSError:
            self.close()
            raise

    def keep_house(self, now: datetime) -> None:
        """Rotate at the end of the day also when nothing is written, and let retention remove what is too old."""
        self._close_if_moved()
        if self._key is None or self._file is None:
            return
        try:
            if self._must_rotate(now):
                self._rotate(now, self._key)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        if self._handle >= 0:
            self._disk.close(self._handle)
            self._handle = -1
        if self._head is not None:
            self._head.close()
        self._key = self._head = self._file = None

    def _close_if_moved(self) -> None:
        """What is written to files that are no longer in their place would be read by nobody."""
        if self._key is None or self._file is None or self._head is None:
            return
        try:
            path = self._folder / self._file.name
            in_place = self._disk.is_at(self._handle, path, self._size) and self._head.is_in_place()
        except OSError:
            in_place = False
        if not in_place:
            self.close()

    def _must_rotate(self, now: datetime) -> bool:
        assert self._file is not None  # noqa: S101 - an open chain has a file
        return self._file.day != now.date() or self._size > MAX_FILE_BYTES

    def _rotate(self, now: datetime, key: SigningKey) -> None:
        assert self._file is not None  # noqa: S101 - an open chain has a file
        if self._position.since_checkpoint:
            self._write([], key, checkpoint=True, now=now)
        self._begin_file(self._file.number + 1, now, FILE_BEGUN, {}, key)
        self._retire(now, key)

    def _write(
        self,
        entries: Sequence[Entry],
        key: SigningKey,
        *,
        checkpoint: bool,
        now: datetime | None = None,
    ) -> None:
        """Lines, then the head, each durable before the next: the head never names a line that is not there."""
        assert self._head is not None  # noqa: S101 - an open chain has a head
        text, position = _render(entries, self._position, key, checkpoint=checkpoint, now=now)
        try:
            self._disk.write(self._handle, text, self._size)
            self._disk.sync(self._handle)
        except OSError:
            with contextlib.suppress(OSError):  # what stays is cut at the next opening
                self._disk.truncate(self._handle, self._size)
            raise
        self._head.write(Mark(position.n, position.hash))
        self._position, self._size = position, self._size + len(text)
        self._known = (key.public, Mark(position.n, position.hash))

    def _retire(self, now: datetime, key: SigningKey) -> None:
        """Remove the files that are older than the retention, after a signed note of where the chain goes on.

        The age is counted from the earlier of the two newest days: a clock that is set far ahead by mistake must not
        take the whole log with it.
        """
        files = names.log_files(self._disk, self._folder)
        if len(files) < 3:  # noqa: PLR2004 - the newest, and the one that tells the day
            return
        oldest = _oldest_kept(min(files[-2].day, files[-1].day), self._retention)
        count = next(at for at, file in enumerate(files) if file.day >= oldest or file == files[-2])
        if count == 0:
            return
        first = self._first_line(files[count])
        if first is None:
            return  # damaged: `audit verify` says so, and a person decides
        start = Mark(first.n - 1, previous_of(first))
        if start == names.read_start(self._disk, self._folder, public=key.public):
            self._finish_retention(start)  # recorded already, and the file could not be removed then
            return
        facts = {
            "files": [file.name for file in files[:count]],
            "through": start.n,
            "hash": start.hash,
            "retention_days": self._retention.days,
        }
        self._write([Entry(now, "lines_removed", AGENT, facts)], key, checkpoint=True)
        self._disk.put(self._folder / names.START_FILE, start.render(key, "start"))
        self._finish_retention(start)

    def _finish_retention(self, start: Mark | None) -> None:
        """Remove every file that lies wholly before the start; a crash may have left some.

        One that cannot be removed is left for the next time: it must not keep everybody from acting.
        """
        if start is None:
            return
        files = names.log_files(self._disk, self._folder)
        removed = False
        for file in files[: self._starts_at(files, start)]:
            with contextlib.suppress(OSError):
                self._disk.remove(self._folder / file.name)
                removed = True
        if removed:
            self._disk.sync_folder(self._folder)

    def _starts_at(self, files: Sequence[LogFile], start: Mark) -> int:
        """The place of the file that begins behind the start; 0 where there is none."""
        for at, file in enumerate(files):
            first = self._first_line(file)
            if first is not None and first.n > start.n:
                return at if first.n == start.n + 1 else 0
        return 0

    def _first_line(self, file: LogFile) -> Line | None:
        raw = self._disk.read(self._folder / file.name) or b""
        try:
            return parse_line(raw.partition(b"\n")[0])
        except ValueError:
            return None


def _oldest_kept(today: date, retention: timedelta) -> date:
    try:
        return today - timedelta(days=retention.days)
    except OverflowError:
        return date.min


def _render(
    entries: Sequence[Entry],
    position: Position,
    key: SigningKey,
    *,
    checkpoint: bool,
    now: datetime | None,
) -> tuple[bytes, Position]:
    """The lines with the checkpoints that are due among them, and the position behind."""
    lines: list[bytes] = []

    def add(entry: Entry) -> None:
        nonlocal position
        raw, line_hash = make_line(
            position.hash, position.n + 1, entry.moment, entry.action, entry.actor, entry.facts
        )
        lines.append(raw + b"\n")
        signs = entry.action == CHECKPOINT
        # A checkpoint must not hide a step back of the clock from the line behind it.
        moment = max(position.moment or entry.moment, entry.moment) if signs else entry.moment
        position = Position(position.n + 1, line_hash, moment, 0 if signs else position.since_checkpoint + 1)

    def sign(moment: datetime) -> None:
        signature = key.sign("checkpoint", position.n, position.hash)
        add(
            Entry(moment, CHECKPOINT, AGENT, {"n": position.n, "hash": position.hash, "signature": signature})
        )

    for entry in entries:
        moved = _clock_went_back(position.moment, entry.moment)
        noted = [] if moved is None else [moved]
        for one in (entry, *noted) if entry.action in HEADERS else (*noted, entry):
            add(one)
            if position.since_checkpoint >= CHECKPOINT_EVERY:
                sign(entry.moment)
    if checkpoint and position.since_checkpoint:
        sign(now or entries[-1].moment)
    return b"".join(lines), position


def _clock_went_back(before: datetime | None, now: datetime) -> Entry | None:
    if before is None or now >= before - BACKWARDS:
        return None
    moved = {"from": render_moment(before), "to": render_moment(now)}
    return Entry(now, "clock_went_back", AGENT, moved)
