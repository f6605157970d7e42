"""A PostgreSQL that syncs as in production, and dies with all of its processes at once, as a host does."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.servers import PostgresServer, ServerFailed


class MortalPostgres(PostgresServer):
    def __init__(self, *, checksums: bool = False) -> None:
        super().__init__()
        self._checksums = checksums

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{self.user}@{self.host}:{self.port}/{database}"

    def kill(self) -> None:
        """`kill -9` of every process: none of them can put anything in order for another."""
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(signal.SIGSTOP)  # it starts no further ones meanwhile
        for child in children_of(process.pid):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        process.kill()
        process.wait()

    def revive(self) -> None:
        """On the same folder and port, through its own recovery."""
        if not self._start(self.port):
            raise ServerFailed(f"{self.name} did not come back:\n{self._log_tail()}")

    def keep_copy(self) -> None:
        """Of the folder of a server that does not run."""
        self._prepare_with(["cp", "-a", str(self.data), str(self.folder / "copy")])

    def put_back(self) -> None:
        shutil.rmtree(self.data)
        (self.folder / "copy").rename(self.data)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def _command(self, port: int) -> Sequence[str]:
        durable = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
        small = {"shared_buffers": "16MB", "max_wal_size": "64MB"}
        return [
            *super()._command(port),
            *(part for name, value in (durable | small).items() for part in ("-c", f"{name}={value}")),
        ]

    def _prepare_with(self, command: Sequence[str]) -> None:
        extra = ["--data-checksums"] if self._checksums and command[0].endswith("initdb") else []
        super()._prepare_with([*command, *extra])


def children_of(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                found.append(int(stat.parent.name))
    return found
