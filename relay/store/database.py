"""One SQLite file, one connection, one thread of its own.

SQLite calls block (a commit waits for the disk), so they run on the file's own thread. A write that was begun runs
to its end even when its caller is cancelled: nobody may be told less than what is on the disk.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Final, TypeVar

import apsw

from agent.errors import (
    AlreadyRunning,
    GroundwireError,
    StorageDamaged,
    StorageFull,
    VersionMismatch,
)

T = TypeVar("T")

APPLICATION_ID: Final = 0x47575231  # "GWR1": tells our files from any other SQLite file
CACHE_KIB: Final = 32 * 1024  # of pages per connection
CHECKPOINT_PAGES: Final = (
    4_000  # 16 MiB of write-ahead log: few checkpoints under load, a quick start afterwards
)


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file is and how it is kept."""

    schema: str  # resource beside this module
    version: int
    exclusive: bool  # nobody else may open it
    synchronous: str  # FULL where a commit is a promise; NORMAL where the content can be made again


class Database:
    def __init__(self, connection: apsw.Connection, executor: ThreadPoolExecutor, path: Path) -> None:
        self._connection = connection
        self._executor = executor
        self._path = path
        self._broken = False
        self._log_pages = 0
        connection.set_wal_hook(self._note_log)

    @classmethod
    async def open(cls, path: Path, kind: FileKind) -> Database:
        executor = ThreadPoolExecutor(1, thread_name_prefix=path.name)
        loop = asyncio.get_running_loop()
        try:
            connection = await loop.run_in_executor(executor, _open, path, kind)
        except BaseException:
            executor.shutdown()
            raise
        return cls(connection, executor, path)

    async def read(self, work: Callable[[apsw.Connection], T]) -> T:
        return await self._on_thread(work)

    async def write(self, work: Callable[[apsw.Connection], T]) -> T:
        """Run `work` in one transaction; durable on return."""
        return await self._on_thread(partial(self._write, work=work))

    def _write(self, connection: apsw.Connection, work: Callable[[apsw.Connection], T]) -> T:
        if self._broken:
            raise StorageDamaged("The disk failed before; nothing more is written.", where=str(self._path))
        try:
            result = _in_transaction(connection, work)
            self._copy_log(connection)
        except apsw.IOError:
            # After a failed fsync the kernel may have dropped the pages and report success next time.
            self._broken = True
            raise
        return result

    def _note_log(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _copy_log(self, connection: apsw.Connection) -> None:
        """SQLite's own checkpoints hide their errors, so they are off and this is done instead."""
        if self._log_pages >= CHECKPOINT_PAGES:
            connection.wal_checkpoint()
            self._log_pages = 0

    async def _on_thread(self, work: Callable[[apsw.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        call = loop.run_in_executor(self._executor, self._translated, work)
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            await asyncio.wait([call])
            raise

    def _translated(self, work: Callable[[apsw.Connection], T]) -> T:
        with translated(self._path):
            return work(self._connection)

    async def aclose(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._connection.close)
        self._executor.shutdown()


def _in_transaction(connection: apsw.Connection, work: Callable[[apsw.Connection], T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _open(path: Path, kind: FileKind) -> apsw.Connection:
    log = path.with_name(f"{path.name}-wal")
    if not path.exists() and log.exists():
        raise StorageDamaged("The file is gone, and its log is still here.", where=str(path))
    if not path.exists():
        _create(path, kind)
    if path.stat().st_size == 0:
        raise StorageDamaged("The file is empty: its content was lost.", where=str(path))
    return _connect(path, kind)


def _create(path: Path, kind: FileKind) -> None:
    """Made aside and moved into place, so that an empty file under the name is always a loss."""
    aside = path.with_name(f"{path.name}.new")
    for leftover in path.parent.glob(f"{aside.name}*"):
        leftover.unlink()
    _connect(aside, kind).close()
    aside.replace(path)
    if os.name == "posix":  # elsewhere a folder cannot be synced
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _connect(path: Path, kind: FileKind) -> apsw.Connection:
    with translated(path):
        connection = apsw.Connection(str(path))
        try:
            _prepare(connection, path, kind)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: apsw.Connection, path: Path, kind: FileKind) -> None:
    connection.set_busy_timeout(0 if kind.exclusive else 5_000)
    if kind.exclusive:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {kind.synchronous}")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA foreign_keys = ON")
    _in_transaction(connection, partial(_migrate, path=path, kind=kind))


def _migrate(connection: apsw.Connection, path: Path, kind: FileKind) -> None:
    application = connection.pragma("application_id")
    version = connection.pragma("user_version")
    empty = connection.execute("SELECT count(*) FROM sqlite_schema").get == 0
    if empty:
        connection.execute(files("relay.store").joinpath(kind.schema).read_text("utf-8"))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {kind.version}")
    elif application != APPLICATION_ID:
        raise StorageDamaged("This is not a file of the relay.", where=str(path))
    elif version != kind.version:
        raise VersionMismatch(
            f"The file has format {version}, this relay reads {kind.version}.", where=str(path)
        )


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Foreign errors become ours here and nowhere else."""
    where = str(path)
    try:
        yield
    except GroundwireError:
        raise
    except (apsw.BusyError, apsw.LockedError) as error:
        raise AlreadyRunning(
            "Another process holds this relay's folder.",
            where=where,
            hint="A running relay gives enrolment codes by its API (POST /api/v1/enrolment-codes); for anything else stop it first.",
        ) from error
    except apsw.FullError as error:
        raise StorageFull("The disk that holds the relay's folder is full.", where=where) from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise StorageDamaged("The file cannot be trusted.", where=where) from error
    except apsw.CantOpenError as error:
        raise StorageDamaged(
            "The file cannot be opened.", where=where, hint="Check that the folder exists and may be written."
        ) from error
    except apsw.IOError as error:
        raise StorageDamaged("The disk failed to read or write.", where=where) from error
