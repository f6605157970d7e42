"""A source in memory that keeps the driver contract: what the runner's tests read from."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from drivers.contract import Mark, MarkKind, Page, ReadMode, ReadRequest, StreamSpec

SCHEMA = pa.schema({"__key": pa.string(), "no": pa.string(), "total": pa.string(), "changed": pa.int64()})


@dataclass
class TableSource:
    """Rows by key: `total` and a change counter. `stamped=False` makes it a source without a change column."""

    rows: dict[str, tuple[str, int]] = field(default_factory=dict)
    stamped: bool = True
    now: int = 0
    fail_at_page: int | None = None
    fault: Callable[[], Exception] = lambda: RuntimeError("no fault was chosen")
    requests: list[ReadRequest] = field(default_factory=list)
    cut_short: bool = False
    passed_by: set[str] = field(default_factory=set)  # keys that walks do not meet, though they are there
    passing: int = 1_000_000  # walks that pass them by

    def put(self, key: str, total: str) -> None:
        self.now += 1
        self.rows[key] = (total, self.now)

    def remove(self, key: str) -> None:
        del self.rows[key]

    async def signpost(self, stream: StreamSpec) -> Mark | None:
        return Mark(MarkKind.INTEGER, str(self.now)) if self.stamped else None

    async def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]:
        self.requests.append(request)
        rows = self._chosen(request)
        pages = [rows[at : at + request.page_rows] for at in range(0, len(rows), request.page_rows)] or [[]]
        for number, page in enumerate(pages, start=1):
            if self.fail_at_page == number:
                raise self.fault()
            last = number == len(pages)
            if last and self.cut_short:
                return
            cursor = self._position(request, page[-1]) if page else None
            yield Page(_table(page, keys_only=request.mode is ReadMode.KEYS), cursor, complete=last)

    def _chosen(self, request: ReadRequest) -> list[tuple[str, str, int]]:
        rows = sorted((key, total, changed) for key, (total, changed) in self.rows.items())
        if request.mode is ReadMode.BY_KEYS:
            return [row for row in rows if row[0] in set(request.keys)]
        if self.passed_by and self.passing > 0:
            self.passing -= 1
            rows = [row for row in rows if row[0] not in self.passed_by]
        if request.mode is ReadMode.CHANGES:
            assert request.start is not None
            assert request.end is not None
            low, high = int(request.start.value), int(request.end.value)
            rows = sorted((row for row in rows if low <= row[2] <= high), key=lambda row: (row[2], row[0]))
        if request.after is not None:
            rows = [row for row in rows if self._position(request, row) > request.after]
        return rows

    def _position(self, request: ReadRequest, row: tuple[str, str, int]) -> str:
        return f"{row[2]:06}/{row[0]}" if request.mode is ReadMode.CHANGES else row[0]


def _table(rows: list[tuple[str, str, int]], *, keys_only: bool) -> pa.Table:
    columns: dict[str, Any] = {"__key": [row[0] for row in rows]}
    if not keys_only:
        columns |= {
            "no": columns["__key"],
            "total": [row[1] for row in rows],
            "changed": [row[2] for row in rows],
        }
    return pa.table(columns, schema=pa.schema([SCHEMA.field(name) for name in columns]))
