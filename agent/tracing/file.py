"""The file that traced payloads go into: private, bounded, and gone after a week. Blocking; raises OSError."""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

FOLDER: Final = "trace"
MAX_BYTES: Final = 64 * 1024 * 1024
KEPT: Final = timedelta(days=7)


class TraceFull(Exception):
    """The file holds as much as it may."""


class TraceFile:
    def __init__(
        self, state_dir: Path, now: datetime, ordered: datetime, *, max_bytes: int = MAX_BYTES
    ) -> None:
        """What other files hold that were begun since `ordered` counts too: a restart makes no more room."""
        folder = state_dir / FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / _name(now)
        self.bytes = self.path.stat().st_size if self.path.exists() else 0
        others = (path for path in folder.glob("*.jsonl") if path.name >= _name(ordered))
        self._max_bytes = max_bytes - sum(path.stat().st_size for path in others if path != self.path)
        flags = (
            os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        )
        self._handle = os.open(self.path, flags, 0o600)

    def write(self, line: bytes) -> None:
        """Raises TraceFull instead of growing past the bound."""
        if self.bytes + len(line) > self._max_bytes:
            raise TraceFull
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(self._handle, rest) :]
        self.bytes += len(line)

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _name(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}.jsonl"


def remove_old(state_dir: Path, now: datetime) -> list[str]:
    """Remove the traces that were last written to more than a week ago; their names."""
    removed = []
    with contextlib.suppress(FileNotFoundError):
        for path in sorted((state_dir / FOLDER).glob("*.jsonl")):
            if datetime.fromtimestamp(path.lstat().st_mtime, UTC) < now - KEPT:
                path.unlink()
                removed.append(path.name)
    return removed
