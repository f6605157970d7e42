"""The configured connections as running things: each with its driver process, its streams and their schedule.

A change of the configuration stops and starts the connections it concerns and leaves the others alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from agent.clock import Clock
from agent.control import error_document
from agent.credentials.access import Access
from agent.errors import ConfigurationError, CredentialsRefused, GroundwireError, PolicyDenied, Restarting
from agent.hosting.driver import HostedDriver
from agent.mappings.columns import ColumnWatch, News
from agent.model.run import RunReport, RunTrigger, rfc3339
from agent.outbox.store import Outbox
from agent.policies.in_force import Leaves
from agent.policies.withdrawals import Withdrawals
from agent.run_id import new_run_id
from agent.seen_certificates import SeenCertificates
from agent.settings import ConnectionSettings, LimitsTable
from agent.stream_status import (
    error_of,
    last_complete,
    limits_status,
    report_of,
    schedule_document,
    state_of,
    stream_status,
)
from agent.streams import NoSource, streams_of
from agent.sync.cursor import Checkpoint, read_checkpoint
from agent.sync.quiet import Source
from agent.sync.runner import Runner, RunResult, Stream
from agent.sync.schedule import Schedule
from agent.sync.supervisor import Supervisor
from agent.sync.window import Since
from agent.telemetry.runs import RunTrace
from agent.telemetry.spans import Nowhere, SpanSink

log = structlog.get_logger(__name__)

DISCOVER: Final = "discover"  # the command that lets a source's schema leave
MAX_COLUMNS: Final = 20  # names in a status, of which there is one line for each stream
STOP_SECONDS: Final = 15.0  # for a page under way to become durable or be dropped, and the driver to sign off


@dataclass(slots=True)
class Connection:
    """One connection that is in force."""

    settings: ConnectionSettings  # as amended: what is in force
    driver: HostedDriver | None  # None where its secrets could not be read
    supervisor: Supervisor
    task: asyncio.Task[None]
    secrets: dict[str, str] = field(default_factory=dict, repr=False)  # as both drivers are opened with
    fault: GroundwireError | None = None  # why there is no driver
    further: tuple[HostedDriver, ...] = ()  # for streams that are read beside others
    aside: HostedDriver | None = None  # a second driver: what somebody waits for does not wait behind a read


class Connections:
    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        limits: LimitsTable,
        state_dir: Path,
        on_change: Callable[[], None],
        *,
        access: Access | None = None,
        leaving: Leaves,
        amend: Callable[[ConnectionSettings], ConnectionSettings] = lambda settings: settings,
        commands: Callable[[str], Sequence[str]] = lambda _: (),
        spans: SpanSink | None = None,
    ) -> None:
        """`leaving` says what of an entity's records may leave. `amend` lays what was changed at run time, such as a mapping, over what the files say.

        `commands` names the commands that the local policy allows for a connection.
        """
        self._spans: SpanSink = spans or Nowhere()
        self._leaving = leaving
        self._amend = amend
        self._commands = commands
        self._columns = ColumnWatch(state_dir, clock)
        self._certificates = SeenCertificates(on_change)
        self._outbox = outbox
        self._withdrawals = Withdrawals(outbox, leaving)
        self._clock = clock
        self._limits = limits
        self._access = access or Access(limits, state_dir, clock)
        self._on_change = on_change
        self._gate = asyncio.Semaphore(limits.parallel_runs)
        self._schedule = Schedule(self._look, clock, reconcile=self._look_to_reconcile)
        self._running: dict[str, Connection] = {}
        self._looked_after: set[str] = set()
        self._changing: set[str] = set()  # being stopped or started: a page under way takes its time to end
        self._held_back: frozenset[str] = frozenset()
        self._closed = False
        self.watchers: set[Callable[[RunReport], None]] = set()  # told of every page of every run

    async def mind_the_clock(self) -> None:
        await self._schedule.mind_the_clock()

    async def schedule_keeps_time(self) -> bool:
        return self._schedule.keeps_time()

    def start_schedule(self) -> None:
        self._schedule.start()

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._running.values())

    @property
    def looked_after(self) -> Collection[str]:
        """The connections of which nothing waits in the outbox that may not leave."""
        return self._looked_after

    async def _take_back(self, settings: ConnectionSettings) -> None:
        self._looked_after.discard(settings.name)
        for name, stream in settings.streams.items():
            await self._withdrawals.of_stream(
                f"{settings.name}/{name}", stream.entity, send_raw=stream.sync.send_raw
            )
        self._looked_after.add(settings.name)

    def named(self, name: str) -> Connection:
        """Raises ConfigurationError for a connection that is not there, Restarting for one that is there again soon."""
        if (found := self._running.get(name)) is not None:
            return found
        if name in self._changing:
            raise Restarting(where=name)
        raise ConfigurationError(
            f"there is no connection named {name!r}",
            hint=f"There are: {', '.join(sorted(self._running)) or 'none'}.",
        )

    def settings(self, name: str) -> ConnectionSettings:
        """A connection's settings in force. Raises ConfigurationError for one that is not there."""
        return self.named(name).settings

    def stream(self, connection: str, name: str) -> Stream:
        """A stream in force. Raises what keeps it from running, if anything does."""
        supervisor = self.named(connection).supervisor
        supervisor.require(name)
        return supervisor.streams[name]

    async def start(self, settings: ConnectionSettings, group: asyncio.TaskGroup) -> None:
        """Put a connection in force. What is wrong with it becomes its state, never an exception."""
        self._changing.add(settings.name)
        streams: dict[str, Stream] = {}
        faults: dict[str, GroundwireError] = {}
        driver: HostedDriver | None = None
        further: tuple[HostedDriver, ...] = ()
        refused: CredentialsRefused | None = None
        fault: GroundwireError | None = None
        secrets: dict[str, str] = {}
        try:
            settings = self._amend(settings)
            streams, faults = streams_of(settings, self._leaving)
            await self._take_back(settings)
            secrets = await asyncio.to_thread(self._access.secrets_of, settings)
            refused = await self._access.refusal(settings, secrets)
            driver = self._driver(settings, secrets)
            others = range(min(settings.limits.parallel_reads, max(1, len(streams))) - 1)
            further = tuple(self._driver(settings, secrets) for _ in others)
        except GroundwireError as error:
            log.warning(
                "connection_misconfigured", connection=settings.name, code=error.code, error=str(error)
            )
            fault, faults, streams = error, dict.fromkeys(settings.streams, error), {}
        there = {name: await self._checkpoint(stream) for name, stream in streams.items()}
        last = {name: await self._last_run(stream.address) for name, stream in streams.items()}
        paused = settings.name in await self._outbox.paused()
        if self._closed:
            return  # a reload that was under way when the agent began to stop: nobody would end what it begins
        supervisor = Supervisor(
            connection=settings.name,
            streams=streams,
            source=driver if driver is not None else NoSource(),
            further=further,
            make_runner=self._make_runner,
            new_run=lambda: new_run_id(self._clock.utcnow()),
            clock=self._clock,
            gate=self._gate,
            faults=faults,
            on_change=self._on_change,
            on_progress=self._tell_watchers,
            on_refused=lambda error: self._access.tell_refused(settings.name, error),
            on_restored=lambda: self._access.tell_restored(settings.name),
            refused=refused,
            doubted=refused is None and self._access.knows_refusal(settings),
            paused=paused,
            held_back=settings.name in self._held_back,
        )
        for name in streams:
            supervisor.views[name] = replace(
                supervisor.views[name],
                remap=there[name].needs_remap(streams[name].form),
                report=last[name],
                reconciled=there[name].reconciled,
            )
        task = group.create_task(supervisor.run(), name=f"connection {settings.name}")
        self._running[settings.name] = Connection(settings, driver, supervisor, task, secrets, fault, further)
        self._changing.discard(settings.name)
        for name, stream in streams.items():
            self._schedule.add(stream.address, settings.streams[name].sync, last_complete(last[name]))
        log.info("connection_started", connection=settings.name, streams=len(streams), faulty=len(faults))
        self._on_change()

    async def stop(self, name: str) -> None:
        """Take a connection out of force, if it is: its last durable page stands, nothing is half done."""
        self._looked_after.discard(name)
        connection = self._running.pop(name, None)
        if connection is None:
            return
        self._changing.add(name)
        for stream in connection.settings.streams:
            self._schedule.remove(f"{name}/{stream}")
        connection.task.cancel()
        await asyncio.wait({connection.task}, timeout=STOP_SECONDS)
        for driver in (connection.driver, *connection.further, connection.aside):
            if driver is not None:
                await driver.aclose()
        self._changing.discard(name)
        log.info("connection_stopped", connection=name)

    async def stop_all(self) -> None:
        self._closed = True
        self._schedule.stop()
        async with asyncio.TaskGroup() as group:
            for name in list(self._running):
                group.create_task(self.stop(name))
        await self._access.settled()

    def make_driver(self, settings: ConnectionSettings) -> HostedDriver:
        """A further driver, with the secrets as they are now. Raises ConfigurationError for one that cannot be read."""
        return self._driver(settings, self._access.secrets_of(settings))

    def _driver(self, settings: ConnectionSettings, secrets: dict[str, str]) -> HostedDriver:
        def in_force() -> Supervisor | None:
            connection = self._running.get(settings.name)
            return connection.supervisor if connection and connection.secrets == secrets else None

        def refused(error: CredentialsRefused) -> None:
            if (supervisor := in_force()) is not None:
                supervisor.refuse(error)

        def accepted() -> None:
            if (supervisor := in_force()) is not None:
                supervisor.restore()

        shown = partial(self._certificates.note, settings)
        return self._access.driver(
            settings, secrets, on_refused=refused, on_accepted=accepted, on_certificates=shown
        )

    def aside(self, name: str) -> HostedDriver:
        """The connection's second driver, for what must not wait behind a read: writes, checks, single records.

        Raises ConfigurationError for a connection that is not there, or whose secrets cannot be read, and
        CredentialsRefused as `require_credentials` does.
        """
        connection = self.named(name)
        connection.supervisor.require_credentials()
        if connection.fault is not None:
            raise connection.fault  # without its secrets it would sign in with none, and so often lock the account
        if connection.aside is None:
            connection.aside = self._driver(connection.settings, connection.secrets)
        return connection.aside

    def require_credentials(self, name: str) -> None:
        """Raise CredentialsRefused while the connection's source refuses its credentials.

        Whatever does not come from a person at this host asks first: each further try may lock the account.
        """
        self.named(name).supervisor.require_credentials()

    def require_running(self, name: str) -> None:
        """Raise Paused while somebody wants nothing of the connection to run."""
        self.named(name).supervisor.require_running()

    async def pause(self, name: str) -> None:
        """Let nothing of a connection run, also after a restart, until `resume`."""
        supervisor = self.named(name).supervisor
        await self._outbox.pause(name)
        supervisor.pause()

    async def resume(self, name: str) -> None:
        supervisor = self.named(name).supervisor
        await self._outbox.resume(name)
        supervisor.resume()

    def require(self, wanted: Sequence[tuple[str, str]]) -> None:
        """Raise what keeps one of the (connection, stream) pairs from running, if anything does."""
        for connection, stream in wanted:
            supervisor = self.named(connection).supervisor
            supervisor.require_running()
            supervisor.require(stream)

    def start_syncs(
        self,
        wanted: Sequence[tuple[str, str]],
        trigger: RunTrigger,
        *,
        full: bool,
        since: Since | None = None,
        accept_deletions: bool = False,
        reconcile: bool = False,
    ) -> list[asyncio.Future[RunResult]]:
        """Ask for runs of (connection, stream) pairs, after having looked that each can run."""
        self.require(wanted)
        return [
            self.named(connection).supervisor.ask(
                stream,
                trigger,
                full=full,
                since=since,
                accept_deletions=accept_deletions,
                reconcile=reconcile,
            )
            for connection, stream in wanted
        ]

    def choose(
        self, connection: str, streams: Sequence[str] | None = None, entities: Sequence[str] | None = None
    ) -> list[tuple[str, str]]:
        """The streams of a connection that are named, or that hold one of the entities.

        Where neither is given: all of which something may leave; all whatever, if nothing may leave of any.
        Raises ConfigurationError for a name that is not there.
        """
        there = self.named(connection)
        settings, chosen = there.settings, list(there.settings.streams)
        if streams is None and entities is None:
            faults = there.supervisor.faults
            leaving = [name for name in chosen if not isinstance(faults.get(name), PolicyDenied)]
            return [(connection, name) for name in leaving or chosen]
        if streams is not None:
            _refuse_unknown(streams, chosen, f"the connection {connection} has no stream named")
            chosen = [name for name in chosen if name in streams]
        if entities is not None:
            known = [stream.entity for stream in settings.streams.values()]
            _refuse_unknown(entities, known, f"the connection {connection} has no stream of the entity")
            chosen = [name for name in chosen if settings.streams[name].entity in entities]
        return [(connection, name) for name in chosen]

    def addressed(self, texts: Sequence[str]) -> list[tuple[str, str]]:
        """The streams that "connection" and "connection/stream" name; every stream where nothing is named."""
        found: dict[tuple[str, str], None] = {}
        for text in texts or self._running:
            connection, slash, stream = text.partition("/")
            found |= dict.fromkeys(self.choose(connection, [stream] if slash else None))
        return list(found)

    def fetch(
        self, keys: Mapping[str, Sequence[str]], trigger: RunTrigger
    ) -> list[asyncio.Future[RunResult]]:
        """Read records again by key; `keys` by stream address."""
        futures = []
        for address, wanted in keys.items():
            connection, _, stream = address.partition("/")
            futures.append(self.named(connection).supervisor.fetch(stream, trigger, tuple(wanted)))
        return futures

    def connections(self) -> list[dict[str, Any]]:
        """Each connection as the relay may see it; JSON-ready, without the words of any error."""
        return [
            self._connection_status(one, columns=DISCOVER in self._commands(one.settings.name))
            for one in self._running.values()
        ]

    def local_status(self) -> list[dict[str, Any]]:
        """The same for the operator at this host, who may read what an error says."""
        found = [self._connection_status(one, columns=True) for one in self._running.values()]
        for status in found:
            there = self._running[status["name"]]
            status["limits"] = limits_status(there.settings, there.supervisor.held_seconds)
            for stream in status["streams"]:
                error = there.supervisor.views[stream["name"]].error
                stream["error"] = error_document(error) if error else None
                stream["quietUntil"] = self._quiet_until(there, stream["name"])
                stream["schedule"] = schedule_document(there.settings.streams[stream["name"]].sync)
        return found

    def column_news(self, connection: str, stream: str) -> News:
        """Columns of the source that nobody has been told of yet."""
        there = self._running.get(connection)
        known = there.supervisor.streams.get(stream) if there is not None else None
        used = known.mapping.source_columns if known is not None else ()
        return self._columns.news(connection, stream, used)

    def accept_columns(self, connection: str, stream: str) -> News:
        """Somebody has seen what is new in a source and what is gone."""
        news = self._columns.accept(connection, stream)
        self._on_change()
        return news

    def hold_back(self, names: Collection[str]) -> None:
        """The relay takes nothing of these: the schedule does not read them until it does."""
        self._held_back = frozenset(names)
        for name, connection in self._running.items():
            connection.supervisor.held_back = name in self._held_back

    def needs_remap(self, connection: str, stream: str) -> bool:
        """Whether the relay may hold records of another form than the one in force."""
        there = self._running.get(connection)
        view = there.supervisor.views.get(stream) if there is not None else None
        return view is not None and view.remap

    def _connection_status(self, connection: Connection, *, columns: bool) -> dict[str, Any]:
        """`columns`: whether names of the source's columns may be told."""
        settings, views = connection.settings, connection.supervisor.views
        paused = connection.supervisor.paused
        return {
            "name": settings.name,
            "system": settings.system or settings.driver,
            "driver": settings.driver,
            "state": state_of(views, paused=paused),
            "paused": paused,
            "error": error_of(views),
            "commands": list(self._commands(settings.name)),
            **self._certificates.status(settings),
            "streams": [
                {
                    "name": name,
                    "entity": settings.streams[name].entity,
                    **stream_status(view, self._schedule.next_look(f"{settings.name}/{name}")),
                    **(self._column_status(settings.name, name) if columns else {}),
                }
                for name, view in views.items()
            ],
        }

    def _quiet_until(self, connection: Connection, stream: str) -> str | None:
        known = connection.supervisor.streams.get(stream)
        until = known.rest.until(self._clock.utcnow()) if known is not None else None
        return rfc3339(until) if until is not None else None

    def _column_status(self, connection: str, stream: str) -> dict[str, Any]:
        news = self.column_news(connection, stream)
        return {"newColumns": news.new[:MAX_COLUMNS], "goneColumns": news.gone[:MAX_COLUMNS]}

    def _tell_watchers(self, report: RunReport) -> None:
        for watcher in tuple(self.watchers):
            watcher(report)

    def _look(self, address: str) -> None:
        name, _, stream = address.partition("/")
        if (connection := self._running.get(name)) is not None:
            connection.supervisor.look(stream)

    def _look_to_reconcile(self, address: str) -> None:
        name, _, stream = address.partition("/")
        if (connection := self._running.get(name)) is not None:
            connection.supervisor.look_to_reconcile(stream)

    def _make_runner(self, stream: Stream, source: Source, progress: Callable[[RunReport], None]) -> Runner:
        outbox, read_from = self._outbox, source
        if not isinstance(self._spans, Nowhere):
            trace = RunTrace(self._spans, self._clock)
            outbox, read_from, progress = trace.outbox(outbox), trace.source(source), trace.progress(progress)
        return Runner(
            stream,
            read_from,
            outbox,
            self._clock,
            progress,
            look=lambda: self._columns.look(stream, source),
        )

    async def _checkpoint(self, stream: Stream) -> Checkpoint:
        try:
            return read_checkpoint(await self._outbox.last_checkpoint(stream.address))
        except GroundwireError:
            return Checkpoint()  # the stream's next run says what is wrong with it

    async def _last_run(self, address: str) -> RunReport | None:
        runs = await self._outbox.runs(address, 1)
        return report_of(runs[0]) if runs else None


def _refuse_unknown(names: Sequence[str], known: Sequence[str], sentence: str) -> None:
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"{sentence} {name!r}", hint=f"There are: {', '.join(sorted(set(known)))}."
            )
