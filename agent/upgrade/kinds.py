"""Every kind of file of a state folder that has a version, and what it says; nothing is changed by asking.

What has none: the keys (`vault.key`, `audit/key`), what a running agent leaves for its command line, logs and traces
that people read, and what an administrator writes: agent.toml and its like are refused by the names that are in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apsw
import orjson

from agent.audit import folder as audit
from agent.audit.disk import Disk
from agent.audit.lines import MAX_LINE_BYTES
from agent.console import password
from agent.credentials import refused
from agent.errors import GroundwireError
from agent.identity import FORMAT as IDENTITY_FORMAT
from agent.identity import IDENTITY_FILE, PENDING_FILE
from agent.mappings import columns, versions
from agent.outbox.inspecting import looked_at
from agent.outbox.limits import OUTBOX_FILE
from agent.outbox.opening import MIGRATIONS
from agent.sync.cursor import CHECKPOINT_VERSION
from agent.upgrade.plain import is_plain_database, read_plain
from agent.vault import store as vault

Found = tuple[Path, int]


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    known: int  # the newest version that this program reads
    find: Callable[[Path], Iterator[Found]]  # the files of a state folder with the version that each says


@dataclass(frozen=True, slots=True)
class Newer:
    """A file that this program does not read."""

    kind: str
    path: Path
    found: int
    known: int


def newer_files(state_dir: Path) -> list[Newer]:
    """What a newer Groundwire wrote. A file that says nothing, or cannot be read, is not among them."""
    return [
        Newer(kind.name, path, found, kind.known)
        for kind in KINDS
        for path, found in kind.find(state_dir)
        if found > kind.known
    ]


def _documents(pattern: str, member: str = "format") -> Callable[[Path], Iterator[Found]]:
    """JSON files whose first line, or whole content, is an object with its version in it."""

    def find(state_dir: Path) -> Iterator[Found]:
        for path in sorted(state_dir.glob(pattern)):
            raw = read_plain(path) or b""
            found = _object(raw) or _object(raw.partition(b"\n")[0])
            if type(found.get(member)) is int:
                yield path, found[member]

    return find


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _audit(state_dir: Path) -> Iterator[Found]:
    disk, folder = Disk(), state_dir / audit.FOLDER
    try:
        for file in audit.log_files(disk, folder) if folder.is_dir() else ():
            path = folder / file.name
            found = audit.format_of(disk.read(path, most=MAX_LINE_BYTES) or b"")
            if found is not None:
                yield path, found
    except OSError:
        return


def _outbox(state_dir: Path) -> Iterator[Found]:
    path = state_dir / OUTBOX_FILE
    if is_plain_database(path):
        found = _asked(path, "PRAGMA user_version")
        yield from ((path, version) for version in found)


def _checkpoints(state_dir: Path) -> Iterator[Found]:
    path = state_dir / OUTBOX_FILE
    if is_plain_database(path):
        sql = "SELECT json_extract(checkpoint, '$.version') FROM stream WHERE json_valid(checkpoint)"
        yield from ((path, version) for version in _asked(path, sql) if type(version) is int)


def _asked(path: Path, sql: str) -> list[Any]:
    """Nothing where the file does not answer: another version may keep it in another way."""
    try:
        with closing(looked_at(path)) as connection:
            return [row[0] for row in connection.execute(sql)]
    except (apsw.Error, GroundwireError):
        return []


KINDS: Final = (
    Kind("identity", IDENTITY_FORMAT, _documents(IDENTITY_FILE)),
    Kind("enrolment", IDENTITY_FORMAT, _documents(PENDING_FILE)),
    Kind("outbox", len(MIGRATIONS), _outbox),
    Kind("checkpoint", CHECKPOINT_VERSION, _checkpoints),
    Kind("vault", vault.FORMAT, _documents(vault.VAULT_FILE)),
    Kind("audit log", audit.FORMAT, _audit),
    Kind("mappings", versions.FORMAT, _documents(f"{versions.FOLDER}/*.json")),
    Kind("columns", columns.FORMAT, _documents(f"{columns.FOLDER}/*.json")),
    Kind("refused credentials", refused.FORMAT, _documents(refused.REFUSED_FILE)),
    Kind("console password", password.VERSION, _documents(password.PASSWORD_FILE, "version")),
)
