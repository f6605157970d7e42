"""Figures for Prometheus, on loopback alone. docs/metrics.md names each; a test holds the page against this.

Everything but the runs is read from the status when somebody scrapes, so that no figure is made twice. Imported only where
it is switched on.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from datetime import datetime
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    make_wsgi_app,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agent.certificates import RELAY
from agent.clock import Clock
from agent.findings import Level
from agent.model.run import RunReport, RunStatus
from agent.sync.supervisor import StreamState
from agent.version import VERSION

log = structlog.get_logger(__name__)

PREFIX: Final = "groundwire_agent"
HOST: Final = "127.0.0.1"
NAMES: Final = frozenset(
    {HOST, "localhost", "[::1]", ""}
)  # in the Host header; a tunnel's port may be another
SILENT_SECONDS: Final = 10.0  # of whoever connects and asks nothing
SCRAPE_SECONDS: Final = 8.0  # for the agent to say how it stands; Prometheus waits ten
RUN_SECONDS: Final = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0)
MOVED: Final = ("batches", "records", "bytes")

Ask = Callable[[], Awaitable[Mapping[str, Any]]]

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series beside each, which nothing asks for


class Metrics:
    """The registry, and what is counted as it happens."""

    def __init__(self, ask: Ask, clock: Clock) -> None:
        """`ask`: for the document of the status call."""
        self.registry = CollectorRegistry()
        self._status = StatusCollector(ask, clock)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.registry.register(self._status)
        labels = ("connection", "status")
        self._runs = Counter(f"{PREFIX}_runs", "Runs that ended.", labels, registry=self.registry)
        self._seconds = Histogram(
            f"{PREFIX}_run_seconds",
            "From the start of a run to its end.",
            buckets=RUN_SECONDS,
            registry=self.registry,
        )

    def run_told(self, report: RunReport) -> None:
        """Of each page of each run; the last word of a run is the one that counts."""
        if report.status is RunStatus.RUNNING or report.finished_at is None:
            return
        self._runs.labels(report.connection, report.status.value).inc()
        self._seconds.observe(max(0.0, (report.finished_at - report.started_at).total_seconds()))

    async def serve(self, port: int) -> None:
        """Until cancelled. A port that is taken is told of, and ends nothing."""
        self._status.begin(asyncio.get_running_loop())
        server: WSGIServer
        thread: threading.Thread
        try:
            server, thread = await asyncio.to_thread(_started, port, self.registry)
        except OSError as error:
            log.warning(
                "metrics_not_served",
                port=port,
                error=error.strerror,
                hint="Another program may use the port; choose another one as [metrics] port in agent.toml.",
            )
            return
        log.info("metrics_served", port=int(server.server_port))
        try:
            await asyncio.Event().wait()
        finally:
            self._status.end()
            await asyncio.to_thread(_close, server, thread)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever left in the middle is no news, and standard error belongs to the log."""


class _Handler(WSGIRequestHandler):
    timeout = SILENT_SECONDS

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """No line for each request."""


def _started(port: int, registry: CollectorRegistry) -> tuple[WSGIServer, threading.Thread]:
    server = make_server(HOST, port, _by_its_own_name(make_wsgi_app(registry)), _Server, _Handler)
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    return server, thread


def _by_its_own_name(app: Callable[..., Any]) -> Callable[..., Any]:
    """A page in a browser of this host that has its own name lead here reads nothing."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        host = str(environ.get("HTTP_HOST", "")).lower()
        name, colon, port = host.rpartition(":")
        if (name if colon and port.isdecimal() else host) in NAMES:
            return app(environ, start)
        start("421 Misdirected Request", [("Content-Type", "text/plain")])
        return [b"This answers to 127.0.0.1 and localhost alone.\n"]

    return answer


def _close(server: WSGIServer, thread: threading.Thread) -> None:
    server.shutdown()
    server.server_close()
    thread.join()


class StatusCollector(Collector):
    """Asks the agent, whose loop runs in another thread, whenever somebody scrapes."""

    def __init__(self, ask: Ask, clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def end(self) -> None:
        self._loop = None

    def describe(self) -> Iterable[Metric]:
        return ()  # or registering would ask

    def collect(self) -> Iterator[Metric]:
        yield _gauge("info", "The agent.", 1.0, version=VERSION)
        loop = self._loop
        if loop is None:
            return
        asked = asyncio.run_coroutine_threadsafe(self._told(), loop)
        try:
            status = asked.result(SCRAPE_SECONDS)
        except Exception as error:  # noqa: BLE001 - whoever scrapes gets what there is, such as the process' own
            asked.cancel()
            log.debug("metrics_not_known", error=type(error).__name__)
            return
        yield from families_of(status, self._clock.utcnow())

    async def _told(self) -> Mapping[str, Any]:
        return await self._ask()


def families_of(status: Mapping[str, Any], now: datetime) -> Iterator[Metric]:
    """Pure: the status as metrics."""
    yield from _of_backlog(status, now)
    yield from _of_flow((status.get("figures") or {}).get("since_start") or {})
    yield from _of_connections(status)
    doubts = (status.get("commands") or {}).get("in_doubt", 0)
    yield _gauge("commands_in_doubt", "Writes of which nobody can tell what became of them.", doubts)
    found = (status.get("verdict") or {}).get("findings") or []
    family = GaugeMetricFamily(f"{PREFIX}_findings", "What the status has to say.", labels=["level"])
    for level in (Level.PROBLEM, Level.WARNING, Level.NOTICE):
        family.add_metric([level.value], sum(one["level"] == level.value for one in found))
    yield family


def _of_backlog(status: Mapping[str, Any], now: datetime) -> Iterator[Metric]:
    relay, outbox = status["relay"], status["outbox"]
    backlog = (status.get("figures") or {}).get("backlog") or {}
    oldest = backlog.get("oldest_at")
    last = (status.get("figures") or {}).get("last_acked") or {}
    acked = relay.get("last_ack") or last.get("acked_at")  # the second is of an earlier life too
    numbers = (
        ("connected", "Whether the tunnel stands.", relay["phase"] == "connected"),
        ("pending_batches", "Batches that are not acked.", outbox["pending_batches"]),
        ("pending_records", "Records in them.", backlog.get("records")),
        ("pending_bytes", "Their payload.", outbox["pending_bytes"]),
        ("oldest_pending_seconds", "How long the oldest has waited.", _age(oldest, now) if oldest else 0.0),
        ("outbox_high_water_bytes", "Where reading pauses.", backlog.get("high_water_bytes")),
        ("outbox_file_bytes", "The outbox's file.", outbox["file_bytes"]),
        ("outbox_full_in_seconds", "Until reading would pause.", backlog.get("full_in_seconds")),
        ("disk_free_bytes", "Free on the disk of the state folder.", backlog.get("disk_free_bytes")),
        ("reading_paused", "Whether reading waits for the relay.", outbox["reading_paused"]),
        ("last_ack_timestamp_seconds", "When the relay acked last.", _seconds(acked) if acked else None),
    )
    for name, words, value in numbers:
        if value is not None:
            yield _gauge(name, words, float(value))


def _of_flow(since_start: Mapping[str, Mapping[str, int]]) -> Iterator[Metric]:
    for way, words in (("enqueued", "written to the outbox"), ("acked", "acked by the relay")):
        for what in MOVED:
            family = CounterMetricFamily(f"{PREFIX}_{way}_{what}", f"What was {words}, in {what}.")
            family.add_metric([], since_start.get(way, {}).get(what, 0))
            yield family


def _of_connections(status: Mapping[str, Any]) -> Iterator[Metric]:
    letters = GaugeMetricFamily(f"{PREFIX}_dead_letters", "Records that cannot pass.", labels=["connection"])
    streams = GaugeMetricFamily(f"{PREFIX}_streams", "Streams in each state.", labels=["connection", "state"])
    paused = GaugeMetricFamily(f"{PREFIX}_connection_paused", "Whether it is paused.", labels=["connection"])
    held: dict[str, int] = {}
    for stream, one in (status["outbox"].get("streams") or {}).items():
        name = stream.partition("/")[0]
        held[name] = held.get(name, 0) + one["dead_letters"]
    for connection in status["connections"]:
        name = connection["name"]
        letters.add_metric([name], held.get(name, 0))
        paused.add_metric([name], float(bool(connection.get("paused"))))
        states = [stream["state"] for stream in connection["streams"]]
        for state in StreamState:
            streams.add_metric([name, state.value], states.count(state.value))
    yield from (letters, streams, paused, _of_certificates(status))


def _of_certificates(status: Mapping[str, Any]) -> Metric:
    ends = GaugeMetricFamily(
        f"{PREFIX}_certificate_end_timestamp_seconds",
        "When the certificate ends that a hop showed last.",
        labels=["connection", "hop"],
    )
    relay = status["relay"].get("certificate_ends")
    if relay:
        ends.add_metric(["", RELAY], _seconds(relay))
    for connection in status["connections"]:
        for one in connection.get("certificates") or []:
            ends.add_metric([connection["name"], one["hop"]], _seconds(one["expiresAt"]))
    return ends


def _gauge(name: str, words: str, value: float, **labels: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"{PREFIX}_{name}", words, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family


def _age(moment: str, now: datetime) -> float:
    return max(0.0, (now - datetime.fromisoformat(moment)).total_seconds())


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
