"""A copy of the state folder that an older version can open, and the way back to it. Blocking.

The copy lies in the state folder itself: its owner, its mode and its disk are those of the agent's own files. It is
taken while no agent runs: what a command had done behind a copy would be done again by whoever goes on from it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import apsw

from agent.audit.folder import FOLDER as AUDIT_FOLDER
from agent.errors import ConfigurationError, GroundwireError, NotPermitted, StorageFull, VersionMismatch
from agent.identity import IDENTITY_FILE, PENDING_FILE
from agent.outbox.faults import translate
from agent.outbox.limits import OUTBOX_FILE, MiB
from agent.upgrade.kinds import newer_files
from agent.upgrade.plain import copy_plain, is_plain_database, read_plain, sync_plain

COPY: Final = "before-upgrade"
ASIDE: Final = "behind-upgrade"  # what the newer version had written in the place of what was put back
KEPT: Final = (
    *(IDENTITY_FILE, PENDING_FILE, AUDIT_FOLDER, "mappings", "columns", "refused.json", "console.password"),
    *("vault.json", "vault.generation"),
)
_FULL: Final = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
ROOM_BYTES: Final = 64 * MiB  # that is to be left on the disk behind the copy


def copy_state(state_dir: Path) -> int:
    """Replace the copy of before; the bytes of the new one. Raises StorageFull, AlreadyRunning, NotPermitted."""
    draft, target = state_dir / f"{COPY}.new", state_dir / COPY
    with acting_as_owner(state_dir), _told(state_dir):
        shutil.rmtree(draft, ignore_errors=True)
        needed = sum(path.stat().st_size for path in _files(state_dir))
        free = shutil.disk_usage(state_dir).free
        if free < needed + ROOM_BYTES:
            raise StorageFull(
                f"the copy of the state takes {needed // MiB} MiB, of which {ROOM_BYTES // MiB} more are to stay"
                f" free, and {free // MiB} MiB are",
                where=str(state_dir),
                hint="Make room on the disk, or let the agent empty its outbox first.",
            )
        draft.mkdir(mode=0o700)
        _copy_outbox(state_dir / OUTBOX_FILE, draft / OUTBOX_FILE)
        for name in KEPT:
            _copy(state_dir / name, draft / name)
        sync_plain(draft)
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)
        return sum(path.stat().st_size for path in target.rglob("*") if path.is_file())


def put_back_what_is_newer(state_dir: Path) -> tuple[str, ...]:
    """Of the files that this program cannot read the copies; all others stay as the newer version left them.

    The identity keeps the newest epoch: the relay refuses an older one, and nothing else in it ever changes.
    Returns the kinds that were put back.
    """
    with acting_as_owner(state_dir), _told(state_dir):
        _finish_cut(state_dir)
        newer = newer_files(state_dir)
        for name in dict.fromkeys(_unit(one.path, state_dir) for one in newer):
            _swap(state_dir, name)
    return tuple(dict.fromkeys(one.kind for one in newer))


def forget_copy(state_dir: Path) -> None:
    with acting_as_owner(state_dir), _told(state_dir):
        for name in (COPY, f"{COPY}.new"):
            shutil.rmtree(state_dir / name, ignore_errors=True)


def _files(state_dir: Path) -> Iterator[Path]:
    for name in (OUTBOX_FILE, f"{OUTBOX_FILE}-wal", *KEPT):
        path = state_dir / name
        yield from (
            (one for one in path.rglob("*") if one.is_file())
            if path.is_dir()
            else ((path,) if path.is_file() else ())
        )


def _copy_outbox(source: Path, target: Path) -> None:
    if not source.exists():
        return
    _want_plain(source)
    try:
        with closing(apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE)) as held:
            held.execute("PRAGMA locking_mode=EXCLUSIVE")
            held.pragma("schema_version")  # holds it from here on: no agent runs, and none starts meanwhile
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            with closing(apsw.Connection(str(target))) as copy:
                with copy.backup("main", held, "main") as backup:
                    while not backup.done:
                        backup.step(1024)
                copy.execute("UPDATE state SET value = 1 WHERE name = 'closed_cleanly'")
                copy.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.Error as error:
        raise translate(error, source) from error


def _copy(source: Path, target: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True, copy_function=copy_plain)
    else:
        copy_plain(source, target)


def _unit(path: Path, state_dir: Path) -> str:
    """What is put back together: the audit log is one chain over its files, all others stand alone."""
    name = path.relative_to(state_dir)
    return AUDIT_FOLDER if name.parts[0] == AUDIT_FOLDER else str(name)


def _swap(state_dir: Path, name: str) -> None:
    kept, here, aside = state_dir / COPY / name, state_dir / name, state_dir / ASIDE / name
    if not kept.exists():
        raise ConfigurationError(
            "a newer version wrote this, and there is no copy of it from before",
            where=str(here),
            hint="Install the newer version again; it goes on where it was.",
        )
    aside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove(aside)
    epoch = _epoch_of(here) if name == IDENTITY_FILE else 0
    draft = _draft_of(here)
    _remove(draft)
    _copy(kept, draft)
    if epoch:
        _raise_epoch(draft, epoch)
    if name == OUTBOX_FILE:
        _carry_commands(here, draft)
    sync_plain(draft)
    for end in ("-wal", "-shm") if name == OUTBOX_FILE else ():
        with contextlib.suppress(FileNotFoundError):
            here.with_name(f"{here.name}{end}").replace(aside.with_name(f"{aside.name}{end}"))
    here.replace(aside)
    draft.replace(here)
    _sync_folder(state_dir)


def _draft_of(here: Path) -> Path:
    return here.with_name(f"{here.name}.back")


def _finish_cut(state_dir: Path) -> None:
    """A swap that was cut between its two renames: without its file the agent would begin with an empty one."""
    copy = state_dir / COPY
    for kept in copy.rglob("*"):
        here = state_dir / kept.relative_to(copy)
        draft = _draft_of(here)
        if not os.path.lexists(here) and os.path.lexists(draft):
            draft.replace(here)
            _sync_folder(here.parent)


def _carry_commands(newer: Path, older: Path) -> None:
    """What the newer version did of commands is known to the older outbox too: the relay may ask again.

    Every version keeps the columns of the first one in that table, so that an older one can read them.
    """
    _want_plain(newer)
    try:
        with closing(apsw.Connection(str(older))) as target:
            target.execute("ATTACH ? AS newer", (str(newer),))
            columns = [row[1] for row in target.execute("PRAGMA main.table_info(command)")]
            names = ", ".join(columns)
            target.execute(f"INSERT OR REPLACE INTO command ({names}) SELECT {names} FROM newer.command")  # noqa: S608 - our own names
            target.execute("DETACH newer")
            target.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.Error as error:
        raise VersionMismatch(
            f"what the newer version did of commands cannot be carried over ({error}), and a write could be done twice",
            where=str(newer),
            hint="Install the newer version again; it goes on where it was.",
        ) from error


def _want_plain(outbox: Path) -> None:
    if not is_plain_database(outbox):
        raise ConfigurationError(
            "the outbox, or what SQLite keeps beside it, is no plain file",
            where=str(outbox),
            hint="Look who put it there: the agent makes no links, pipes or devices. Move it away, and ask again.",
        )


def _epoch_of(path: Path) -> int:
    """Also of a form that is not known: `epoch` stays in it for ever."""
    with contextlib.suppress(ValueError, TypeError, AttributeError):
        found = json.loads(read_plain(path) or b"{}").get("epoch")
        return found if type(found) is int else 0
    return 0


def _raise_epoch(path: Path, epoch: int) -> None:
    document = json.loads(path.read_bytes())
    document["epoch"] = max(epoch, document["epoch"])
    path.write_text(json.dumps(document, indent=2))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":  # elsewhere a rename is journaled, and a folder cannot be opened
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def acting_as_owner(folder: Path) -> Iterator[None]:
    """Root becomes the agent's user for it: files are made as the agent's own, and no link leads root elsewhere."""
    if sys.platform == "win32" or os.geteuid() != 0:
        yield
        return
    owner = folder.stat()
    group, groups = os.getegid(), os.getgroups()
    os.setgroups([owner.st_gid])
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except GroundwireError:
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(where=str(folder)) from error
        raise NotPermitted(
            f"the state cannot be copied: {error.strerror or 'unknown fault'}",
            where=str(error.filename or folder),
            hint="Run the command as root or as the agent's user.",
        ) from error
