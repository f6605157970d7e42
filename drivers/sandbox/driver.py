"""A whole ERP with nothing behind it: five tables of a made-up company that change while one looks on.

What the tables hold is a function of the seed and the moment. The sandbox plays the ERP, so the moment comes from a
clock of its own, and two reads of the same moment are equal on every machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from drivers.columns import columns_of
from drivers.contract import (
    BadConfiguration,
    Capabilities,
    Catalogue,
    CheckStep,
    Column,
    Description,
    DriverError,
    Mark,
    Operation,
    Outcome,
    Page,
    ReadPlan,
    ReadRequest,
    SourceChanged,
    StreamSpec,
    Table,
    WriteCommand,
)
from drivers.planning import calls_of
from drivers.sandbox.operations import operations_of
from drivers.sandbox.options import SandboxOptions, read_options
from drivers.sandbox.purchase_orders import PurchaseOrders
from drivers.sandbox.reading import count, mark_of, pages
from drivers.sandbox.tables import CHANGED, Assets, InventoryItems, SampleTable, Vendors
from drivers.sandbox.work_orders import WorkOrders
from drivers.sandbox.writes import Writes

VERSION: Final = "1"
PRODUCT: Final = "Groundwire sandbox"
STREAM_OPTIONS: Final = ("table", "replication_key")
CAPABILITIES: Final = Capabilities(
    incremental=True,
    keys=True,
    by_keys=True,
    consistent_snapshot=True,
    granularity=timedelta(seconds=1),
)


class SandboxDriver:
    def __init__(
        self,
        connection: str,
        options: Mapping[str, Any],
        secrets: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.time,  # noqa: TID251 - the clock of the ERP that this plays, not the agent's
    ) -> None:
        if secrets:
            raise BadConfiguration("the sandbox has no secrets", where=f"{connection}.secrets")
        self._connection = connection
        self._options = _within_clock(read_options(options, connection))
        self._clock = clock
        orders, work = PurchaseOrders(self._options), WorkOrders(self._options)
        items, vendors, assets = InventoryItems(self._options), Vendors(self._options), Assets(self._options)
        tables: tuple[SampleTable, ...] = (orders, work, items, vendors, assets)
        self._tables = {table.name: table for table in tables}
        self._writes = Writes(orders, work, items, vendors, assets)
        self._product = ""

    def describe(self) -> Description:
        return Description("sandbox", VERSION, CAPABILITIES, self._product)

    async def check(self, streams: Sequence[StreamSpec] = ()) -> Sequence[CheckStep]:
        self._product = PRODUCT
        now = self._now()
        counts = ", ".join(f"{self._count(table, now)} {name}" for name, table in self._tables.items())
        return (
            CheckStep("open", ok=True, detail=f"the sandbox of seed {self._options.seed} is built in"),
            CheckStep(
                "clock", ok=True, detail=f"it shows {datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S} UTC"
            ),
            CheckStep("read", ok=True, detail=counts),
            *(self._check_stream(stream) for stream in streams),
        )

    def _check_stream(self, stream: StreamSpec) -> CheckStep:
        name = f"stream {stream.name}"
        try:
            table = self._table(stream)
        except DriverError as error:
            detail = f"{error.where}: {error.message}"
            return CheckStep(
                name, ok=False, detail=detail, hint=error.hint, stream=stream.name, code=error.code
            )
        incremental = "replication_key" in stream.options
        mark = f"changes by {CHANGED}" if incremental else "no replication key"
        return CheckStep(
            name, ok=True, detail=f"table {table.name}, key {table.key_column}, {mark}", stream=stream.name
        )

    async def discover(self) -> Catalogue:
        now = self._now()
        return Catalogue(tuple(self._describe(table, now) for table in self._tables.values()))

    async def signpost(self, stream: StreamSpec) -> Mark | None:
        self._table(stream)
        return mark_of(self._now()) if "replication_key" in stream.options else None

    async def read(self, request: ReadRequest) -> AsyncIterator[Page]:
        table = self._table(request.stream)
        for page in pages(table, request, self._now(), where=self._place(request.stream)):
            await asyncio.sleep(0)  # noqa: TID251 - lets a request to stop come through; waits for nothing
            yield page

    async def execute(self, command: WriteCommand) -> Outcome:
        return self._writes.execute(command, self._now())

    async def columns(self, stream: StreamSpec) -> Sequence[Column]:
        return columns_of(self._table(stream).build(np.zeros(0, dtype=np.int64), self._now()).schema)

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        return self._writes.find_effect(command.idempotency_key)

    async def plan(self, request: ReadRequest) -> ReadPlan:
        table = self._table(request.stream)
        where = self._place(request.stream)
        rows = await asyncio.to_thread(count, table, request, self._now(), where=where)
        calls = calls_of(rows, request.page_rows, each_page=1)
        return ReadPlan((table.name,), request.page_rows, rows, exact=True, calls=calls)

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]:
        return operations_of(streams)

    async def aclose(self) -> None:
        """Nothing is held open."""

    def _now(self) -> int:
        """The sandbox's own present time, in whole seconds; its world begins at `start`."""
        shown = self._options.start if self._options.fixed else int(self._clock())
        return max(shown, self._options.start) + self._options.advance

    def _table(self, stream: StreamSpec) -> SampleTable:
        for name in stream.options:
            if name not in STREAM_OPTIONS:
                hint = f"There are: {', '.join(STREAM_OPTIONS)}."
                raise BadConfiguration(
                    f"a sandbox stream has no option {name!r}", where=self._place(stream), hint=hint
                )
        name = stream.options.get("table", stream.name)
        if not isinstance(name, str) or name not in self._tables:
            hint = f"There are: {', '.join(self._tables)}."
            raise SourceChanged(f"the sandbox has no table {name!r}", where=self._place(stream), hint=hint)
        if stream.options.get("replication_key", CHANGED) != CHANGED:
            hint = f'Write replication_key = "{CHANGED}", or leave it out to compare whole tables.'
            raise SourceChanged(
                f"changes of {name} are not ordered by that column", where=self._place(stream), hint=hint
            )
        return self._tables[name]

    def _place(self, stream: StreamSpec) -> str:
        return f"{self._connection}.streams.{stream.name}.read"

    def _count(self, table: SampleTable, now: int) -> int:
        first, last = table.span(now)
        return last - first + 1

    def _describe(self, table: SampleTable, now: int) -> Table:
        schema = table.build(np.zeros(0, dtype=np.int64), now).schema
        columns = tuple(
            Column(field.name, str(field.type), field.name != table.key_column) for field in schema
        )
        return Table(table.name, columns, (table.key_column,), self._count(table, now), CHANGED)


def _within_clock(options: SandboxOptions) -> SandboxOptions:
    """A world in which nothing changes has no use for a clock that runs: its records would only grow old."""
    return options if options.changes_per_minute else replace(options, fixed=True)
