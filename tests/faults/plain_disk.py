"""What a power cut may leave of plain files in one folder.

A recording disk logs every operation. An image is what may be there if power fails at one point of that log: the
contents that were synced, and of each file's later writes each one kept, dropped or torn on its own; the names as of
the folder's last sync, and of later changes of names the first few, in order, as a journalling file system keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from agent.audit.disk import Disk
from tests.faults.power_cut import Fate


@dataclass(frozen=True, slots=True)
class Step:
    kind: str  # create, write, truncate, sync, replace, remove, sync_folder
    file: int = 0  # which file, whatever its name is by now
    name: str = ""
    other: str = ""
    offset: int = 0
    data: bytes = b""


class RecordingDisk(Disk):
    def __init__(self, folder: Path) -> None:
        self.log: list[Step] = []
        self.start = {path.name: path.read_bytes() for path in folder.iterdir()}
        self._folder = folder
        self._files = {name: number for number, name in enumerate(self.start)}
        self._made = len(self._files)
        self._handles: dict[int, int] = {}

    def create(self, path: Path) -> int:
        handle = super().create(path)
        self._made += 1
        self._files[path.name] = self._handles[handle] = self._made
        self.log.append(Step("create", self._made, path.name))
        return handle

    def open(self, path: Path) -> int:
        handle = super().open(path)
        self._handles[handle] = self._files[path.name]
        return handle

    def write(self, handle: int, data: bytes, offset: int) -> None:
        super().write(handle, data, offset)
        self.log.append(Step("write", self._handles[handle], offset=offset, data=data))

    def truncate(self, handle: int, size: int) -> None:
        super().truncate(handle, size)
        self.log.append(Step("truncate", self._handles[handle], offset=size))

    def sync(self, handle: int) -> None:
        self.log.append(Step("sync", self._handles[handle]))

    def replace(self, source: Path, target: Path) -> None:
        super().replace(source, target)
        self._files[target.name] = self._files.pop(source.name)
        self.log.append(Step("replace", name=source.name, other=target.name))

    def remove(self, path: Path) -> None:
        if path.exists():
            super().remove(path)
            del self._files[path.name]
            self.log.append(Step("remove", name=path.name))

    def sync_folder(self, folder: Path) -> None:
        self.log.append(Step("sync_folder"))


@dataclass(slots=True)
class _File:
    synced: bytearray = field(default_factory=bytearray)
    unsynced: list[Step] = field(default_factory=list)


class Platter:
    """What is durable, and what is not yet, after a prefix of the log."""

    def __init__(self, start: dict[str, bytes]) -> None:
        self._files = {number: _File(bytearray(content)) for number, content in enumerate(start.values())}
        self._names = {name: number for number, name in enumerate(start)}
        self._renaming: list[Step] = []

    def apply(self, step: Step) -> None:
        if step.kind == "sync_folder":
            for one in self._renaming:
                _rename(self._names, one)
            self._renaming.clear()
        elif step.kind in {"create", "replace", "remove"}:
            self._files.setdefault(step.file, _File())
            self._renaming.append(step)
        elif step.kind == "sync":
            file = self._files[step.file]
            for one in file.unsynced:
                _change(file.synced, one)
            file.unsynced.clear()
        else:
            self._files[step.file].unsynced.append(step)

    def image(self, fate: Fate, random: Random) -> dict[str, bytes]:
        names = dict(self._names)
        kept = {Fate.DROPPED: 0, Fate.KEPT: len(self._renaming)}.get(
            fate, random.randint(0, len(self._renaming))
        )
        for step in self._renaming[:kept]:
            _rename(names, step)
        return {name: _content(self._files[number], fate, random) for name, number in names.items()}


def images(
    log: Sequence[Step], start: dict[str, bytes], *, count: int, seed: int
) -> Iterator[tuple[int, dict[str, bytes]]]:
    """Spread `count` images evenly over the log: (steps done, files)."""
    random = Random(seed)
    platter = Platter(start)
    fates = list(Fate)
    made = 0
    for point in range(len(log) + 1):
        if point:
            platter.apply(log[point - 1])
        while made * (len(log) + 1) < count * (point + 1):
            yield point, platter.image(fates[made % len(fates)], random)
            made += 1


def _rename(names: dict[str, int], step: Step) -> None:
    if step.kind == "create":
        names[step.name] = step.file
    elif step.kind == "replace":
        names[step.other] = names.pop(step.name)
    else:
        names.pop(step.name, None)


def _content(file: _File, fate: Fate, random: Random) -> bytes:
    content = bytearray(file.synced)
    if fate is Fate.DROPPED:
        return bytes(content)
    for step in file.unsynced:
        luck = 0.0 if fate is Fate.KEPT else random.random()
        if luck < 1 / 3:
            _change(content, step)
        elif luck < 2 / 3 and step.kind == "write":
            torn = step.data[: random.randrange(len(step.data) + 1)]
            _change(content, Step("write", offset=step.offset, data=torn))
    return bytes(content)


def _change(content: bytearray, step: Step) -> None:
    if step.kind == "truncate":
        del content[step.offset :]
    content.extend(bytes(max(0, step.offset - len(content))))
    if step.kind == "write":
        content[step.offset : step.offset + len(step.data)] = step.data
