"""The composition root: builds the relay's parts, starts them in order and stops them in the reverse order.

Shutdown, within 25 s: take no new agents and let the connected collect their acks; answer the requests under way;
commit what is queued; close the files.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from types import TracebackType
from typing import Final, Self

import structlog
import uvicorn

from agent.clock import Clock, SystemClock
from agent.control import ControlServer
from agent.errors import ConfigurationError, GroundwireError
from agent.memory import give_back_what_is_freed
from agent.service.liveness import Question, report, starting
from agent.service.notify import manager_of
from relay import local_accounts, local_calls
from relay.access import AccessWatch
from relay.api.context import ApiContext
from relay.api.limits import Limits
from relay.api.listening import listen
from relay.api.server import create_api
from relay.company import alone, among_others
from relay.cursors import Cursors
from relay.documents import Documents
from relay.gateway import Gateway
from relay.ingest import Ingest
from relay.leadership import led
from relay.materialise import Materialiser
from relay.news import News
from relay.readiness import Readiness
from relay.removal import Remover
from relay.retention import Sweeper
from relay.settings import Api as ApiSettings
from relay.settings import RelaySettings
from relay.store.sqlite import SqliteStore
from relay.store.storage import open_storage
from relay.watch import CommandWatch
from relay.watching import Gauges, Watching

log = structlog.get_logger()

MIB: Final = 1024 * 1024
REQUESTS_END_SECONDS: Final = 5  # for API requests under way at shutdown
COMMIT_SECONDS: Final = (
    5.0  # for what is queued; what a store that is away does not take stays with the agents
)
GIVE_UP_SECONDS: Final = 35.0  # after that a store which does not answer is waited for no longer
STARTUP_POLL_SECONDS: Final = 0.01
STOP_SECONDS: Final = (
    60.0  # told to the service manager: agents are drained for up to 25, and then requests and commits
)
NOTICE_SECONDS: Final = 3.0  # for the proxy to see that this relay takes nobody new, before its API closes


class RelayApp:
    """The relay in this process: `async with RelayApp(settings) as relay: ...`."""

    def __init__(self, settings: RelaySettings, *, clock: Clock | None = None) -> None:
        give_back_what_is_freed()
        self.settings = settings
        self._clock = clock or SystemClock()
        self._files = AsyncExitStack()
        self._group = asyncio.TaskGroup()
        self._api_port = settings.api.port
        self.readiness = Readiness()
        self._working: list[asyncio.Task[None]] = []  # until what was queued is stored

    async def __aenter__(self) -> Self:
        try:
            await self._open()
            await self._group.__aenter__()
        except BaseException:
            await self._files.aclose()
            raise
        try:
            await self._start()
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        log.info("relay_started", gateway=self.gateway_url, api=self.api_url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        giving_up = asyncio.create_task(self._give_the_store_up())
        try:
            await self._stop()
            await self._end_tasks()
        finally:
            await self._files.aclose()
            giving_up.cancel()
        log.info("relay_stopped")

    async def _give_the_store_up(self) -> None:
        """A database that is silent would keep everybody who asked it: the agents have what it did not take."""
        await self._clock.sleep(GIVE_UP_SECONDS)
        log.warning("store_given_up", hint="What was not acked stays with the agents.")
        self._storage.abandon()

    async def _end_tasks(self) -> None:
        """A task that ended the relay says why in its own words, not as a group of errors."""
        try:
            await self._group.__aexit__(None, None, None)
        except BaseExceptionGroup as group:
            ours, _ = group.split(GroundwireError)
            if ours is None:
                raise
            raise _first(ours) from group

    @property
    def gateway_url(self) -> str:
        return self.gateway.url

    @property
    def api_url(self) -> str:
        scheme = "http" if self.settings.api.tls is None else "https"
        return f"{scheme}://{self.settings.api.host}:{self._api_port}"

    async def caught_up(self) -> bool:
        """Whether the index shows every stored batch."""
        return (await self.materialiser.lag()).batches == 0

    async def _open(self) -> None:
        settings = self.settings
        try:
            settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigurationError(
                f"The data folder cannot be made: {error.strerror}", where=str(settings.data)
            ) from error
        storage = await open_storage(settings)
        self._files.push_async_callback(storage.aclose)
        self._storage = storage
        self.store, self.index = storage.store, storage.index
        self.company = (
            alone(self.store.engine, name=settings.name, clock=self._clock)
            if storage.address is None
            else among_others(
                self.store.engine, storage.address, settings.bus, name=settings.name, clock=self._clock
            )
        )

    async def _start(self) -> None:
        clock, settings = self._clock, self.settings
        self.bus = self.company.bus
        await self.company.members.join()
        self._following = self.company.keep(self._group)
        self.watching = Watching(settings, self.store.engine, clock)
        self.watching.measure(self.store)
        observer = self.watching.observer
        self.ingest = Ingest(self.store, clock=clock, bus=self.bus, observer=observer)
        self.documents = Documents(self.store, cache_bytes=settings.cache_mib * MIB)
        self.news = News(settings, self.store.engine, self.index, self.bus, clock=clock, observer=observer)
        self.materialiser = Materialiser(
            self.store,
            self.index,
            self.documents,
            self.ingest,
            clock=clock,
            observer=observer,
            teller=self.news.teller,
        )
        self.waiters = CommandWatch(clock, None if self.company.alone else self.bus)
        self.gateway = Gateway(
            settings.gateway,
            name=settings.name,
            store=self.store,
            ingest=self.ingest,
            members=self.company.members,
            waiters=self.waiters,
            clock=clock,
            observer=observer,
            prices=settings.usage.prices(),
        )
        self._ingesting = self._group.create_task(self.ingest.run(), name="ingest")
        await self.materialiser.prepare()
        leading = led(self.company.leadership, "materialiser", self.materialiser.run)
        self._working.append(self._group.create_task(leading, name="materialise"))
        self._working.append(self._group.create_task(self._watch_store(), name="store-failure"))
        self._working += self._keep_house()
        await self.watching.start(self._group, self.company.leadership, self._gauges())
        access = AccessWatch(self.store.engine, lambda: self.gateway.links, clock)
        self._working.append(self._group.create_task(access.run(), name="access"))
        self._following += self.company.follow(
            self._group, self.gateway, self.waiters, self.documents, self.ingest
        )
        self.news.start(self._group, self.company.leadership)
        await self._start_api()
        await self.gateway.start()

    def _keep_house(self) -> list[asyncio.Task[None]]:
        """What goes by age, and what an operator on this host asks for."""
        sweeper = Sweeper(self.store, self.index, self.settings.retention, clock=self._clock)
        swept = led(self.company.leadership, "retention", sweeper.run)
        remover = Remover(self.store, self.index, clock=self._clock)
        removed = led(self.company.leadership, "removal", remover.run)
        tasks = [
            self._group.create_task(swept, name="retention"),
            self._group.create_task(removed, name="removal"),
        ]
        if isinstance(self.store, SqliteStore):
            calls = local_calls.LocalCalls(self.store, self.materialiser, clock=self._clock)
            handlers = {**calls.handlers(), **local_accounts.handlers(self.store, self._clock)}
            server = ControlServer(handlers, self.settings.data)
            tasks.append(self._group.create_task(local_calls.serve(server), name="local-calls"))
        return tasks

    def _gauges(self) -> Gauges:
        async def behind() -> int:
            return (await self.materialiser.lag()).batches

        return Gauges(lambda: self.gateway.sessions, lambda: self.ingest.queued_bytes, behind)

    async def _watch_store(self) -> None:
        """End the relay with the error of the disk: nothing of it may go on without its store."""
        raise await self.store.failure()

    async def _start_api(self) -> None:
        context = ApiContext(
            self.store,
            self.index,
            self.documents,
            self.gateway,
            self.waiters,
            self._clock,
            limits=Limits(self.settings.api.requests_per_second),
            cursors=await Cursors.open(self.store.engine),
            bus=self.bus,
            readiness=self.readiness,
            outlook=self.watching.outlook,
            webhooks=self.news.desk,
            prices=self.settings.usage.prices(),
        )
        listening = listen(self.settings.api)
        self._files.callback(listening.close)
        self._api_port = int(listening.getsockname()[1])
        self._routes = create_api(context)
        self._api = _Server(_uvicorn_config(self.watching.watched(self._routes), self.settings.api))
        self._serving = self._group.create_task(self._api.serve([listening]), name="api")
        while not self._api.started and not self._serving.done():
            await self._clock.sleep(STARTUP_POLL_SECONDS)

    def questions(self) -> Mapping[str, Question]:
        """What does not answer where this relay does not live: never a database on another machine, or the bus."""
        store = self.store
        return {"store": store.database.answers} if isinstance(store, SqliteStore) else {}

    async def standing(self) -> str:
        """How it stands, in one line."""
        count = self.gateway.sessions
        return f"{count} agent{'' if count == 1 else 's'} connected"

    def settle(self) -> None:
        """For a process that lives long: do now what the first request would wait for. Runs in a thread."""
        self._routes.openapi()  # the framework works its routes out when they are first asked for
        gc.collect()
        gc.freeze()  # what is there by now stays: later collections need not stop everything to look through it

    async def _stop(self) -> None:
        self.readiness.draining = True
        noticing = self._clock.monotonic() + (0.0 if self.company.alone else NOTICE_SECONDS)
        if hasattr(self, "gateway"):
            self.waiters.close()
            await self.gateway.stop()
        if hasattr(self, "_api"):
            await self._clock.sleep(max(noticing - self._clock.monotonic(), 0.0))
            self._api.should_exit = True
            await asyncio.wait([self._serving])
        if hasattr(self, "_ingesting"):
            self.ingest.stop()
            await asyncio.wait([self._ingesting], timeout=COMMIT_SECONDS)
            for task in (self._ingesting, *self._working):
                task.cancel()
            await self.news.stop()
            await self.watching.stop()
        await self._leave()

    async def _leave(self) -> None:
        """Last, for what ended before needed the store, its locks and the bus."""
        for task in getattr(self, "_following", ()):
            task.cancel()
        try:
            await self.company.members.leave()
        except GroundwireError as error:
            log.warning("relay_left_unnoticed", code=error.code, error=str(error))  # its lease ends by itself


def _first(group: BaseExceptionGroup[GroundwireError]) -> GroundwireError:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process, which may hold more than this server."""
        yield


def _uvicorn_config(app: object, settings: ApiSettings) -> uvicorn.Config:
    tls = settings.tls
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        log_config=None,
        access_log=False,  # ours names the route, theirs the path and query
        lifespan="off",
        server_header=False,
        limit_concurrency=settings.max_requests,
        timeout_graceful_shutdown=REQUESTS_END_SECONDS,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=16 * 1024,
        http="h11",
        ws="none",
        ssl_certfile=None if tls is None else tls.certificate,
        ssl_keyfile=None if tls is None else tls.key,
    )


async def run(settings: RelaySettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows: the event loop has no signal handlers
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    clock, manager = SystemClock(), manager_of(os.environ)
    async with AsyncExitStack() as stack:
        async with starting(manager, clock):
            relay = await stack.enter_async_context(RelayApp(settings, clock=clock))
            await asyncio.to_thread(relay.settle)
        manager.ready()
        telling = asyncio.create_task(report(manager, clock, relay.questions(), relay.standing))
        try:
            await stop.wait()
        finally:
            telling.cancel()
            manager.stopping(STOP_SECONDS)
        log.info("relay_stopping")
