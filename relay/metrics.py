"""Metrics of the relay in Prometheus' form. docs/relay-metrics.md names each; a test holds the page against this.

Labels are few and bounded: never a tenant, an agent, a connection or anything of a record. Imported only where they are
switched on.
"""

from __future__ import annotations

import ssl
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, TypeVar
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)

from agent.clock import Clock
from agent.errors import ConfigurationError
from agent.version import VERSION
from relay import kinds
from relay.lifecycle import Command
from relay.observing import Answered, Commit, Observer, Outcome, Round, Settled, Word
from relay.settings import Metrics as MetricsSettings
from relay.store.base import Agent, AppendOutcome
from relay.store.sql import Engine, Sql

T = TypeVar("T")

PREFIX: Final = "groundwire_relay"
OTHER: Final = "other"
MAX_WAITING: Final = 10_000  # commands whose outcome is waited for, to say how long they took
KINDS: Final = frozenset(kinds.DEADLINES)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLOW: Final = (0.01, 0.03, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)


disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series beside each, which nothing asks for


class Metrics(Observer):
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sent: OrderedDict[str, float] = OrderedDict()
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        Info(PREFIX, "The relay.", registry=self.registry).info({"version": VERSION})
        self._gateway()
        self._ingest()
        self._rest()

    def _gateway(self) -> None:
        self._connected = self._gauge("agents_connected", "Agents connected to this process now.")
        self._sessions = self._counter("agent_sessions", "Sessions of agents that began.")
        self._away = self._counter("agents_turned_away", "Agents that were not let in.", "reason")
        self._words = self._counter("status_frames", "Statuses that agents told.")

    def _ingest(self) -> None:
        self._batches = self._counter(
            "batches", "Batches that were answered, by what became of them.", "kind", "outcome"
        )
        self._records = self._counter("records", "Records in batches that were stored.", "kind")
        self._bytes = self._counter("batch_bytes", "Payload of batches that were stored.")
        self._acks = self._histogram("ack_seconds", "From a batch's arrival to its ack.", FAST)
        self._commits = self._histogram("commit_seconds", "One transaction of batches.", FAST)
        self._together = self._histogram(
            "commit_batches", "Batches in one transaction.", (1, 2, 4, 8, 16, 32, 64, 128, 256)
        )
        self._queued = self._gauge("ingest_queued_bytes", "Payload that waits to be stored.")
        self._materialised = self._counter("materialised_batches", "Batches that lists show.")
        self._rounds = self._histogram("materialise_seconds", "One transaction of the index.", SLOW)
        self._behind = self._gauge("materialiser_lag_batches", "Stored batches that lists do not show yet.")

    def _rest(self) -> None:
        self._commands = self._counter("commands_sent", "Commands given to agents, repeats counted.", "kind")
        self._outcomes = self._counter("commands_finished", "Outcomes that agents brought.", "state")
        self._round_trips = self._histogram("command_seconds", "From sending a command to its outcome.", SLOW)
        self._requests = self._counter("api_requests", "Requests answered.", "method", "route", "status")
        self._answers = self._histogram("api_request_seconds", "From a request to its answer.", FAST, "route")
        self._attempts = self._counter(
            "webhook_attempts", "Attempts to deliver, by what came of it.", "outcome"
        )
        self._deliveries = self._histogram("webhook_attempt_seconds", "One attempt to deliver.", SLOW)
        self._store = self._histogram("store_seconds", "One transaction of the store.", FAST, "operation")

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(f"{PREFIX}_{name}", words, labels, registry=self.registry)

    def _gauge(self, name: str, words: str) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", words, registry=self.registry)

    def _histogram(self, name: str, words: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"{PREFIX}_{name}", words, labels, buckets=buckets, registry=self.registry)

    def queued(self, size: Callable[[], int]) -> None:
        """Asked whenever somebody scrapes."""
        self._queued.set_function(size)

    def behind(self, batches: int) -> None:
        self._behind.set(batches)

    def agent_arrived(self, agent: Agent) -> None:  # noqa: ARG002 - counted, not named
        self._sessions.inc()

    def connected(self, count: Callable[[], int]) -> None:
        """Asked whenever somebody scrapes."""
        self._connected.set_function(count)

    def turned_away(self, reason: str) -> None:
        self._away.labels(reason).inc()

    def told(self, word: Word) -> None:  # noqa: ARG002 - counted, not read
        self._words.inc()

    def settled(self, settled: Settled) -> None:
        batch = settled.batch
        self._batches.labels(batch.kind, settled.outcome.value).inc()
        took = self._clock.utcnow() - batch.received_at
        self._acks.observe(max(0.0, took.total_seconds()))
        if settled.outcome is AppendOutcome.APPENDED:
            self._records.labels(batch.kind).inc(batch.count)
            self._bytes.inc(len(batch.payload))

    def committed(self, commit: Commit) -> None:
        self._commits.observe(commit.seconds)
        self._together.observe(len(commit.batches))

    def materialised(self, done: Round) -> None:
        self._materialised.inc(len(done.headers))
        self._rounds.observe(done.seconds)

    def command_sent(self, command: Command) -> None:
        self._commands.labels(command.kind if command.kind in KINDS else OTHER).inc()
        self._sent[command.id] = self._clock.monotonic()
        while len(self._sent) > MAX_WAITING:
            self._sent.popitem(last=False)

    def command_answered(self, outcome: Outcome) -> None:
        self._outcomes.labels(outcome.state.value).inc()
        sent = self._sent.pop(outcome.command, None)
        if sent is not None:
            self._round_trips.observe(self._clock.monotonic() - sent)

    def request_answered(self, answered: Answered) -> None:
        method = answered.method if answered.method in METHODS else OTHER
        self._requests.labels(method, answered.route, str(answered.status)).inc()
        self._answers.labels(answered.route).observe(answered.seconds)

    def webhook_attempted(self, outcome: str, seconds: float) -> None:
        self._attempts.labels(outcome).inc()
        self._deliveries.observe(seconds)

    def store_took(self, operation: str, seconds: float) -> None:
        self._store.labels(operation).observe(seconds)


class TimedEngine:
    """An engine whose transactions are measured, from when they are asked for."""

    def __init__(self, engine: Engine, metrics: Metrics, clock: Clock) -> None:
        self._engine = engine
        self._metrics = metrics
        self._clock = clock

    async def read(self, work: Callable[[Sql], T]) -> T:
        begun = self._clock.monotonic()
        try:
            return await self._engine.read(work)
        finally:
            self._metrics.store_took("read", self._clock.monotonic() - begun)

    async def recall(self, name: Hashable, work: Callable[[Sql], T]) -> T:
        begun, read = self._clock.monotonic(), False

        def reading(db: Sql) -> T:
            nonlocal read
            read = True
            return work(db)

        try:
            return await self._engine.recall(name, reading)
        finally:
            if read:  # what was remembered took nothing of the store
                self._metrics.store_took("read", self._clock.monotonic() - begun)

    async def write(self, work: Callable[[Sql], T]) -> T:
        begun = self._clock.monotonic()
        try:
            return await self._engine.write(work)
        finally:
            self._metrics.store_took("write", self._clock.monotonic() - begun)


class MetricsServer:
    """Answers whoever scrapes, in a thread of its own."""

    def __init__(self, settings: MetricsSettings, registry: CollectorRegistry) -> None:
        tls = settings.tls
        try:
            self._server: WSGIServer
            self._server, self._thread = start_http_server(
                settings.port,
                settings.host,
                registry,
                certfile=None if tls is None else str(tls.certificate),
                keyfile=None if tls is None else str(tls.key),
            )
        except OSError as error:
            raise ConfigurationError(
                f"Metrics cannot be served on {settings.host}:{settings.port}: {error.strerror}",
                where="metrics.port",
                hint="Another program may use the port; choose another one in relay.toml.",
            ) from error
        if isinstance(self._server.socket, ssl.SSLSocket):
            # Each connection shakes hands in its own thread: one that says nothing must hold up nobody, nor `close`.
            self._server.socket.do_handshake_on_connect = False  # type: ignore[attr-defined]  # the stubs lack it

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def close(self) -> None:
        """Blocks for up to half a second."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
