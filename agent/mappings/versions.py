"""The versions of mappings that were changed at run time: one file for each connection, in the state folder.

Version 0 is the connection file alone. Each version holds what it changed and the whole overlay after it, so that any
of them can be put in force again without the ones before it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from agent.audit.trail import Actor, Origin
from agent.errors import StorageDamaged, StorageFull, VersionMismatch
from agent.mapping.overlay import (
    Change,
    Overlay,
    changes_between,
    from_plain,
    overlay_of,
    overlay_to_plain,
    to_plain,
)
from agent.model.run import rfc3339
from agent.vault.files import read_private, replace_private

FOLDER: Final = "mappings"
FORMAT: Final = 1
MAX_VERSIONS: Final = 1_000  # of one stream; then the oldest go
MAX_FILE_BYTES: Final = 8 * 1024 * 1024  # and beyond this; half of what is read
MAX_OVERLAY_BYTES: Final = 256 * 1024  # of one stream; the mapping of a thousand fields is about 50 KiB
MAX_NOTE_CHARS: Final = 1_000
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
        self, overlay: Overlay, *, at: datetime, actor: Actor, note: str = "", command: str = ""
    ) -> Version:
        changes = changes_between(self.overlay, overlay)
        return Version(self.number + 1, at, actor, changes, overlay, note[:MAX_NOTE_CHARS], command)


@dataclass(slots=True)
class VersionStore:
    """Whoever writes holds the state folder: the running agent, or a command while none runs."""

    state_dir: Path
    _known: dict[str, tuple[object, Mapping[str, History]]] = field(default_factory=dict)

    def history(self, connection: str, stream: str) -> History:
        """Raises StorageDamaged, VersionMismatch or ConfigurationError for a file that cannot be trusted."""
        return self._read(connection).get(stream, History())

    def add(self, connection: str, stream: str, version: Version) -> None:
        """Durable when it returns; the version before stays where it cannot be written."""
        histories = dict(self._read(connection))
        versions = (*histories.get(stream, History()).versions, version)[-MAX_VERSIONS:]
        histories[stream] = History(versions)
        raw = orjson.dumps(_document(histories))
        while len(raw) > MAX_FILE_BYTES:
            histories = _without_the_oldest(histories, self._path(connection))
            raw = orjson.dumps(_document(histories))
        replace_private(self._path(connection), raw)
        self._known.pop(connection, None)

    def _read(self, connection: str) -> Mapping[str, History]:
        path = self._path(connection)
        stamp = _stamp(path)
        known = self._known.get(connection)
        if known is not None and known[0] == stamp:
            return known[1]
        raw = read_private(path)
        histories = {} if raw is None else _histories(raw, path)
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
            "the changes of this connection's mappings are too large to be kept", where=str(path)
        )
    dropped = max(1, min(len(versions) // 10, len(versions) - 1))
    return {**histories, longest: History(versions[dropped:])}


def _document(histories: Mapping[str, History]) -> dict[str, Any]:
    streams = {name: [_version_out(one) for one in history.versions] for name, history in histories.items()}
    return {"format": FORMAT, "streams": streams}


def _version_out(version: Version) -> dict[str, Any]:
    return {
        **version.to_document(),
        "command": version.command,
        "overlay": overlay_to_plain(version.overlay),
    }


def _histories(raw: bytes, path: Path) -> dict[str, History]:
    try:
        body = json.loads(raw)
        if body["format"] != FORMAT:
            raise VersionMismatch(
                f"the file has format {body['format']}, this Groundwire knows {FORMAT}", where=str(path)
            )
        return {str(name): History(_versions(versions)) for name, versions in body["streams"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError) as error:
        raise StorageDamaged(
            "the changes of this connection's mappings cannot be read",
            where=str(path),
            hint="Put it back from a backup. Moved away, the connection files alone are in force: look first whether "
            "they let travel what was removed at run time.",
        ) from error


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
        )
        for one in plain
    )
