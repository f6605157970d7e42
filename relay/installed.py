"""A relay that was installed as a service: where its files are, and whose.

Root administers it and its service runs as a user of its own. The configuration is root's and read by the service; the
data folder is the service's. What root does with the store is therefore done as the data folder's owner: a file of
root's among its files would keep the service from starting, and root follows no link that the service left there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

CONFIG: Final = Path("/etc/groundwire-relay")
DATA: Final = Path("/var/lib/groundwire-relay")
_READ_BY_GROUP: Final = 0o640


def data_of(folder: Path, *, config: Path = CONFIG, data: Path = DATA) -> Path:
    """Where the relay of this folder keeps its data: beside its configuration, but for the installed one."""
    return data if folder.absolute() == config and data.is_dir() else Path("data")


@contextmanager
def as_owner_of(data: Path) -> Iterator[None]:
    """What is made inside is read by its owner alone; where root asks for it, that is the user whose folder this is."""
    mask = os.umask(0o077)
    try:
        with _as_user(_other_owner(data)):
            yield
    finally:
        os.umask(mask)


@contextmanager
def _as_user(owner: tuple[int, int] | None) -> Iterator[None]:
    if owner is None:
        yield
        return
    uid, gid = owner
    before = os.getgroups()
    os.setgroups([gid])
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


def let_owner_read(files: Iterable[Path], data: Path) -> None:
    """Root's own files, such as a certificate's key: the service reads them and cannot change them."""
    owner = _other_owner(data)
    if owner is None:
        return
    for path in files:
        os.chown(path, 0, owner[1], follow_symlinks=False)
        path.chmod(_READ_BY_GROUP)


def _other_owner(data: Path) -> tuple[int, int] | None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not data.is_dir():
        return None
    found = data.stat()
    return None if found.st_uid == 0 else (found.st_uid, found.st_gid)
