"""The disk of one process: real files that are never synced for real, and what a crash would leave of them.

`power_cut.Disk` keeps what was synced apart from what was not. A process may die, or its power fail, between any two
operations on its files: `fall_after` says how many of them still happen.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import apsw

from tests.faults.power_cut import Disk, Fate, Operation, RecordedFile, Recorder

_NUMBERS = itertools.count()


class Drive:
    """The files of one life of a process, in a folder of their own."""

    def __init__(self, folder: Path, files: dict[str, bytes], random: Random) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
            (folder / name).chmod(0o600)
        self._disk = Disk(files)
        self._random = random
        self._left: int | None = None
        self._fate = Fate.KEPT
        self.image: dict[str, bytes] | None = None  # what the fall left
        self.full = False
        self.name = f"simulated-{next(_NUMBERS)}"
        self.vfs = _Vfs(self.name, self)

    def fall_after(self, operations: int, fate: Fate) -> None:
        """KEPT is what the death of a process leaves: the operating system has what was written."""
        self._left, self._fate = operations, fate
        if operations == 0:
            self._fall()

    def stand(self) -> None:
        """Not to fall any more, unless it has."""
        self._left = None

    def fall(self, fate: Fate) -> dict[str, bytes]:
        """What is left if the process dies now."""
        if self.image is None:
            self.fall_after(0, fate)
        assert self.image is not None
        return self.image

    def append(self, operation: Operation) -> None:
        """The recorder's log."""
        if self.image is not None:
            return
        self._disk.apply(operation)
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                self._fall()

    def close(self) -> None:
        self.vfs.unregister()

    def _fall(self) -> None:
        self.image = self._disk.image(self._fate, self._random)


class _Vfs(Recorder):
    def __init__(self, name: str, drive: Drive) -> None:
        super().__init__(name)
        self.drive = drive
        self.log = drive  # type: ignore[assignment]

    def xOpen(self, name, flags):
        return _File(self, name, flags)


class _File(RecordedFile):
    def __init__(self, vfs: _Vfs, name, flags) -> None:
        super().__init__(vfs, name, flags)
        self._drive = vfs.drive

    def xWrite(self, data, offset):
        if self._drive.full:
            raise apsw.FullError("no space left on the simulated disk")
        super().xWrite(data, offset)

    def xSync(self, flags):
        self._drive.append(Operation("sync", self._name))


@contextmanager
def full(drive: Drive) -> Iterator[None]:
    drive.full = True
    try:
        yield
    finally:
        drive.full = False
