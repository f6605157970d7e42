"""A copy of the store's file while it is in use.

SQLite's own backup, a few pages at a time on the store's thread: what is committed between two steps goes into the
copy as well, and waits no longer for it than one step takes.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from agent.errors import StorageDamaged
from relay.store.database import Database
from relay.store.faults import translated
from relay.store.opening import APPLICATION_ID, log_of, sync_folder

STEP_PAGES: Final = 256  # a mebibyte; some milliseconds of the store's thread
_WHOLE: Final = "ok"


@dataclass(frozen=True, slots=True)
class Copied:
    position: int  # the last batch that is in it
    version: int  # of the schema


Progress = Callable[[int, int], None]  # pages done, of so many


def nobody_watches(_done: int, _of: int) -> None:
    return


async def copy_store(database: Database, target: Path, progress: Progress = nobody_watches) -> Copied:
    """Write a whole, closed and checked store to `target`, which is there only once it is complete."""
    partial = target.with_name(f"{target.name}.partial")
    _remove(partial)
    copying = await database.read(lambda source: _Copying(source, partial))
    try:
        while not await database.read(lambda _: copying.step()):
            progress(copying.done, copying.pages)
    finally:
        # On the store's thread: the copy and its source belong together until then.
        await database.read(lambda _: copying.close())
    copied = await asyncio.to_thread(_finished, partial)
    partial.replace(target)
    sync_folder(target.parent)
    return copied


class _Copying:
    def __init__(self, source: apsw.Connection, target: Path) -> None:
        with translated(target):
            self._target = target
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            self._copy = apsw.Connection(str(target))
            self._backup = self._copy.backup("main", source, "main")
        self.pages = self.done = 0
        self._at_once = STEP_PAGES

    def step(self) -> bool:
        with translated(self._target):
            self._backup.step(self._at_once)
        grown = self._backup.page_count - self.pages if self.pages else 0
        # Twice what came since the step before: a store that grows quickly must not outrun its copy.
        self._at_once = max(STEP_PAGES, 2 * grown)
        self.pages = self._backup.page_count
        self.done = self.pages - self._backup.remaining
        return bool(self._backup.done)

    def close(self) -> None:
        with suppress(apsw.Error):  # of a step that failed, which has been told
            self._backup.finish()
        self._copy.close()


def _finished(path: Path) -> Copied:
    """Mark it as closed, for it is whole without a log, and read all of it once."""
    with translated(path):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.execute("PRAGMA synchronous = FULL").fetchall()
            connection.execute("UPDATE state SET value = 1 WHERE name = 'closed_cleanly'").fetchall()
            copied = _checked(connection, path)
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        finally:
            connection.close()
    return copied


def look_at(path: Path) -> Copied:
    """Read the whole of a copy. Raises StorageDamaged for one that is not to be trusted."""
    with translated(path):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return _checked(connection, path)
        finally:
            connection.close()


def _checked(connection: apsw.Connection, path: Path) -> Copied:
    if connection.pragma("application_id") != APPLICATION_ID:
        raise StorageDamaged("This is not a file of the relay.", where=str(path))
    found = connection.execute("PRAGMA integrity_check(1)").get
    if found != _WHOLE:
        raise StorageDamaged(
            f"The copy is damaged ({found}).",
            where=str(path),
            hint="Take another copy; if that one is damaged too, the store is: see docs/relay-operations.md.",
        )
    position = connection.execute("SELECT coalesce(max(position), 0) FROM batches").get
    return Copied(int(position), int(connection.pragma("user_version")))


def _remove(path: Path) -> None:
    for file in (
        path,
        log_of(path),
        path.with_name(f"{path.name}-shm"),
        path.with_name(f"{path.name}-journal"),
    ):
        file.unlink(missing_ok=True)
