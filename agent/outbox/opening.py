"""Opening the outbox file: create, lock, recognise, check, bring forward. A file that is refused stays as it was."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw
import structlog

from agent.errors import GroundwireError, StorageDamaged, VersionMismatch
from agent.outbox.database import PAGE_BYTES, Database, wal_of
from agent.outbox.faults import close_quietly, translate
from agent.outbox.limits import WHOLE_CHECK_BYTES, MiB

log = structlog.get_logger(__name__)

APPLICATION_ID: Final = 0x47575242  # "GWRB"
MIGRATIONS: Final = tuple(
    Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("schema.sql", "schema_2.sql")
)

CACHE_BYTES: Final = 4 * MiB  # payloads are written and read once, so a larger cache only costs memory
WAL_KEPT_BYTES: Final = 64 * MiB  # a log left larger by a burst is cut back to this

# Read at opening whatever the size of the file; `payload` and `segment` are checked row by row as they are read.
CHECKED_TABLES: Final = ("state", "stream", "batch", "run", "command")


def open_database(
    path: Path,
    *,
    wal_bytes: int,
    vfs: str | None = None,
    migrations: Sequence[str] = MIGRATIONS,
) -> Database:
    if not path.exists():
        _create(path, migrations[:1])
    elif path.stat().st_size == 0:
        raise StorageDamaged("The outbox file is empty; a new one never is", where=str(path))
    try:
        _refuse_lost_wal(path, vfs)
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
    except apsw.Error as error:
        raise translate(error, path) from error
    try:
        _lock(connection)
        _recognise(connection, path, newest=len(migrations))
        _check(connection, path)
        _prepare(connection, migrations)
    except apsw.Error as error:
        close_quietly(connection, keep_wal=True)
        raise translate(error, path) from error
    except GroundwireError:
        close_quietly(connection, keep_wal=True)
        raise
    return Database(connection, path, wal_bytes=wal_bytes)


def _create(path: Path, first: Sequence[str]) -> None:
    """Build the file aside and move it into place, so that a file under its name is always a whole one."""
    if wal_of(path).exists():
        raise StorageDamaged("The outbox file is gone, but its write-ahead log is there", where=str(path))
    draft = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in (draft, wal_of(draft), draft.with_name(draft.name + "-journal")):
            leftover.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = apsw.Connection(str(draft))
        try:
            # Set before the first page is written; neither can be changed cheaply afterwards.
            connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("PRAGMA synchronous=FULL")
            _migrate(connection, first)
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()
        draft.replace(path)
        _sync_folder(path.parent)
    except (apsw.Error, OSError) as error:
        raise translate(error, path) from error


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuse_lost_wal(path: Path, vfs: str | None) -> None:
    """Done on the bare file: a connection that may write makes an empty log, which the next start would trust."""
    if wal_of(path).exists():
        return
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    try:
        with closing(
            apsw.Connection(f"{path.absolute().as_uri()}?immutable=1", flags=flags, vfs=vfs)
        ) as bare:
            clean = bare.execute("SELECT value FROM state WHERE name = 'closed_cleanly'").get
    except (apsw.NotADBError, apsw.CorruptError, apsw.SQLError):
        return  # what is wrong with it is said by those who recognise and check it
    if clean == 1 or wal_of(path).exists():
        return
    raise StorageDamaged(
        f"The write-ahead log {wal_of(path).name} is missing, and the outbox was not closed when it was last used",
        where=str(path),
        hint="Put the log back beside the file. If it is lost, move the file away and start again: a full re-sync"
        " rebuilds what was lost.",
    )


def _lock(connection: apsw.Connection) -> None:
    # Before the first read: then the log needs no shared memory, and no second process can ever get in.
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute("PRAGMA cell_size_check=ON")
    connection.execute(f"PRAGMA cache_size=-{CACHE_BYTES // 1024}")
    connection.execute(f"PRAGMA journal_size_limit={WAL_KEPT_BYTES}")
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.wal_autocheckpoint(0)
    connection.pragma("schema_version")


def _recognise(connection: apsw.Connection, path: Path, *, newest: int) -> None:
    if connection.pragma("application_id") != APPLICATION_ID:
        raise StorageDamaged("This is not an outbox file", where=str(path))
    version = connection.pragma("user_version")
    if version > newest:
        raise VersionMismatch(
            f"The outbox file has version {version}; this program knows versions up to {newest}",
            where=str(path),
            hint="Start the newer program again; the file was left as it is.",
        )


def _check(connection: apsw.Connection, path: Path) -> None:
    """Check the structure within a time that does not grow with the backlog."""
    if path.stat().st_size <= WHOLE_CHECK_BYTES:
        checks = ["PRAGMA quick_check(1)"]
    else:
        checks = [f"PRAGMA quick_check('{table}')" for table in CHECKED_TABLES]
    for check in checks:
        found = connection.execute(check).fetchone()
        if found is None or found[0] != "ok":
            raise StorageDamaged(f"The outbox file is damaged ({found and found[0]})", where=str(path))


def _prepare(connection: apsw.Connection, migrations: Sequence[str]) -> None:
    connection.pragma("journal_mode", "wal")
    _migrate(connection, migrations)
    try:
        connection.execute("UPDATE state SET value = 0 WHERE name = 'closed_cleanly'")
        # Into the file itself: the mark must be seen when the log is lost.
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.FullError:
        # Without the mark a lost log goes unnoticed; but an outbox that opens can be sent and pruned.
        log.warning("outbox_opened_on_full_disk")


def _migrate(connection: apsw.Connection, migrations: Sequence[str]) -> None:
    """Bring the file forward, one version per transaction."""
    for version, script in enumerate(migrations, start=1):
        if connection.pragma("user_version") >= version:
            continue
        with connection:
            connection.execute(script)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={version}")
