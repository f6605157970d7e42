"""The outbox of an agent that does not answer, read as its file stands: nothing is locked, repaired or written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import apsw

from agent.outbox.database import wal_of

MAX_ROWS: Final = 1_000
_ASKED: Final = {
    "streams": "SELECT s.name stream, s.last_seq, s.acked_seq, s.damaged, count(b.seq) pending_batches,"
    " coalesce(sum(b.bytes), 0) pending_bytes FROM stream s"
    " LEFT JOIN batch b ON b.stream = s.id AND b.settled_at IS NULL GROUP BY s.id ORDER BY s.name",
    "dead_letters": "SELECT s.name stream, l.entity, l.field, l.reason, count(*) count FROM letter l"
    " JOIN stream s ON s.id = l.stream GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 1, 3, 4",
    "commands": "SELECT name, state, count(*) count FROM command GROUP BY 1, 2 ORDER BY 1, 2",
    "runs": "SELECT run, stream, mode, trigger, status, started_at started_micros, finished_at finished_micros,"
    " CASE WHEN json_valid(error) THEN json_extract(error, '$.code') END code FROM run ORDER BY started_at DESC",
    "paused": "SELECT connection FROM paused ORDER BY connection",
    "state": "SELECT name, value FROM state ORDER BY name",
}


def read_outbox(path: Path) -> dict[str, Any]:
    """Raises OSError where there is none. What is wrong inside is told where it was met."""
    size = path.stat().st_size
    log = wal_of(path)
    told: dict[str, Any] = {"file_bytes": size, "log_bytes": log.stat().st_size if log.exists() else None}
    if told["log_bytes"]:
        told["counted"] = False  # what is in the log is not in the counts: nothing is replayed for a look
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    try:
        with closing(apsw.Connection(f"{path.absolute().as_uri()}?immutable=1", flags=flags)) as file:
            told["version"] = file.pragma("user_version")
            for name, sql in _ASKED.items():
                told[name] = _rows(file, sql)
    except apsw.Error as error:
        told["kind"] = type(error).__name__
    return told


def _rows(file: apsw.Connection, sql: str) -> Any:
    try:
        return list(_named(file.execute(f"{sql} LIMIT {MAX_ROWS}")))
    except apsw.Error as error:
        return {"kind": type(error).__name__}


def _named(cursor: apsw.Cursor) -> Iterator[dict[str, Any]]:
    for row in cursor:
        yield dict(zip((column[0] for column in cursor.description), row, strict=True))
