"""Opening a file of the relay: create, lock, recognise, check, bring forward. A file that is refused stays as it was."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import apsw
import structlog

from agent.errors import StorageDamaged, VersionMismatch
from relay.store.faults import translated
from relay.store.migrating import Migration

T = TypeVar("T")

log = structlog.get_logger()

APPLICATION_ID: Final = 0x47575231  # "GWR1": tells our files from any other SQLite file
CACHE_KIB: Final = 32 * 1024  # of pages per connection
# Read whole at opening up to here, above it only `FileKind.checked`.
WHOLE_CHECK_BYTES: Final = 64 * 1024 * 1024
BUSY_MILLISECONDS: Final = 5_000  # that the index's reader waits for its writer


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file is and how it is kept."""

    migrations: tuple[Migration, ...]  # the first makes the oldest version that can be brought forward
    checked: tuple[str, ...]  # the tables that are read whole at opening whatever the size of the file
    durable: bool  # a commit is a promise; otherwise the content can be made again
    alone: bool  # no other connection may open it

    @property
    def first(self) -> int:
        return self.migrations[0].number

    @property
    def version(self) -> int:
        return self.migrations[-1].number


def open_file(path: Path, kind: FileKind, vfs: str | None = None) -> apsw.Connection:
    if not path.exists():
        if log_of(path).exists():
            raise StorageDamaged("The file is gone, and its log is still here.", where=str(path))
        _create(path, kind)
    if path.stat().st_size == 0:
        raise StorageDamaged("The file is empty: its content was lost.", where=str(path))
    with translated(path):
        if kind.durable:
            _refuse_lost_log(path, kind, vfs)
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
        try:
            _lock(connection, kind)
            _recognise(connection, path, kind)
            _check(connection, path, kind)
            _prepare(connection, kind)
        except BaseException:
            close_quietly(connection, keep_log=True)
            raise
    return connection


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def close_quietly(connection: apsw.Connection, *, keep_log: bool) -> None:
    """Close; with `keep_log` the file and its log stay byte for byte as they are."""
    with suppress(apsw.Error):
        if keep_log:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.close()


def in_transaction(connection: apsw.Connection, work: Callable[[apsw.Connection], T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        # What stopped the work is what is told, also where the disk takes no rollback either.
        with suppress(apsw.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise
    return result


def _create(path: Path, kind: FileKind) -> None:
    """Made aside and moved into place, so that an empty file under the name is always a loss."""
    aside = path.with_name(f"{path.name}.new")
    with translated(path):
        for leftover in path.parent.glob(f"{aside.name}*"):
            leftover.unlink()
        connection = apsw.Connection(str(aside))
        try:
            connection.execute("PRAGMA synchronous = FULL")
            _migrate(connection, kind)
            connection.execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()
        aside.replace(path)
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be synced
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _refuse_lost_log(path: Path, kind: FileKind, vfs: str | None) -> None:
    """Done on the bare file: a connection that may write makes an empty log, which the next start would trust."""
    if log_of(path).exists():
        return
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    with suppress(
        apsw.NotADBError, apsw.CorruptError, apsw.SQLError
    ):  # told by those who recognise and check it
        with closing(
            apsw.Connection(f"{path.absolute().as_uri()}?immutable=1", flags=flags, vfs=vfs)
        ) as bare:
            if bare.pragma("user_version") == kind.first:
                return  # no mark was kept then
            clean = bare.execute("SELECT value FROM state WHERE name = 'closed_cleanly'").get
        if clean != 1 and not log_of(path).exists():
            raise StorageDamaged(
                f"The write-ahead log {log_of(path).name} is missing, and the file was not closed when it was last used.",
                where=str(path),
                hint="Put the log back beside the file. If it is lost for good, make an empty file of its name: the"
                " relay then goes on from what it has, and the agents send again what they still keep.",
            )


def _lock(connection: apsw.Connection, kind: FileKind) -> None:
    if kind.alone:
        # Before the first read: then no second process can ever get in.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    else:
        connection.set_busy_timeout(BUSY_MILLISECONDS)
    connection.execute(f"PRAGMA synchronous = {'FULL' if kind.durable else 'NORMAL'}")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.wal_autocheckpoint(0)


def _recognise(connection: apsw.Connection, path: Path, kind: FileKind) -> None:
    if connection.pragma("application_id") != APPLICATION_ID:
        raise StorageDamaged("This is not a file of the relay.", where=str(path))
    version = connection.pragma("user_version")
    if version < kind.first or version not in {migration.number for migration in kind.migrations}:
        raise VersionMismatch(
            f"The file has format {version}, this relay reads {kind.version}.", where=str(path)
        )


def _check(connection: apsw.Connection, path: Path, kind: FileKind) -> None:
    """Check the structure within a time that does not grow with the backlog."""
    small = path.stat().st_size <= WHOLE_CHECK_BYTES
    for check in ["1"] if small else [f"'{table}'" for table in kind.checked]:
        found = connection.execute(f"PRAGMA integrity_check({check})").get
        if found != "ok":
            raise StorageDamaged(f"The file is damaged ({found}).", where=str(path))


def _prepare(connection: apsw.Connection, kind: FileKind) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    _migrate(connection, kind)
    if not kind.durable:
        return
    try:
        connection.execute("UPDATE state SET value = 0 WHERE name = 'closed_cleanly'")
        # Into the file itself: the mark must be seen when the log is lost.
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.FullError:
        # Without the mark a lost log goes unnoticed; but what is stored can be read.
        log.warning("store_opened_on_full_disk")


def _migrate(connection: apsw.Connection, kind: FileKind) -> None:
    """Bring the file forward, one version per transaction."""
    for migration in kind.migrations:
        if connection.pragma("user_version") < migration.number:
            in_transaction(connection, partial(_run_script, migration=migration))


def _run_script(connection: apsw.Connection, *, migration: Migration) -> None:
    connection.execute(migration.script)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {migration.number}")
