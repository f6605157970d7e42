"""Everything that watches the relay, put together: the notes of health, alerts, metrics and traces."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog
from starlette.types import ASGIApp

from agent.clock import Clock
from agent.errors import ConfigurationError, GroundwireError
from agent.telemetry.sending import sending, sink_to
from agent.telemetry.spans import Nowhere
from agent.version import VERSION
from relay.api.watched import Watched
from relay.health.alerting import Alerting
from relay.health.facts import version_of
from relay.health.keeping import HealthStore
from relay.health.notes import HealthNotes
from relay.health.outlook import Outlook, OwnCertificate, none
from relay.leadership import Leadership
from relay.log_lines import LogLines, log_lines_wanted
from relay.observing import Observer, Observers
from relay.settings import RelaySettings
from relay.store.base import Store
from relay.store.sql import Engine
from relay.store.sqlstore import SqlStore
from relay.traces import Traces

if TYPE_CHECKING:
    from relay.metrics import Metrics, MetricsServer

log = structlog.get_logger()

SAMPLE_SECONDS: Final = 15.0  # between two looks at how far lists are behind


@dataclass(frozen=True, slots=True)
class Gauges:
    """What is asked for rather than told."""

    agents: Callable[[], int]
    queued_bytes: Callable[[], int]
    behind: Callable[[], Awaitable[int]]  # batches


class Watching:
    def __init__(self, settings: RelaySettings, engine: Engine, clock: Clock) -> None:
        tls = settings.gateway.tls
        certificate = none if tls is None else OwnCertificate(tls.certificate, clock)
        store = HealthStore(engine)
        self._settings = settings
        self._clock = clock
        self._notes = HealthNotes(store, clock)
        self._metrics = _metrics(settings, clock)
        self._server: MetricsServer | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.outlook = Outlook(_minimum(settings), certificate)
        self._alerting = Alerting(store, clock, certificate=certificate)
        self._spans = sink_to(settings.telemetry.otlp_endpoint, _resource(settings), clock)
        self._sending = AsyncExitStack()
        watchers: list[Observer] = [self._notes]
        if self._metrics is not None:
            watchers.append(self._metrics)
        if not isinstance(self._spans, Nowhere):
            watchers.append(Traces(self._spans, clock))
        if log_lines_wanted():
            watchers.append(LogLines())
        self.observer: Observer = Observers(*watchers)

    @property
    def metrics_port(self) -> int | None:
        return None if self._server is None else self._server.port

    def measure(self, store: Store) -> None:
        """Have its transactions measured, where anybody wants to know."""
        if self._metrics is None or not isinstance(store, SqlStore):
            return
        from relay.metrics import TimedEngine  # noqa: PLC0415 - loaded by then

        store.engine = TimedEngine(store.engine, self._metrics, self._clock)

    def watched(self, api: ASGIApp) -> ASGIApp:
        return Watched(api, self.observer, self._clock)

    async def start(self, group: asyncio.TaskGroup, leadership: Leadership, gauges: Gauges) -> None:
        self._tasks = [
            group.create_task(self._notes.run(), name="health"),
            group.create_task(self._alerting.run(leadership), name="alerts"),
        ]
        await self._sending.enter_async_context(sending(self._spans))
        if self._metrics is None:
            return
        from relay.metrics import MetricsServer  # noqa: PLC0415 - loaded by then

        self._metrics.connected(gauges.agents)
        self._metrics.queued(gauges.queued_bytes)
        self._server = MetricsServer(self._settings.metrics, self._metrics.registry)
        self._tasks.append(group.create_task(self._sample(self._metrics, gauges), name="metrics"))
        log.info("metrics_served", host=self._settings.metrics.host, port=self._server.port)

    async def stop(self) -> None:
        """Behind the gateway: that its agents have left is written down."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
            await self._notes.write()
        if self._server is not None:
            await asyncio.to_thread(self._server.close)
        await self._sending.aclose()

    async def _sample(self, metrics: Metrics, gauges: Gauges) -> None:
        while True:
            try:
                metrics.behind(await gauges.behind())
            except GroundwireError as error:
                log.debug("lag_not_known", code=error.code)  # who asks the store for more than this says so
            await self._clock.sleep(SAMPLE_SECONDS)


def _resource(settings: RelaySettings) -> dict[str, str]:
    return {
        "service.name": "groundwire-relay",
        "service.version": VERSION,
        "service.instance.id": settings.name,
    }


def _metrics(settings: RelaySettings, clock: Clock) -> Metrics | None:
    if not settings.metrics.enabled:
        return None
    try:
        from relay.metrics import Metrics  # noqa: PLC0415 - only where they are switched on
    except ImportError as error:
        raise ConfigurationError(
            "Metrics need the package prometheus-client.",
            where="metrics.enabled",
            hint="Install it with `pip install groundwire[relay]`, or set metrics.enabled to false.",
        ) from error
    return Metrics(clock)


def _minimum(settings: RelaySettings) -> tuple[int, ...] | None:
    text = settings.health.minimum_agent
    if not text:
        return None
    version = version_of(text)
    if version is None:
        raise ConfigurationError(
            f"{text!r} is not a version.", where="health.minimum_agent", hint='Write it as "1.2.3".'
        )
    return version
