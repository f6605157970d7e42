"""A source in memory with the columns and rows that a test gives it, and an audit trail that remembers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pyarrow as pa

from agent.audit.trail import Actor, Origin
from agent.errors import AuditUnavailable
from agent.mappings.service import Mappings
from agent.settings import ConnectionSettings, StreamSettings
from drivers.contract import Column, Mark, Page, ReadMode, ReadRequest, StreamSpec

ANNA = Actor(Origin.LOCAL, "anna")
BASE = {"orderNo": "no", "totalNetValue": {"from": "total", "as": "decimal"}}


class Rows:
    def __init__(self, *rows: Mapping[str, Any]) -> None:
        self.rows = list(rows)
        self.requests: list[ReadRequest] = []
        self.shown = 100
        self.on_read: Callable[[], object] = lambda: None  # what happens meanwhile

    @property
    def names(self) -> list[str]:
        return list(self.rows[0])

    async def columns(self, stream: StreamSpec) -> Sequence[Column]:
        return [Column(name, "text") for name in self.names]

    async def signpost(self, stream: StreamSpec) -> Mark | None:
        return None

    async def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]:
        self.requests.append(request)
        self.on_read()
        rows = self.rows
        if request.mode is ReadMode.BY_KEYS:
            rows = [row for row in rows if row["no"] in request.keys]
        wanted = request.stream.columns
        names = [name for name in self.names if wanted is None or name in wanted]
        rows = rows[: min(request.page_rows, self.shown)]
        columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in ("no", *names)}
        yield Page(
            pa.table({"__key": columns["no"], **{name: columns[name] for name in names}}), None, complete=True
        )


class Trail:
    def __init__(self) -> None:
        self.lines: list[tuple[str, Actor, Mapping[str, Any]]] = []
        self.broken = False

    async def record(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None:
        if self.broken:
            raise AuditUnavailable
        self.lines.append((action, actor, facts))


class World:
    """One connection `erp` with one stream `orders`."""

    def __init__(self, folder: Any, clock: Any) -> None:
        self.folder = folder
        self.source = Rows(
            {"no": "1", "total": "1.50", "region": "north"},
            {"no": "2", "total": "2.50", "region": "south"},
            {"no": "3", "total": "bad", "region": "west"},
        )
        self.trail = Trail()
        self.clock = clock
        self.base: dict[str, Any] = dict(BASE)
        self.restarted: list[str] = []
        self.mappings = self.service()

    def service(self) -> Mappings:
        """As another process would have it."""
        return Mappings(
            self.folder,
            self.clock,
            self.trail,
            files=lambda: {"erp": self.settings()},
            aside=self.aside,
            restart=self.restart,
        )

    def settings(self) -> ConnectionSettings:
        stream = StreamSettings("orders", "purchase_order", {}, self.base)
        return ConnectionSettings("erp", "odbc", streams={"orders": stream})

    @asynccontextmanager
    async def aside(self, name: str) -> AsyncIterator[Rows]:
        yield self.source

    async def restart(self, name: str) -> None:
        self.restarted.append(name)
