"""An audit folder as tests make, change and check it."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agent.audit.chain import Chain, Entry
from agent.audit.disk import Disk
from agent.audit.folder import FOLDER, HEAD_FILE, KEY_FILE, START_FILE, log_files
from agent.audit.lines import Line, make_line, parse_line
from agent.audit.trail import AGENT
from agent.audit.verify import Evidence, Report, Source, verify

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
YEAR = timedelta(days=365)


class QuickDisk(Disk):
    """Where no power cut follows."""

    def sync(self, handle: int) -> None: ...

    def sync_folder(self, folder: Path) -> None: ...


class Forgetful(QuickDisk):
    """Knows what is really on the disk. A sync that fails forgets: what was to be written is taken for written."""

    def __init__(self) -> None:
        self.durable: dict[int, bytearray] = {}  # by inode
        self._dirty: dict[int, list[tuple[int, bytes]]] = {}
        self.failing = False

    def write(self, handle: int, data: bytes, offset: int) -> None:
        super().write(handle, data, offset)
        self._dirty.setdefault(os.fstat(handle).st_ino, []).append((offset, data))

    def truncate(self, handle: int, size: int) -> None:
        if self.failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().truncate(handle, size)

    def sync(self, handle: int) -> None:
        inode = os.fstat(handle).st_ino
        dirty = self._dirty.pop(inode, [])
        if self.failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        content = self.durable.setdefault(inode, bytearray())
        for offset, data in dirty:
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(data)] = data


def new_chain(state_dir: Path, *, disk: Disk | None = None, retention: timedelta = YEAR) -> Chain:
    return Chain(state_dir / FOLDER, disk or Disk(), retention=retention, software="test")


def entry(number: int = 0, moment: datetime = NOON, action: str = "did") -> Entry:
    return Entry(moment, action, AGENT, {"number": number})


def written(state_dir: Path, days: Sequence[int] = (40, 30, 50)) -> None:
    """A log of one file per day with so many lines of ours each."""
    chain = new_chain(state_dir)
    for day, count in enumerate(days):
        for number in range(count):
            chain.append([entry(number, NOON + timedelta(days=day, seconds=number))])
    chain.checkpoint(NOON + timedelta(days=len(days) - 1, hours=1))
    chain.close()


def files_of(state_dir: Path) -> dict[str, bytes]:
    folder = state_dir / FOLDER
    return {file.name: (folder / file.name).read_bytes() for file in log_files(Disk(), folder)}


def checked(state_dir: Path, files: Mapping[str, bytes] | None = None, **evidence: Any) -> Report:
    folder = state_dir / FOLDER
    found = files_of(state_dir) if files is None else files
    given = {
        "head": (folder / HEAD_FILE).read_bytes(),
        "start": (folder / START_FILE).read_bytes() if (folder / START_FILE).exists() else None,
        **evidence,
    }
    sources = [Source(name, lambda raw=raw: raw) for name, raw in found.items()]  # type: ignore[misc]
    return verify(sources, Evidence(**given))


def lines_of(state_dir: Path) -> list[Line]:
    return [parse_line(text) for raw in files_of(state_dir).values() for text in raw.splitlines()]


def did(state_dir: Path) -> list[int]:
    """The numbers of our own lines, in order."""
    return [line.facts["number"] for line in lines_of(state_dir) if line.action == "did"]


def actions(state_dir: Path) -> list[str]:
    return [line.action for line in lines_of(state_dir) if line.action not in {"did", "checkpoint"}]


def forged(raw: bytes, previous: str, **changes: Any) -> tuple[bytes, str]:
    """A line with other content and a hash that fits: what somebody without the key can make."""
    line = parse_line(raw)
    found = {name: changes.get(name, getattr(line, name)) for name in ("n", "moment", "action", "actor")}
    return make_line(previous, facts=changes.get("facts", line.facts), **found)


__all__ = [
    "KEY_FILE",
    "Forgetful",
    "QuickDisk",
    "actions",
    "checked",
    "did",
    "entry",
    "files_of",
    "forged",
    "lines_of",
    "new_chain",
    "written",
]
