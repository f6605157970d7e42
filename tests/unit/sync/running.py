"""A runner over the real outbox and mapping, a source that is made up, and a reader of what was enqueued."""

from __future__ import annotations

from datetime import timedelta

from agent.clock import ManualClock
from agent.mapping.compile import compile_mapping
from agent.model.payload import decode
from agent.model.run import RunTrigger
from agent.outbox.store import Outbox
from agent.policy.leave import EVERYTHING
from agent.sync.page import StreamFacts
from agent.sync.reconcile import DeletionSettings
from agent.sync.runner import Runner, RunResult, Stream
from agent.sync.window import WindowSettings
from drivers.contract import StreamSpec
from tests.unit.sync.table_source import TableSource

ADDRESS = "erp/orders"


MAPPING = {"orderNo": "no", "totalNetValue": {"from": "total", "as": "decimal"}}


def make_stream(
    *, compare: bool = True, every: timedelta = timedelta(0), max_share: float = 0.5, page_rows: int = 3
) -> Stream:
    return Stream(
        facts=StreamFacts("erp", "test", "orders", "purchase_order"),
        spec=StreamSpec("orders", "purchase_order"),
        mapping=compile_mapping(MAPPING, entity="purchase_order", where=ADDRESS),
        window=WindowSettings(initial_window=None, overlap=timedelta(0), lag=timedelta(0)),
        deletions=DeletionSettings(compare, every, max_share),
        page_rows=page_rows,
        leave=EVERYTHING,
    )


class World:
    """A source, an outbox and a reader of what was enqueued."""

    def __init__(self, outbox: Outbox, stream: Stream) -> None:
        self.source = TableSource()
        self.outbox = outbox
        self.stream = stream
        self.clock = ManualClock()
        self._runs = 0
        self._read_to = 0

    async def run(self, **options: bool | tuple[str, ...]) -> RunResult:
        self._runs += 1
        runner = Runner(self.stream, self.source, self.outbox, self.clock, lambda _: None)
        return await runner.run(f"run{self._runs:03}", RunTrigger.MANUAL, **options)  # type: ignore[arg-type]

    async def new_batches(self):
        """What was enqueued since the last time, decoded."""
        batches = await self.outbox.pending(self._read_to, limit_batches=10_000, limit_bytes=2**30)
        self._read_to = max((batch.seq for batch in batches), default=self._read_to)
        return [decode(batch.kind, batch.payload, count=batch.count) for batch in batches]

    async def travelled(self) -> tuple[list[str], list[str]]:
        """Keys of the records and of the tombstones enqueued since the last time."""
        batches = await self.new_batches()
        records = [
            key for batch in batches if batch.table is not None for key in batch.table["key"].to_pylist()
        ]
        return records, [key for batch in batches for key in batch.keys]

    async def replica(self) -> dict[str, str]:
        """What a relay would hold after everything enqueued so far."""
        held: dict[str, str] = {}
        self._read_to = 0
        for batch in await self.new_batches():
            if batch.table is not None:
                rows = zip(
                    batch.table["key"].to_pylist(), batch.table["total_net_value"].to_pylist(), strict=True
                )
                held |= {key: str(total) for key, total in rows}
            for key in batch.keys:
                held.pop(key, None)
        return held
