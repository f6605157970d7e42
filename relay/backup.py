"""A relay's backup: its store and what else it needs to be the same relay to its agents, and the way back."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from agent.clock import Clock
from agent.errors import ConfigurationError, NotPermitted, StorageDamaged, VersionMismatch
from agent.model.run import rfc3339
from relay.installed import as_owner_of, let_owner_read
from relay.settings import RelaySettings, load_settings
from relay.store.copying import Copied, Progress, copy_store, look_at, nobody_watches
from relay.store.opening import log_of, sync_folder
from relay.store.sqlite import STORE_FILE, SqliteStore
from relay.store.storage import restored_beside

CONFIG: Final = "relay.toml"
STORE: Final = "relay.db"
MANIFEST: Final = "backup.json"
AUTHORITY: Final = "ca.pem"
FILES: Final = "files"  # the folder's other files, under their paths in the relay's folder
DATA_FILES: Final = "data-files"  # those of the data folder, where it lies elsewhere
FORM: Final = 1
Opening = Callable[[Path], int]


@dataclass(frozen=True, slots=True)
class BackedUp:
    folder: Path
    position: int  # of the last batch in it
    left_out: tuple[str, ...] = ()  # files that the settings name outside of the relay's folder


@dataclass(frozen=True, slots=True)
class Restored:
    store: Path
    position: int
    taken_at: str
    moved_away: Path | None = None  # what was in the store's place


async def back_up(
    store: SqliteStore, config: Path, target: Path, *, clock: Clock, progress: Progress = nobody_watches
) -> BackedUp:
    """Write a new folder. Agents and readers go on meanwhile; what is acked before it begins is in it."""
    settings = load_settings(config)
    with _told(target):
        await asyncio.to_thread(_make, target)
        try:
            started = clock.utcnow()
            copied = await copy_store(store.database, target / STORE, progress)
            left_out = await asyncio.to_thread(_add_files, settings, config, target)
            _write_private(target / MANIFEST, _manifest(copied, started, left_out))
            sync_folder(target)
        except BaseException:
            # Half a backup is none, and its name is wanted for the next attempt.
            shutil.rmtree(target, ignore_errors=True)
            raise
    return BackedUp(target, copied.position, left_out)


def _make(target: Path) -> None:
    if target.exists():
        raise ConfigurationError(
            "There is something of this name already.", where=str(target), hint="Name a new folder."
        )
    target.mkdir(mode=0o700, parents=True)


def _add_files(settings: RelaySettings, config: Path, target: Path) -> tuple[str, ...]:
    kept, left_out = _sorted_files(settings, config)
    for name, path in kept.items():
        _copy_private(path, target / name)
    _copy_private(config, target / CONFIG)
    return left_out


def restore(backup: Path, folder: Path, *, now: datetime, replace: bool = False) -> Restored:
    """Put a backup's store into a relay's folder, and its other files where they are missing. The relay must not run."""
    manifest = read_manifest(backup)
    with _told(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        put = _put_missing({folder / CONFIG: backup / CONFIG}, _opened)
        settings = load_settings(folder / CONFIG)
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = _files_below(backup / FILES, folder) | _files_below(backup / DATA_FILES, settings.data)
        of_data = {path: kept for path, kept in files.items() if path.is_relative_to(settings.data)}
        others = {path: kept for path, kept in files.items() if path not in of_data}
        put += _put_missing(others, partial(_opened_by_owner, settings.data))
        let_owner_read(put, settings.data)
    with _told(settings.data), as_owner_of(settings.data):
        _put_missing(of_data, _opened)
        arrived = restored_beside(settings.store_path)
        _copy_private(backup / STORE, arrived, _opened)
        copied = look_at(arrived)
        if copied.version > STORE_FILE.version:
            raise VersionMismatch(
                f"The backup has format {copied.version}, this relay reads {STORE_FILE.version}.",
                where=str(backup),
            )
        moved = _clear(settings, now, replace=replace)
        arrived.replace(settings.store_path)
        sync_folder(settings.data)
    return Restored(settings.store_path, copied.position, str(manifest.get("startedAt", "")), moved)


def read_manifest(backup: Path) -> Mapping[str, Any]:
    try:
        found = json.loads((backup / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StorageDamaged(
            "This is no complete backup of a relay: its backup.json is missing or cannot be read.",
            where=str(backup),
            hint="Name the folder that `groundwire relay backup` wrote.",
        ) from error
    if not isinstance(found, dict) or found.get("form") != FORM:
        raise VersionMismatch("The backup is of another version.", where=str(backup))
    return found


def _manifest(copied: Copied, started: datetime, left_out: Iterable[str]) -> bytes:
    told = {
        "form": FORM,
        "startedAt": rfc3339(started),
        "position": copied.position,
        "storeVersion": copied.version,
        "leftOut": list(left_out),
    }
    return json.dumps(told, indent=1).encode() + b"\n"


def _sorted_files(settings: RelaySettings, config: Path) -> tuple[dict[str, Path], tuple[str, ...]]:
    """By their paths in a backup those that lie in the relay's folder or its data folder, and those that do not."""
    places = {FILES: config.parent.resolve(), DATA_FILES: settings.data.resolve()}
    named = [
        path for tls in (settings.gateway.tls, settings.api.tls) if tls for path in (tls.certificate, tls.key)
    ]
    named += [path for path in (places[FILES] / AUTHORITY, settings.webhook_key_path) if path.exists()]
    kept, left_out = {}, []
    for path in dict.fromkeys(named):
        whole = path.resolve()
        place = next((name for name, base in places.items() if whole.is_relative_to(base)), None)
        if place is None:
            left_out.append(str(path))
        else:
            kept[f"{place}/{whole.relative_to(places[place])}"] = whole
    return kept, tuple(left_out)


def _files_below(kept: Path, folder: Path) -> dict[Path, Path]:
    """Where each kept file goes, and where it is."""
    return {folder / path.relative_to(kept): path for path in sorted(kept.rglob("*")) if path.is_file()}


def _put_missing(files: Mapping[Path, Path], opened: Opening) -> list[Path]:
    """Files that are there stay as they are: they may be newer, such as a certificate."""
    missing = [target for target in files if not target.exists()]
    for target in missing:
        _copy_private(files[target], target, opened)
    return missing


def _opened(path: Path) -> int:
    """A file of a backup. Whoever can write there may have put a link to what only the reader can read."""
    return os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))


def _opened_by_owner(data: Path, path: Path) -> int:
    """Root's backups are written as the data folder's owner, who may have put links in the place of folders too."""
    with as_owner_of(data):
        return _opened(path)


def _clear(settings: RelaySettings, now: datetime, *, replace: bool) -> Path | None:
    """Move an older store aside with its log, each of which is worth nothing without the other."""
    store = settings.store_path
    there = [path for path in (store, log_of(store)) if path.exists()]
    moved = None
    if there:
        if not replace:
            raise ConfigurationError(
                "There is a store here already.",
                where=str(store),
                hint="With --replace it is moved aside, and what came to it behind the backup is asked for again.",
            )
        moved = _parted_from(settings, there) or settings.data / f"replaced-{now:%Y%m%dT%H%M%S}"
        moved.mkdir(mode=0o700, exist_ok=True)
        for path in there:
            path.replace(moved / path.name)
    index = settings.index_path
    for path in (index, log_of(index), index.with_name(f"{index.name}-shm")):
        path.unlink(missing_ok=True)
    return moved


def _parted_from(settings: RelaySettings, there: Iterable[Path]) -> Path | None:
    """Where the store is whose log alone is left, because the restore before this one was cut off."""
    if list(there) != [log_of(settings.store_path)]:
        return None
    aside = sorted(settings.data.glob("replaced-*"), reverse=True)
    return next((one for one in aside if not (one / log_of(settings.store_path).name).exists()), None)


def _copy_private(source: Path, target: Path, opened: Opening | None = None) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(source if opened is None else opened(source), "rb") as reading:  # noqa: PTH123 - of a number too
        flags = (
            os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        )
        handle = os.open(target, flags, 0o600)
        with os.fdopen(handle, "wb") as writing:
            shutil.copyfileobj(reading, writing, 1024 * 1024)
            writing.flush()
            os.fsync(writing.fileno())


def _write_private(target: Path, content: bytes) -> None:
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as writing:
        writing.write(content)
        writing.flush()
        os.fsync(writing.fileno())


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotPermitted(
            f"A file cannot be read or written ({error}).",
            where=str(folder),
            hint="Check that the folder can be written, and that there is room.",
        ) from error
