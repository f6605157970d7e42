"""What lies in the audit folder: names, the key, the head, and the note on where the chain starts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import orjson

from agent.audit.disk import Disk
from agent.audit.lines import GENESIS, MAX_LINE_BYTES
from agent.audit.signing import SLOT_BYTES, Mark, SigningKey, parse_head, parse_mark
from agent.upgrade.newer import refuse_newer

FORMAT: Final = 1  # of the lines
FOLDER: Final = "audit"
LOCK_FILE: Final = "audit.lock"  # beside the folder, for it must be held before the folder is made
KEY_FILE: Final = "key"
PUBLIC_KEY_FILE: Final = "key.pub"
HEAD_FILE: Final = "head"
START_FILE: Final = "start"

_NAME: Final = re.compile(r"^([0-9]{8})-([0-9]{4}-[0-9]{2}-[0-9]{2})\.jsonl$")


@dataclass(frozen=True, slots=True, order=True)
class LogFile:
    """One file of lines. The number orders the files; the day is the clock's, which may be wrong."""

    number: int
    day: date

    @property
    def name(self) -> str:
        return f"{self.number:08}-{self.day.isoformat()}.jsonl"


def parse_name(name: str) -> LogFile | None:
    found = _NAME.match(name)
    if found is None:
        return None
    try:
        return LogFile(int(found[1]), date.fromisoformat(found[2]))
    except ValueError:
        return None


def log_files(disk: Disk, folder: Path) -> list[LogFile]:
    """In the order in which they were written."""
    return sorted(file for name in disk.names(folder) if (file := parse_name(name)) is not None)


def refuse_newer_files(disk: Disk, folder: Path) -> None:
    """Raise VersionMismatch where a newer version has gone on with the chain; OSError where that cannot be read."""
    if not folder.is_dir():
        return
    for file in reversed(log_files(disk, folder)):
        found = format_of(disk.read(folder / file.name, most=MAX_LINE_BYTES) or b"")
        if found is not None:
            refuse_newer(found, FORMAT, folder / file.name)
            return


def format_of(raw: bytes) -> int | None:
    """What a file's first line says of its format, also where nothing else of it could be read; None: it does not."""
    try:
        found = orjson.loads(raw.partition(b"\n")[0])["facts"]["format"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if type(found) is int else None


def load_key(disk: Disk, folder: Path) -> SigningKey | None:
    """None where it is missing or damaged. Raises OSError where it may not be read."""
    raw = disk.read(folder / KEY_FILE, private=True)
    try:
        return None if raw is None else SigningKey.parse(raw.decode())
    except ValueError:
        return None


def save_key(disk: Disk, folder: Path, key: SigningKey) -> None:
    disk.put(folder / KEY_FILE, key.render().encode())
    disk.put(folder / PUBLIC_KEY_FILE, f"{key.public}\n".encode())


def make_folder(disk: Disk, folder: Path) -> SigningKey:
    """Make the folder with its key and its head, whole or not at all: a missing head is never a crash's doing."""
    draft = folder.with_name(folder.name + ".new")
    disk.make_folder(draft)
    for name in disk.names(draft):
        disk.remove(draft / name)
    key = SigningKey.make()
    save_key(disk, draft, key)
    disk.put(draft / HEAD_FILE, Mark(0, GENESIS).render(key, "head").ljust(2 * SLOT_BYTES))
    disk.remove_empty_folder(folder)
    disk.replace(draft, folder)
    disk.sync_folder(folder.parent)
    return key


def read_head(disk: Disk, folder: Path, *, public: str | None = None) -> Mark | None:
    return parse_head(disk.read(folder / HEAD_FILE) or b"", public=public)


def read_start(disk: Disk, folder: Path, *, public: str) -> Mark | None:
    """Where the chain goes on from after retention has removed what was before."""
    return parse_mark(disk.read(folder / START_FILE) or b"", "start", public=public)


class HeadFile:
    """Two slots, written in turn: while one is torn by a power cut, the other holds the head before.

    The first head is a whole new file: after a sync that failed nobody knows what of the old one is on disk.
    """

    def __init__(self, disk: Disk, folder: Path, key: SigningKey) -> None:
        self._disk = disk
        self._key = key
        self._path = folder / HEAD_FILE
        self._handle = -1
        self._slot = 0

    def write(self, mark: Mark) -> None:
        text = mark.render(self._key, "head")
        if self._handle < 0:
            self._disk.put(self._path, text.ljust(2 * SLOT_BYTES))
            self._handle, self._slot = self._disk.open(self._path), 1
            return
        self._disk.write(self._handle, text, self._slot * SLOT_BYTES)
        self._disk.sync(self._handle)
        self._slot = 1 - self._slot

    def is_in_place(self) -> bool:
        return self._handle < 0 or self._disk.is_at(self._handle, self._path, 2 * SLOT_BYTES)

    def close(self) -> None:
        if self._handle >= 0:
            self._disk.close(self._handle)
            self._handle = -1
