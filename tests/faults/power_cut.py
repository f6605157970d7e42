"""What a power cut may leave of files that SQLite was writing.

A recording VFS logs every write, truncate, sync and delete. An image is what the disk may hold if power fails at
one point of that log: all that was synced, and of the rest each write kept, dropped or torn on its own. Not in the
model: lost directory entries, and writes below SQLite's own being reordered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from random import Random

import apsw


class Fate(Enum):
    """What becomes of the unsynced writes of an image."""

    DROPPED = "dropped"
    KEPT = "kept"
    MIXED = "mixed"  # each its own way: kept, dropped or torn


@dataclass(frozen=True, slots=True)
class Operation:
    kind: str  # create, write, truncate, sync, delete
    name: str
    offset: int = 0
    data: bytes = b""


class Recorder(apsw.VFS):
    """The platform's VFS, with a log; for one connection in exclusive mode."""

    def __init__(self, name: str) -> None:
        self.log: list[Operation] = []
        super().__init__(name, "")

    def xOpen(self, name, flags):
        return RecordedFile(self, name, flags)

    def xDelete(self, filename, syncdir):
        super().xDelete(filename, syncdir)
        self.log.append(Operation("delete", Path(filename).name))


class RecordedFile(apsw.VFSFile):
    def __init__(self, recorder: Recorder, name, flags) -> None:
        filename = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._name = Path(filename).name
        self._log = recorder.log
        if not Path(filename).exists():
            self._log.append(Operation("create", self._name))
        super().__init__("", name, flags)

    def xWrite(self, data, offset):
        super().xWrite(data, offset)
        self._log.append(Operation("write", self._name, offset, bytes(data)))

    def xTruncate(self, size):
        super().xTruncate(size)
        self._log.append(Operation("truncate", self._name, size))

    def xSync(self, flags):
        super().xSync(flags)
        self._log.append(Operation("sync", self._name))


@dataclass(slots=True)
class _File:
    synced: bytearray = field(default_factory=bytearray)
    unsynced: list[Operation] = field(default_factory=list)


class Disk:
    """The state of every file after a prefix of the log."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = {name: _File(bytearray(content)) for name, content in files.items()}

    def apply(self, operation: Operation) -> None:
        if operation.kind == "delete":
            self._files.pop(operation.name, None)
            return
        file = self._files.setdefault(operation.name, _File())
        if operation.kind == "sync":
            for write in file.unsynced:
                _write(file.synced, write)
            file.unsynced.clear()
        elif operation.kind != "create":
            file.unsynced.append(operation)

    def image(self, fate: Fate, random: Random) -> dict[str, bytes]:
        return {name: _image_of(file, fate, random) for name, file in self._files.items()}


def images(
    log: Sequence[Operation], start: dict[str, bytes], *, count: int, seed: int
) -> Iterator[tuple[int, Fate, dict[str, bytes]]]:
    """Spread `count` images evenly over the log: (operations done, fate, files)."""
    random = Random(seed)
    disk = Disk(start)
    fates = list(Fate)
    made = 0
    for point in range(len(log) + 1):
        if point:
            disk.apply(log[point - 1])
        while made * (len(log) + 1) < count * (point + 1):
            fate = fates[made % len(fates)]
            yield point, fate, disk.image(fate, random)
            made += 1


def _image_of(file: _File, fate: Fate, random: Random) -> bytes:
    content = bytearray(file.synced)
    if fate is Fate.DROPPED:
        return bytes(content)
    for write in file.unsynced:
        luck = 0.0 if fate is Fate.KEPT else random.random()
        if luck < 1 / 3:
            _write(content, write)
        elif luck < 2 / 3 and write.kind == "write":
            torn = random.randrange(len(write.data) + 1)
            _write(content, Operation("write", write.name, write.offset, write.data[:torn]))
    return bytes(content)


def _write(content: bytearray, operation: Operation) -> None:
    if operation.kind == "truncate":
        del content[operation.offset :]
        content.extend(bytes(operation.offset - len(content)))
        return
    if len(content) < operation.offset:
        content.extend(bytes(operation.offset - len(content)))
    content[operation.offset : operation.offset + len(operation.data)] = operation.data
