"""Who may do a work, between processes over a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from agent.clock import SystemClock
from relay.advisory import AdvisoryLeadership
from relay.leadership import LeadershipLost, led
from relay.store.postgresql.address import Address
from tests.servers import PostgresServer

pytestmark = pytest.mark.integration
CLOCK = SystemClock()
PATIENCE_SECONDS = 60.0
WORK = "materialiser"


@pytest.fixture
def database(postgres_server: PostgresServer) -> str:
    name = "leadership"
    if not postgres_server.psql(f"select 1 from pg_database where datname = '{name}'").strip():
        postgres_server.create_database(name)
    return name


@pytest.fixture
def address(postgres_server: PostgresServer, database: str) -> Address:
    url = f"postgresql://{postgres_server.user}@{postgres_server.host}:{postgres_server.port}/{database}"
    return Address(url, postgres_server.password)


@asynccontextmanager
async def process(address: Address) -> AsyncIterator[AdvisoryLeadership]:
    leadership = AdvisoryLeadership(address, clock=CLOCK)
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(leadership.run())
        try:
            yield leadership
        finally:
            keeping.cancel()


class Worker:
    def __init__(self) -> None:
        self.inside = asyncio.Event()
        self.begun = 0

    async def work(self) -> None:
        self.begun += 1
        self.inside.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.inside.clear()


@asynccontextmanager
async def working(work: Callable[[], Awaitable[None]]) -> AsyncIterator[asyncio.Task[None]]:
    task: asyncio.Task[None] = asyncio.ensure_future(work())  # type: ignore[arg-type]
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def soon(event: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await event.wait()


async def test_one_process_has_the_work_and_the_next_gets_it_when_it_is_given_up(address: Address) -> None:
    one, two = Worker(), Worker()
    async with (
        process(address) as a,
        process(address) as b,
        working(lambda: led(a, WORK, one.work)) as first,
    ):
        await soon(one.inside)
        async with working(lambda: led(b, WORK, two.work)):
            await CLOCK.sleep(2.5)
            assert not two.inside.is_set()
            first.cancel()

            await soon(two.inside)
            assert not one.inside.is_set()


async def test_different_works_are_had_at_the_same_time(address: Address) -> None:
    one, two = Worker(), Worker()
    async with (
        process(address) as a,
        process(address) as b,
        working(lambda: led(a, "one", one.work)),
        working(lambda: led(b, "two", two.work)),
    ):
        await soon(one.inside)
        await soon(two.inside)


async def test_a_lost_connection_ends_the_work_before_another_process_is_done_taking_it(
    address: Address, postgres_server: PostgresServer, database: str
) -> None:
    one, two = Worker(), Worker()
    async with process(address) as a, process(address) as b, working(lambda: led(a, WORK, one.work)):
        await soon(one.inside)
        async with working(lambda: led(b, WORK, two.work)):
            holder = postgres_server.psql(
                "select pid from pg_locks where locktype = 'advisory' and granted"
                f" and database = (select oid from pg_database where datname = '{database}')"
            ).strip()
            postgres_server.psql(f"select pg_terminate_backend({holder})")

            async with asyncio.timeout(PATIENCE_SECONDS):
                while one.begun + two.begun < 2:
                    await CLOCK.sleep(0.05)
            await CLOCK.sleep(2.5)
            assert one.inside.is_set() != two.inside.is_set()


async def test_who_is_stopped_from_outside_is_cancelled_and_not_told_of_a_loss(address: Address) -> None:
    worker = Worker()
    async with process(address) as a, working(lambda: led(a, WORK, worker.work)) as task:
        await soon(worker.inside)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_server_that_goes_away_takes_the_work_and_gives_it_back(
    address: Address, postgres_server: PostgresServer
) -> None:
    worker, lost = Worker(), asyncio.Event()

    async with process(address) as leadership:

        async def work() -> None:
            while True:
                try:
                    async with leadership.held(WORK):
                        await worker.work()
                except LeadershipLost:
                    lost.set()

        async with working(work):
            await soon(worker.inside)
            postgres_server.restart()  # not in a thread: the server would end with it

            await soon(lost)
            await soon(worker.inside)


async def test_one_process_cannot_want_a_work_twice(address: Address) -> None:
    async with process(address) as leadership, leadership.held(WORK):
        with pytest.raises(RuntimeError, match="wanted twice"):
            async with leadership.held(WORK):
                pass


async def test_a_place_that_is_lost_before_its_worker_has_its_turn_is_not_begun_on(address: Address) -> None:
    worker = Worker()
    leadership = AdvisoryLeadership(
        address, clock=CLOCK
    )  # its connection is not kept: nothing is taken by itself
    async with working(lambda: led(leadership, WORK, worker.work)):
        while WORK not in leadership._claims:
            await CLOCK.sleep(0)
        await CLOCK.sleep(0.01)
        claim = leadership._claims[WORK]
        claim.taken.set()
        claim.lose()

        await CLOCK.sleep(0.05)
        assert not worker.inside.is_set()
