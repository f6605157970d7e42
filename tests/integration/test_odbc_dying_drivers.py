"""A native driver that ends its process, or never comes back, in the middle of its work at a real database.

The signals are real: the child dies of SIGSEGV, or stands still by SIGSTOP, while its ODBC driver waits for an answer.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any, Final

import pytest

from agent.audit.trail import AGENT
from agent.clock import SystemClock
from agent.commands.effects import NO_EFFECT, Effect, Effects
from agent.commands.ports import Call
from agent.errors import DriverCrashed, TransientError
from agent.hosting.driver import HostedDriver
from agent.hosting.limits import HostingLimits
from drivers.contract import (
    OperationKind,
    Outcome,
    OutcomeStatus,
    ReadMode,
    ReadRequest,
    WriteCommand,
)
from drivers.keys import encode_key
from tests.integration.odbc_sources import ORDER_KEYS, Source, orders
from tests.integration.odbc_write_sources import ORDER, command, order_stream

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX's signals"),
]

# A silent child is given up after a while that no healthy answer here comes near to.
LIMITS: Final = HostingLimits(seconds_without_page=6, stop_seconds=2, look_seconds=0.05)
DEATHS: Final = [(signal.SIGSEGV, "SIGSEGV"), (signal.SIGSTOP, "gave no answer for 6 s and was ended")]
CLOCK: Final = SystemClock()
GATE: Final = 4_711  # an advisory lock: whoever holds it keeps the others waiting
BLOCKED: Final = (
    "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
)
IN_A_STEP, IN_THE_COMMIT = "V-STEP", "V-COMMIT"
_numbers = itertools.count(1)


@asynccontextmanager
async def hosted(source: Source) -> AsyncIterator[HostedDriver]:
    options = {"connection": dict(source.attributes)}
    driver = HostedDriver("erp", "odbc", options, source.secrets, LIMITS, clock=CLOCK)
    try:
        yield driver
    finally:
        await driver.aclose()


@contextmanager
def held(source: Source, statement: str) -> Iterator[Any]:
    """A connection whose transaction holds what the statement locks."""
    connection = source.connect()
    connection.autocommit = False
    connection.execute(statement)
    try:
        yield connection
    finally:
        connection.rollback()
        connection.close()


async def until_blocked(source: Source, count: int) -> None:
    """Wait until so many sessions of the database wait for a lock."""
    connection = source.connect()
    async with asyncio.timeout(30):
        while connection.execute(BLOCKED).fetchone()[0] != count:
            await CLOCK.sleep(0.01)
    connection.close()


async def read_on(driver: HostedDriver, keys: list[str], cursors: list[str], held_up: asyncio.Event) -> None:
    """Read from the last cursor on; behind the first page only once `held_up` is set."""
    after = cursors[-1] if cursors else None
    request = ReadRequest(orders(), ReadMode.SCAN, after=after, page_rows=5)
    async with aclosing(driver.read(request)) as pages:
        async for page in pages:
            keys += page.table.column("__key").to_pylist()
            cursors.append(str(page.cursor))
            await held_up.wait()


@pytest.mark.parametrize(("death", "told"), DEATHS)
async def test_a_driver_that_dies_in_the_middle_of_a_read_costs_one_retry(
    postgres_source: Source, death: signal.Signals, told: str
) -> None:
    keys: list[str] = []
    cursors: list[str] = []
    held_up = asyncio.Event()
    async with hosted(postgres_source) as driver:
        reading = asyncio.ensure_future(read_on(driver, keys, cursors, held_up))
        while not cursors:
            await CLOCK.sleep(0.01)
        with held(postgres_source, "lock table orders in access exclusive mode"):
            held_up.set()
            await until_blocked(postgres_source, 1)
            first = driver.pid
            assert first is not None
            os.kill(first, death)
            with pytest.raises(DriverCrashed, match=told) as caught:
                await reading

        await read_on(driver, keys, cursors, held_up)  # the one retry
        assert driver.pid != first

    assert isinstance(caught.value, TransientError)  # by which the connection tries again by itself
    assert sorted(keys) == sorted(encode_key([key]) for key in ORDER_KEYS)


class Counted:
    """A hosted driver, with how often each verb was called."""

    def __init__(self, driver: HostedDriver) -> None:
        self._driver = driver
        self.executed = self.looked_up = 0

    async def start(self) -> None:
        await self._driver.start()

    async def execute(self, command_: WriteCommand) -> Outcome:
        self.executed += 1
        return await self._driver.execute(command_)

    async def find_effect(self, command_: WriteCommand) -> Outcome | None:
        self.looked_up += 1
        return await self._driver.find_effect(command_)


@pytest.fixture(scope="module")
def gated(writable_postgres: Source) -> Source:
    """The writable database; some orders wait at the gate, in the middle of a step or of the commit."""
    writable_postgres.run(
        f"create function w_wait() returns trigger language plpgsql as $$"
        f" begin perform pg_advisory_xact_lock_shared({GATE}); return new; end $$",
        f"create trigger w_step before insert on w_orders for each row when (new.vendor = '{IN_A_STEP}')"
        " execute function w_wait()",
        "create constraint trigger w_commit after insert on w_orders deferrable initially deferred"
        f" for each row when (new.vendor = '{IN_THE_COMMIT}') execute function w_wait()",
    )
    return writable_postgres


def orders_of(source: Source, written: WriteCommand) -> int:
    connection = source.connect()
    (count,) = connection.execute(
        "select count(*) from w_orders where ref = ?", written.idempotency_key
    ).fetchone()
    connection.close()
    return int(count)


async def effect_of_dying(
    source: Source, driver: HostedDriver, counted: Counted, written: WriteCommand, death: signal.Signals
) -> Effect:
    """What is said of a write whose driver dies while the database works on it."""

    async def progress(_: Mapping[str, Any]) -> None: ...

    (operation,) = [
        each for each in await driver.operations([written.stream]) if each.kind is written.operation
    ]
    call = Call(written.idempotency_key, CLOCK.utcnow(), AGENT, progress)
    effects = Effects(CLOCK)
    with held(source, f"select pg_advisory_xact_lock({GATE})"):
        causing = asyncio.ensure_future(effects.cause(written, operation, lambda: counted, call))
        await until_blocked(source, 1)
        pid = driver.pid
        assert pid is not None
        os.kill(pid, death)
        while driver.pid == pid:  # the database goes on only once nobody is there to hear of it
            await CLOCK.sleep(0.01)
    effect = await causing
    assert driver.pid != pid
    return effect


@pytest.mark.parametrize("death", [death for death, _ in DEATHS])
@pytest.mark.parametrize(
    ("vendor", "there", "status"),
    [(IN_A_STEP, 0, OutcomeStatus.FAILED), (IN_THE_COMMIT, 1, OutcomeStatus.SUCCEEDED)],
)
async def test_a_write_whose_driver_dies_is_looked_up_and_never_repeated(
    gated: Source, vendor: str, there: int, status: OutcomeStatus, death: signal.Signals
) -> None:
    stream = order_stream("postgres", {"settles_after": "2s"})
    record = {**ORDER, "vendorKey": vendor}
    written = command(OperationKind.CREATE, record, stream, f"dying-{next(_numbers)}")
    async with hosted(gated) as driver:
        counted = Counted(driver)
        effect = await effect_of_dying(gated, driver, counted, written, death)

    assert effect.status is status
    assert effect.code == ("" if there else NO_EFFECT)
    assert (counted.executed, orders_of(gated, written)) == (1, there)
    assert counted.looked_up >= 1
