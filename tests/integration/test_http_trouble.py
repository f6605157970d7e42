"""A source over HTTP that fails in the middle of a sync: what was read stands, and the rest follows from there.

The real supervisor, runner, outbox and driver process; only the service is made up.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.clock import ManualClock, SystemClock
from agent.errors import CredentialsRefused, GroundwireError
from agent.hosting.driver import HostedDriver
from agent.mapping.compile import compile_mapping
from agent.model.payload import decode
from agent.model.run import RunStatus, RunTrigger
from agent.outbox.store import Outbox
from agent.sync.runner import Runner
from agent.sync.supervisor import StreamState, Supervisor
from tests.odata.orders import orders, service
from tests.odata.server import ROOT, Fault, ODataServer
from tests.unit.sync.running import ADDRESS, make_stream

pytestmark = pytest.mark.integration

PAGE_ROWS = 4
SILENCE = 4  # seconds; much longer where nothing is to be silent, so that a slow host is not taken for it
MAPPING = {"orderNo": "OrderNo", "totalNetValue": {"from": "Amount", "as": "decimal"}}
ASKED_FOR_A_PAGE = r"GET \S*/Orders\?.*top=5"


@pytest.fixture
def server() -> Iterator[ODataServer]:
    made = service(4)
    made.user = ("ann", "right")
    made.start()
    yield made
    made.stop()


class Site:
    """One connection with one stream, and the clock of its supervisor."""

    def __init__(self, driver: HostedDriver, outbox: Outbox) -> None:
        self.outbox = outbox
        self.clock = ManualClock()
        self.refusals: list[GroundwireError] = []
        self.began: list[float] = []
        stream = replace(
            make_stream(page_rows=PAGE_ROWS, every=timedelta(days=1)),
            spec=orders(lines={}),
            mapping=compile_mapping(MAPPING, entity="purchase_order", where=ADDRESS),
        )
        self.supervisor = Supervisor(
            connection="erp",
            streams={"orders": stream},
            source=driver,
            make_runner=lambda stream, source, progress: Runner(stream, source, outbox, self.clock, progress),
            new_run=self._new_run,
            clock=self.clock,
            gate=asyncio.Semaphore(1),
            on_refused=self.refusals.append,
        )

    def _new_run(self) -> str:
        self.began.append(self.clock.monotonic())
        return f"run{len(self.began):03}"

    async def settle(self, until: Callable[[], bool]) -> None:
        async with asyncio.timeout(120):
            while not until():
                await asyncio.sleep(0.01)  # noqa: TID251 - another process works

    def done(self) -> bool:
        view = self.supervisor.views["orders"]
        return view.state is StreamState.IDLE and view.report is not None

    async def keys(self) -> list[str]:
        """Of every record enqueued, in order."""
        found: list[str] = []
        for batch in await self.outbox.pending(0, limit_batches=1_000, limit_bytes=2**30):
            table = decode(batch.kind, batch.payload, count=batch.count).table
            found += table["key"].to_pylist() if table is not None else []
        return found


@asynccontextmanager
async def living(server: ODataServer, folder: Path, *, silence: int = 60) -> AsyncIterator[Site]:
    options = {
        "url": server.url,
        "service": ROOT[1:],
        "auth": {"kind": "basic", "user": "ann"},
        "silence_seconds": silence,
    }
    driver = HostedDriver("erp", "odata", options, {"password": "right"}, clock=SystemClock())
    async with await Outbox.open(folder / "outbox.db", clock=ManualClock()) as outbox:
        site = Site(driver, outbox)
        task = asyncio.create_task(site.supervisor.run())
        try:
            yield site
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await driver.aclose()


def pages_asked_for_again(server: ODataServer) -> int:
    asked = Counter(
        seen.raw for seen in server.seen if re.search(ASKED_FOR_A_PAGE, f"{seen.method} {seen.raw}")
    )
    return sum(1 for times in asked.values() if times > 1)


@pytest.mark.parametrize(
    ("fault", "pause"),
    [
        (Fault(ASKED_FOR_A_PAGE, 500, after=6), 5),
        (Fault(ASKED_FOR_A_PAGE, 429, {"Retry-After": "90"}, after=6), 90),
        (Fault(ASKED_FOR_A_PAGE, 503, {"Retry-After": "120"}, after=6), 120),
        (Fault(ASKED_FOR_A_PAGE, seconds=SILENCE + 2, after=9), 5),  # longer than silence is waited for
        (Fault(ASKED_FOR_A_PAGE, drop="before", after=6, times=2), 5),
    ],
    ids=["500", "429", "503", "silence", "reset"],
)
async def test_a_read_that_fails_on_a_late_page_goes_on_there_after_the_pause_it_was_asked_for(
    server: ODataServer, tmp_path: Path, fault: Fault, pause: float
) -> None:
    server.faults.append(fault)
    async with living(server, tmp_path, silence=SILENCE if fault.seconds else 60) as site:
        site.supervisor.look("orders")
        await site.settle(site.done)
        keys, began = await site.keys(), site.began
        runs = await site.outbox.runs(ADDRESS, 9)

    assert sorted(keys) == sorted(row["OrderNo"] for row in server.rows["Orders"])
    assert [run.status for run in runs] == [RunStatus.SUCCEEDED.value, RunStatus.FAILED.value]
    assert began[1] - began[0] >= pause
    assert pages_asked_for_again(server) == 1, "the one that failed"


async def test_a_sign_in_that_ends_in_the_middle_is_told_once_and_goes_on_where_it_stood(
    server: ODataServer, tmp_path: Path
) -> None:
    server.faults.append(Fault(ASKED_FOR_A_PAGE, 401, after=6, times=99))
    async with living(server, tmp_path) as site:
        site.supervisor.look("orders")
        await site.settle(lambda: site.supervisor.refused is not None and not site.supervisor._under_way)
        asked = len(server.seen)
        for _ in range(3):
            site.supervisor.look("orders")
        with pytest.raises(CredentialsRefused):
            site.supervisor.ask("orders", RunTrigger.COMMAND)
        assert len(server.seen) == asked
        assert site.supervisor.views["orders"].state is StreamState.NEEDS_REAUTHORISATION
        assert len(await site.keys()) == 6 * PAGE_ROWS

        server.faults.clear()
        result = await site.supervisor.ask("orders", RunTrigger.MANUAL)
        keys = await site.keys()

    assert result.error is None
    assert sorted(keys) == sorted(row["OrderNo"] for row in server.rows["Orders"])
    assert len(site.refusals) == 1
