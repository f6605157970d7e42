"""The versions of mappings that were changed at run time: one file for each connection, in the state folder.

Version 0 is the connection file alone. Each version holds what it changed and the whole overlay after it, so that any
of them can be put in force again without the ones before it.

The file has two lines: what it is, with a checksum of the second, and the versions. What was altered is refused, and
never taken for other changes or for none: they may be what keeps a column at this host.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from agent.audit.trail import Actor, Origin
from agent.errors import StorageDamaged, StorageFull, VersionMismatch
from agent.mapping.overlay import (
    ABSENT,
    Change,
    Overlay,
    canonical,
    changes_between,
    from_plain,
    overlay_of,
    overlay_to_plain,
    same,
    to_plain,
    value_at,
)
from agent.mapping.overlay import Path as Place
from agent.model.run import rfc3339
from agent.vault.files import SYSTEM_DISK, Disk, read_private, replace_private

FOLDER: Final = "mappings"
FORMAT: Final = 1
MAX_VERSIONS: Final = 1_000  # of one stream; then the oldest go
MAX_FILE_BYTES: Final = 8 * 1024 * 1024  # and beyond this; half of what is read
MAX_OVERLAY_BYTES: Final = 256 * 1024  # of one stream; the mapping of a thousand fields is about 50 KiB
MAX_NOTE_CHARS: Final = 1_000
STAMP_DIGITS: Final = 16
NOTHING: Final = Overlay()


@dataclass(frozen=True, slots=True)
class Version:
    number: int
    at: datetime
    actor: Actor
    changes: tuple[Change, ...]
    overlay: Overlay
    note: str = ""
    command: str = ""  # that asked for it; empty: nobody at the relay
    covered: Mapping[Place, str] = field(
        default_factory=dict
    )  # what the file said there then, see `stamp_of`

    def to_document(self) -> dict[str, Any]:
        """As people and the relay see it."""
        return {
            "version": self.number,
            "at": rfc3339(self.at),
            "origin": self.actor.origin.value,
            "name": self.actor.name,
            "note": self.note,
            "changes": to_plain(self.changes),
        }


@dataclass(frozen=True, slots=True)
class History:
    """Of one stream, oldest first; without versions the file alone is in force."""

    versions: tuple[Version, ...] = ()

    @property
    def number(self) -> int:
        """Of the version in force."""
        return self.versions[-1].number if self.versions else 0

    @property
    def overlay(self) -> Overlay:
        return self.versions[-1].overlay if self.versions else NOTHING

    def overlay_at(self, number: int) -> Overlay | None:
        """None: no such version is kept."""
        if number == 0:
            return NOTHING
        return next((one.overlay for one in self.versions if one.number == number), None)

    def next(
        self,
        base: Mapping[str, Any],
        overlay: Overlay,
        *,
        at: datetime,
        actor: Actor,
        note: str = "",
        command: str = "",
    ) -> Version:
        """`base` is what the file says now."""
        changes = changes_between(self.overlay, overlay)
        covered = {path: self._covered(base, path, value) for path, value in overlay.entries.items()}
        return Version(self.number + 1, at, actor, changes, overlay, note[:MAX_NOTE_CHARS], command, covered)

    def _covered(self, base: Mapping[str, Any], path: Place, value: Any) -> str:
        """Of a place that is as it was, the file's old word: nobody has looked at the new one."""
        before = self.versions[-1].covered.get(path) if self.versions else None
        if before is not None and same(self.overlay.entries.get(path, ABSENT), value):
            return before
        return stamp_of(base, path)

    def edited(self, base: Mapping[str, Any]) -> tuple[Place, ...]:
        """Places that were edited in the file since, without effect: what was changed at run time covers them."""
        covered = self.versions[-1].covered if self.versions else {}
        return tuple(path for path, stamp in covered.items() if stamp_of(base, path) != stamp)


def stamp_of(base: Mapping[str, Any], path: Place) -> str:
    """Stands for what a file says at a place; empty: nothing."""
    value = value_at(base, path)
    return "" if value is ABSENT else hashlib.sha256(canonical(value).encode()).hexdigest()[:STAMP_DIGITS]


@dataclass(slots=True)
class VersionStore:
    """Whoever writes holds the state folder: the running agent, or a command while none runs."""

    state_dir: Path
    disk: Disk = SYSTEM_DISK
    _known: dict[str, tuple[object, Mapping[str, History]]] = field(default_factory=dict)

    def history(self, connection: str, stream: str) -> History:
        """Raises StorageDamaged, VersionMismatch or ConfigurationError for a file that cannot be trusted."""
        return self._read(connection).get(stream, History())

    def add(self, connection: str, stream: str, version: Version) -> None:
        """Durable when it returns; the version before stays where it cannot be written."""
        histories = dict(self._read(connection))
        versions = (*histories.get(stream, History()).versions, version)[-MAX_VERSIONS:]
        histories[stream] = History(versions)
        raw = _content(connection, histories)
        while len(raw) > MAX_FILE_BYTES:
            histories = _without_the_oldest(histories, self._path(connection))
            raw = _content(connection, histories)
        replace_private(self._path(connection), raw, disk=self.disk)
        self._known.pop(connection, None)

    def _read(self, connection: str) -> Mapping[str, History]:
        path = self._path(connection)
        stamp = _stamp(path)
        known = self._known.get(connection)
        if known is not None and known[0] == stamp:
            return known[1]
        raw = read_private(path)
        histories = {} if raw is None else _histories(raw, connection, path)
        self._known[connection] = (stamp, histories)
        return histories

    def _path(self, connection: str) -> Path:
        return self.state_dir / FOLDER / f"{connection}.json"


def _stamp(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _without_the_oldest(histories: Mapping[str, History], path: Path) -> dict[str, History]:
    """Drop a tenth of the longest history; the version in force always stays."""
    longest = max(histories, key=lambda name: len(histories[name].versions))
    versions = histories[longest].versions
    if len(versions) == 1:
        raise StorageFull(
            "the changes of this connection's mappings are too large to be kept",
            where=str(path),
            hint="Take them into the connection file: `groundwire mapping export`, then `adopt`.",
        )
    dropped = max(1, min(len(versions) // 10, len(versions) - 1))
    return {**histories, longest: History(versions[dropped:])}


def _content(connection: str, histories: Mapping[str, History]) -> bytes:
    body = orjson.dumps(
        {name: [_version_out(one) for one in history.versions] for name, history in histories.items()}
    )
    head = {"format": FORMAT, "connection": connection, "sha256": hashlib.sha256(body).hexdigest()}
    return orjson.dumps(head) + b"\n" + body + b"\n"


def _version_out(version: Version) -> dict[str, Any]:
    return {
        **version.to_document(),
        "command": version.command,
        "overlay": overlay_to_plain(version.overlay),
        "covered": [{"path": list(path), "stamp": stamp} for path, stamp in version.covered.items()],
    }


def _histories(raw: bytes, connection: str, path: Path) -> dict[str, History]:
    try:
        first, _, body = raw.partition(b"\n")
        head = orjson.loads(first)
        if head["format"] != FORMAT:
            raise VersionMismatch(
                f"the file has format {head['format']}, this Groundwire knows {FORMAT}",
                where=str(path),
                hint="It is left as it is: run the Groundwire that wrote it, or a newer one.",
            )
        if head["sha256"] != hashlib.sha256(body.removesuffix(b"\n")).hexdigest():
            raise _damaged(path)
        if head["connection"] != connection:
            raise StorageDamaged(
                f"the file holds the changes of another connection: {head['connection']}",
                where=str(path),
                hint=f"Move it away. To bring them over: `groundwire mapping export {head['connection']}/STREAM` where "
                "they are in force, and paste it into this connection's file.",
            )
        return {str(name): History(_versions(versions)) for name, versions in orjson.loads(body).items()}
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> StorageDamaged:
    return StorageDamaged(
        "the changes of this connection's mappings cannot be read",
        where=str(path),
        hint="Put it back from a backup. Moved away, the connection files alone are in force: look first whether "
        "they let travel what was removed at run time.",
    )


def _versions(plain: Sequence[Mapping[str, Any]]) -> tuple[Version, ...]:
    return tuple(
        Version(
            number=int(one["version"]),
            at=datetime.fromisoformat(one["at"]),
            actor=Actor(Origin(one["origin"]), str(one["name"])),
            changes=from_plain(one["changes"]),
            overlay=overlay_of(from_plain(one["overlay"])),
            note=str(one["note"]),
            command=str(one["command"]),
            covered={tuple(map(str, held["path"])): str(held["stamp"]) for held in one["covered"]},
        )
        for one in plain
    )
