"""The audit folder as a reader finds it; the agent may be writing meanwhile."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agent.audit import folder as names
from agent.audit.disk import Disk
from agent.audit.lines import Line, parse_line
from agent.audit.signing import Mark, fingerprint
from agent.audit.verify import Evidence, Report, Source, verify
from agent.errors import ConfigurationError, NotPermitted

_ATTEMPTS = 3  # retention removes files while they are read, once a day at most


@dataclass(frozen=True, slots=True)
class Head:
    """What is worth keeping elsewhere."""

    mark: Mark
    public_key: str

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public_key)


class AuditFolder:
    """Raises NotPermitted where this user may not read, ConfigurationError where there is no audit log.

    VersionMismatch where a newer version wrote it.
    """

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / names.FOLDER
        self._disk = Disk()

    def head(self) -> Head | None:
        """The newest signed line; None where the head is missing or damaged."""
        self._require()
        public = self._read(names.PUBLIC_KEY_FILE).decode("ascii", "replace").strip()
        mark = names.read_head(self._disk, self._folder, public=public)
        return None if mark is None else Head(mark, public)

    def verify(self, *, public_keys: Collection[str] = (), pinned: Mark | None = None) -> Report:
        self._require()
        for attempt in range(_ATTEMPTS):
            # The head before the files: whatever it names is in them by then.
            head = self._read(names.HEAD_FILE)
            start = self._read(names.START_FILE)
            files = names.log_files(self._disk, self._folder)
            sources = [self._source(file.name) for file in files]
            evidence = Evidence(head=head, start=start, public_keys=public_keys, pinned=pinned)
            report = verify(sources, evidence)
            if report.ok or attempt == _ATTEMPTS - 1:
                break
            now = names.log_files(self._disk, self._folder)
            if now[: len(files)] == files and self._read(names.START_FILE) == start:
                break
        return report

    def lines(self, *, since: datetime | None = None, action: str | None = None) -> Iterator[Line]:
        """In the order in which they were written; what cannot be read is left out, `verify` names it."""
        for _, raw in self.contents():
            for text in raw.splitlines():
                try:
                    line = parse_line(text)
                except ValueError:
                    continue
                if (since is None or line.moment >= since) and (action is None or line.action == action):
                    yield line

    def newest(self) -> Iterator[Line]:
        """The last one first, a file at a time; what cannot be read is left out, `verify` names it."""
        self._require()
        for file in reversed(names.log_files(self._disk, self._folder)):
            for text in reversed(self._read(file.name).splitlines()):
                try:
                    yield parse_line(text)
                except ValueError:
                    continue

    def contents(self) -> Iterator[tuple[str, bytes]]:
        self._require()
        for file in names.log_files(self._disk, self._folder):
            yield file.name, self._read(file.name)

    def raw_head(self) -> bytes:
        self._require()
        return self._read(names.HEAD_FILE)

    def _source(self, name: str) -> Source:
        return Source(name, lambda: self._read(name))

    def _read(self, name: str) -> bytes:
        try:
            return self._disk.read(self._folder / name) or b""
        except OSError as error:
            raise _not_permitted(error, self._folder / name) from error

    def _require(self) -> None:
        try:
            there = self._folder.is_dir() and self._disk.names(self._folder) is not None
            names.refuse_newer_files(self._disk, self._folder)
        except OSError as error:
            raise _not_permitted(error, self._folder) from error
        if not there:
            raise ConfigurationError(
                "there is no audit log yet",
                where=str(self._folder),
                hint="It begins when the agent starts for the first time. Does --config name the right folder?",
            )


def _not_permitted(error: OSError, path: Path) -> NotPermitted:
    return NotPermitted(
        f"the audit log cannot be read: {error.strerror or 'unknown fault'}",
        where=str(path),
        hint="Run the command as the agent's user or as root.",
    )
