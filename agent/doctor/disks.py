"""Whether the disk of the state folder has room, takes writes, and is one that can be trusted with an outbox."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Final

from agent.beside import beside
from agent.doctor.check import Check, Known, Told
from agent.doctor.installation import Installation
from agent.findings import Level
from agent.outbox.limits import RESERVE_BYTES, MiB

TRIAL_BYTES: Final = 64 * 1024  # of a nameless file, which is gone as soon as it is there
LEAST_INODES: Final = 1_000
_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "9p", "fuse.sshfs", "glusterfs"}
)
_VOLATILE: Final = frozenset({"tmpfs", "ramfs"})

KNOWN: Final = (
    Known(
        "disk.full",
        Level.PROBLEM,
        "There is no room left for the state folder",
        "Make room on this disk: nothing that is stored is lost, and reading goes on by itself.",
    ),
    Known(
        "disk.low",
        Level.WARNING,
        "There is less room than the outbox may need while the relay is away",
        "Make room, or lower [outbox] high_water in agent.toml to what there is.",
    ),
    Known(
        "disk.quota",
        Level.PROBLEM,
        "The quota of the agent's user, or of the folder, is used up",
        "Have the quota raised, or let the state folder lie where there is none.",
    ),
    Known(
        "disk.inodes",
        Level.PROBLEM,
        "The file system can take no more files, though there may be room",
        "Delete files that are not needed (`df -i` shows which file system, mostly many small files of a cache).",
    ),
    Known(
        "disk.read_only",
        Level.PROBLEM,
        "The file system is mounted read-only: by whoever set it up, or by the kernel after errors of the disk",
        "Look at `dmesg` for errors of the disk; then mount it for writing again.",
    ),
    Known(
        "disk.no_access",
        Level.PROBLEM,
        "The user who runs this may not write in the state folder",
        "Run it as the agent's user or root; if this is the agent's user, give it the folder with `chown`.",
    ),
    Known(
        "disk.failing",
        Level.PROBLEM,
        "The disk answers with errors",
        "Look at `dmesg` and the disk's own health (`smartctl -a`); copy the state folder away before anything else.",
    ),
    Known(
        "disk.network",
        Level.WARNING,
        "The state folder lies on a network file system, on which SQLite's locks and writes are not to be trusted",
        "Let [agent] state_dir be on a disk of this host.",
    ),
    Known(
        "disk.volatile",
        Level.WARNING,
        "The state folder lies in memory, and is gone with the next start of this host: identity, outbox and audit log",
        "Let [agent] state_dir be on a disk.",
    ),
)


async def check_disk(installation: Installation, told: Told) -> None:
    folder = _existing(installation.state_dir)
    if folder is None:
        return
    await beside(lambda: _look(installation, folder, told), name="disk")


def _existing(folder: Path | None) -> Path | None:
    """The folder, or the nearest one above it that is there already."""
    while folder is not None and not folder.is_dir():
        if folder == folder.parent:
            return None
        folder = folder.parent
    return folder


def _look(installation: Installation, folder: Path, told: Told) -> None:
    where = str(installation.state_dir)
    if sys.platform != "win32":
        found = os.statvfs(folder)
        free, inodes = found.f_bavail * found.f_frsize, found.f_favail
        read_only = bool(found.f_flag & os.ST_RDONLY)
        _judge_kind(installation, folder, told)
        if read_only:
            told.found(
                "read_only",
                where,
                "the file system is mounted read-only",
                evidence=_kind_of(installation, folder),
            )
            return
        if found.f_files and inodes < LEAST_INODES:
            told.found("inodes", where, f"room for {inodes} more files", evidence=f"of {found.f_files}")
        _heed_the_agent(installation, where, told)
        if not _try_write(folder, where, f"{_size(free)} free", told):
            return
        _judge_room(installation, free, where, told)


def _heed_the_agent(installation: Installation, where: str, told: Told) -> None:
    """Room that it gave back for emptying the outbox looks like room, and is none for what is new."""
    streams = [
        (f"{connection.get('name')}/{stream.get('name')}", stream.get("error") or {})
        for connection in (installation.status or {}).get("connections") or []
        for stream in connection.get("streams") or []
    ]
    for name, error in streams:
        if error.get("code") == "storage_full":
            told.found(
                "full",
                where,
                f"the running agent finds no room for {name}",
                evidence=error.get("message", ""),
            )
            return


def _judge_room(installation: Installation, free: int, where: str, told: Told) -> None:
    settings = installation.settings
    high_water = settings.outbox.high_water if settings is not None else 0
    waiting = int(((installation.status or {}).get("outbox") or {}).get("pending_bytes", 0))
    needed = max(0, high_water - waiting) + RESERVE_BYTES
    evidence = f"{_size(free)} free; up to {_size(needed)} more may have to wait here"
    if free < RESERVE_BYTES:
        told.found("full", where, "there is no room left for what waits", evidence=evidence)
    elif free < needed:
        told.found("low", where, "there is less room than the outbox may need", evidence=evidence)
    else:
        told.fine(where, "there is room", evidence)


def _try_write(folder: Path, where: str, evidence: str, told: Told) -> bool:
    """A file without a name takes room and gives it back: no quota and no full disk shows without one."""
    flag = getattr(os, "O_TMPFILE", None)
    if sys.platform == "win32" or flag is None:
        return True
    try:
        handle = os.open(folder, flag | os.O_RDWR, 0o600)
        try:
            os.posix_fallocate(handle, 0, TRIAL_BYTES)
        finally:
            os.close(handle)
    except OSError as error:
        code = {
            errno.ENOSPC: "full",
            errno.EDQUOT: "quota",
            errno.EROFS: "read_only",
            errno.EACCES: "no_access",
            errno.EPERM: "no_access",
            errno.EIO: "failing",
        }.get(error.errno or 0)
        if code is None:
            return True  # this file system has no nameless files: its figures have to do
        told.found(code, where, f"it cannot be written to: {error.strerror}", evidence=evidence)
        return False
    return True


def _judge_kind(installation: Installation, folder: Path, told: Told) -> None:
    kind = _kind_of(installation, folder)
    name = kind.partition(" ")[0]
    if name in _NETWORK:
        told.found("network", str(folder), "the state folder lies on a network file system", evidence=kind)
    elif name in _VOLATILE:
        told.found("volatile", str(folder), "the state folder lies in memory", evidence=kind)


def _kind_of(installation: Installation, folder: Path) -> str:
    """Kind and mount point of its file system, as the kernel lists them."""
    try:
        lines = (installation.root / "proc/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    best = ("", "")
    whole = str(folder.resolve())
    for line in lines:
        words = line.split()
        if len(words) < 3:  # noqa: PLR2004 - device, mount point, kind
            continue
        point = words[1].encode().decode("unicode_escape", "replace")
        inside = whole == point or whole.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best[0]):
            best = (point, words[2])
    return f"{best[1]} at {best[0]}" if best[1] else ""


def _size(value: int) -> str:
    return f"{value / 1024 / MiB:.1f} GiB" if value >= 1024 * MiB else f"{value / MiB:.0f} MiB"


CHECK: Final = Check(
    "disk", "room on the disk of the state folder, and what kind of disk it is", check_disk, KNOWN
)
