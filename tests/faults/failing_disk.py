"""A disk under SQLite that fails at one chosen write or sync, and remembers what was asked of it afterwards."""

from __future__ import annotations

from pathlib import Path

import apsw


class FailingDisk(apsw.VFS):
    """Writes, syncs and truncations are counted from 0; `error` is raised by `lasts` of them from number `at` on."""

    def __init__(self, name: str, *, error: type[apsw.Error] = apsw.IOError) -> None:
        self.at: int | None = None
        self.lasts = 1
        self.asked = 0
        self.asked_after: list[str] = []  # what was asked for behind the first failure: "sync relay.db-wal"
        self._error = error
        super().__init__(name, "")

    def xOpen(self, name, flags):
        return _File(self, name, flags)

    def meet(self, what: str) -> None:
        number, self.asked = self.asked, self.asked + 1
        if self.at is None or number < self.at:
            return
        if number > self.at:
            self.asked_after.append(what)
        if number < self.at + self.lasts:
            raise self._error("the disk says no")


class _File(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name, flags) -> None:
        self._disk = disk
        self._name = Path(name.filename() if isinstance(name, apsw.URIFilename) else name).name
        super().__init__("", name, flags)

    def xWrite(self, data, offset):
        self._disk.meet(f"write {self._name}")
        super().xWrite(data, offset)

    def xSync(self, flags):
        self._disk.meet(f"sync {self._name}")
        super().xSync(flags)

    def xTruncate(self, size):
        self._disk.meet(f"truncate {self._name}")
        super().xTruncate(size)
