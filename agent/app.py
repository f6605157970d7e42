"""The composition root: builds every part, starts them in order, and stops them in order.

Up:   outbox, audit log -> control socket -> connections -> commands, link -> schedule -> configuration watch
Down: schedule -> runs under way -> drivers -> link, drained -> audit log, outbox
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import structlog

from agent.access import Access
from agent.audit.log import AuditLog, BriefTrail, open_trail
from agent.audit.trail import AGENT
from agent.audit.who import current_actor
from agent.calls.audited import RefusedSignIns, audited
from agent.calls.commands import CommandCalls
from agent.calls.mappings import MappingCalls
from agent.calls.policy import PolicyCalls
from agent.calls.secrets import SecretCalls
from agent.checking import mapping_problems
from agent.clock import Clock, SystemClock
from agent.commands.executor import Executor
from agent.commands.mappings import mapping_kinds
from agent.commands.ports import State
from agent.commands.systems import StatusWithOperations, connect_writes
from agent.configuration.watch import ConfigWatcher
from agent.connections import Connections
from agent.control import ControlServer, caller
from agent.errors import ConfigurationError, GroundwireError, NotPermitted
from agent.identity import IdentityStore
from agent.kinds import command_kinds
from agent.local_calls import LocalCalls
from agent.mappings.service import Mappings, amend
from agent.mappings.versions import VersionStore
from agent.model.run import RunReport, RunTrigger
from agent.outbox.store import Limits, Outbox
from agent.policies import Policies
from agent.policy_key import PolicyKey
from agent.protocol.frames import Result
from agent.reloads import Reloads
from agent.secret_changes import PROXY, SecretChanges
from agent.settings import ConnectionSettings, Settings
from agent.sync.interrupted import close_interrupted_runs
from agent.sync.runner import RunResult
from agent.tracing import TracedCommands, TracedOutbox, Tracing
from agent.tunnel.endpoint import Endpoint, Proxy, make_endpoint, make_proxy
from agent.tunnel.link import Link
from agent.vault.references import resolve
from agent.version import SOFTWARE
from agent.withdrawals import Withdrawals

log = structlog.get_logger(__name__)

OUTBOX_FILE: Final = "outbox.db"
PRUNE_SECONDS: Final = 300.0  # between two looks at what has left the replay window
WIND_UP_SECONDS: Final = 5.0  # of the limit for stopping: kept for what comes before and after the drain
LEAST_DRAIN_SECONDS: Final = 1.0  # for the acks of what is on its way, however long the runs took to stop


class App:
    """One agent. `run` is its life; `stop` asks it to end and may be called from a signal handler."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._stopping = asyncio.Event()
        self._amend = partial(amend, VersionStore(settings.state_dir))
        self._watcher = ConfigWatcher(settings, self._clock, judge=self._problems)

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Run until stopped. Raises the GroundwireError that made it impossible to start or to go on."""
        await asyncio.to_thread(_make_state_folder, self._settings.state_dir)
        identities = IdentityStore(self._settings.state_dir)
        await asyncio.to_thread(identities.load)  # not enrolled is said before anything is opened
        async with AsyncExitStack() as stack:
            outbox = await stack.enter_async_context(await self._open_outbox())
            trail = AuditLog(
                self._settings.state_dir, clock=self._clock, retention=self._settings.audit.retention
            )
            stack.push_async_callback(trail.aclose)
            await trail.happened("agent_started", AGENT, _started(self._settings))
            because = "fault"
            try:
                await _unwrapped(self._live(outbox, identities, trail))
                because = "asked"
            except GroundwireError as error:
                because = error.code
                raise
            finally:
                await trail.happened("agent_stopped", AGENT, {"because": because})

    async def run_once(
        self,
        wanted: Sequence[tuple[str, str]] | None = None,
        *,
        full: bool = False,
        accept_deletions: bool = False,
        progress: Callable[[RunReport], None] | None = None,
    ) -> list[RunResult]:
        """Sync streams into the outbox without a running agent; what is enqueued travels when the agent runs."""
        results: list[RunResult] = []

        async def body(outbox: Outbox) -> None:
            async with _living_group(outbox) as group:
                connections = self._make_connections(outbox, lambda: None, policies, access)
                if progress is not None:
                    connections.watchers.add(progress)
                try:
                    for settings in self._settings.connections.values():
                        if settings.enabled and (
                            wanted is None or settings.name in {name for name, _ in wanted}
                        ):
                            await connections.start(settings, group)
                    chosen = list(wanted) if wanted is not None else connections.choose_all()
                    futures = connections.start_syncs(
                        chosen, RunTrigger.MANUAL, full=full, accept_deletions=accept_deletions
                    )
                    results.extend(await asyncio.gather(*futures))
                finally:
                    await connections.stop_all()
                    await access.settled()

        async with await self._open_outbox() as outbox:
            streams = [f"{name}/{stream}" for name, stream in wanted] if wanted is not None else []
            state_dir, retention = self._settings.state_dir, self._settings.audit.retention
            async with open_trail(state_dir, self._clock, retention) as trail:
                call = "resync" if full else "sync"
                facts = {"call": call, "streams": streams, "accept_deletions": accept_deletions}
                await trail.record("local_action", current_actor(), facts)
                policies = self._make_policies(trail, outbox)
                await policies.start()
            told = BriefTrail(state_dir, self._clock, retention)
            access = Access(self._settings.limits, state_dir, self._clock, audit=told)
            await _unwrapped(body(outbox))
        return results

    async def _live(self, outbox: Outbox, identities: IdentityStore, trail: AuditLog) -> None:
        async with _living_group(outbox) as group:

            def status_changed() -> None:
                link.status_changed()
                matrices.look()

            async def send_result(command: str, state: str, result: Mapping[str, Any]) -> None:
                await commands.result(command, state, result)
                await link.send_result(Result(command, state, dict(result)))

            async def restart(connection: str) -> None:
                await reloads.restart(connection)

            policies = self._make_policies(trail, outbox)
            await policies.start()
            access = Access(self._settings.limits, self._settings.state_dir, self._clock, audit=trail)
            tracing = self._make_tracing(trail)
            traced = cast("Outbox", TracedOutbox(outbox, tracing))
            connections = self._make_connections(traced, status_changed, policies, access)
            take_back = partial(
                Withdrawals(outbox, policies.leaving).elsewhere, lambda: connections.looked_after
            )
            mappings = Mappings(
                self._settings.state_dir,
                self._clock,
                trail,
                files=lambda: self._watcher.settings.connections,
                aside=lambda name: nullcontext(connections.aside(name)),
                restart=restart,
            )

            async def put_in_force(users: Sequence[str]) -> None:
                if PROXY in users:
                    link.endpoint = endpoint_of(self._watcher.settings, identities.load().relay_url)
                await reloads.restart(*(user for user in users if user != PROXY))

            matrices, writing = connect_writes(
                connections,
                outbox.journal,
                lambda: policies.current,
                self._clock,
                status_changed,
                policies.leaving,
            )

            async def cancel_command(command: str) -> State | None:
                return await executor.cancel(command)

            kinds = [
                *command_kinds(
                    connections,
                    outbox,
                    self._clock,
                    cancel_command,
                    lambda: link.state,
                    policies.judge,
                    policies.leaving,
                ),
                *mapping_kinds(mappings, policies.judge, policies.leaving, connections.needs_remap),
                *writing,
            ]
            executor = Executor(outbox.journal, kinds, self._clock, trail, send_result)
            commands = TracedCommands(executor, tracing)
            link = Link(
                endpoint_of(self._settings, identities.load().relay_url),
                identities,
                outbox,
                sink=commands,
                status=StatusWithOperations(connections.connections, matrices),
                clock=self._clock,
                software=SOFTWARE,
                gate=lambda: policies.sending,
            )
            reloads = Reloads(self._watcher, connections, group, trail, self._clock)
            calls = LocalCalls(
                self._settings,
                connections,
                outbox,
                lambda: link.state,
                reloads.now,
                sections={"audit": trail.status, "trace": tracing.status},
            )
            mapping_calls = MappingCalls(mappings, connections, connections.needs_remap, caller)
            policy_calls = PolicyCalls(policies, connections)
            secret_changes = SecretChanges(
                lambda: self._watcher.settings, access, trail, self._clock, apply=put_in_force
            )
            control = ControlServer(
                audited(
                    {
                        **calls.handlers(),
                        **mapping_calls.handlers(),
                        **policy_calls.handlers(),
                        **CommandCalls(executor, outbox.journal, connections, trail, caller).handlers(),
                        **SecretCalls(secret_changes).handlers(),
                    },
                    trail,
                ),
                self._settings.state_dir,
                denied=RefusedSignIns(trail, self._clock).denied,
            )
            background = [
                group.create_task(trail.mind(), name="audit"),
                group.create_task(tracing.watch(), name="trace"),
                group.create_task(control.serve(), name="control"),
                group.create_task(self._prune(outbox), name="prune"),
                group.create_task(connections.mind_the_clock(), name="clock"),
            ]
            await close_interrupted_runs(outbox, self._clock)
            for settings in self._settings.connections.values():
                if settings.enabled:
                    await connections.start(settings, group)
            # Behind the connections: a command for one that is not there yet would be refused.
            await executor.start(group)
            await policies.settle(take_back)
            linked = group.create_task(link.run(), name="link")
            connections.start_schedule()
            background.append(group.create_task(matrices.run(), name="operations"))
            background.append(group.create_task(reloads.watch(), name="configuration"))
            watching = policies.watch(lambda: self._watcher.settings.connections, reloads.restart, take_back)
            background.append(group.create_task(watching, name="policy"))
            log.info(
                "agent_started",
                connections=len(self._settings.connections),
                state_dir=str(self._settings.state_dir),
            )
            await self._until_stopped(background, executor, connections, link)
            await linked
        stats = await outbox.stats()
        log.info("agent_stopped", pending_batches=stats.pending_batches)

    async def _until_stopped(
        self,
        background: Sequence[asyncio.Task[None]],
        executor: Executor,
        connections: Connections,
        link: Link,
    ) -> None:
        """Wait until the agent is asked to stop, or a task of its own fails; then take everything down in order."""
        try:
            await self._stopping.wait()
            log.info("agent_stopping")
        finally:
            began = self._clock.monotonic()
            for task in background:
                task.cancel()
            await executor.stop()  # before the drivers: a write that has begun may come to its end
            await connections.stop_all()
        spent = self._clock.monotonic() - began
        await link.drain(drain_seconds(self._settings.limits.drain.total_seconds(), spent))

    def _make_tracing(self, trail: AuditLog) -> Tracing:
        return Tracing(
            self._settings.config_dir,
            self._settings.state_dir,
            trail,
            self._clock,
            lambda: self._watcher.settings.connections,
        )

    def _make_policies(self, trail: AuditLog, outbox: Outbox) -> Policies:
        key = PolicyKey(self._settings.state_dir, self._clock)
        return Policies(self._settings.config_dir, self._clock, trail, key, on_settled=outbox.changed.set)

    def _make_connections(
        self,
        outbox: Outbox,
        on_change: Callable[[], None],
        policies: Policies,
        access: Access | None = None,
    ) -> Connections:
        return Connections(
            outbox,
            self._clock,
            self._settings.limits,
            self._settings.state_dir,
            on_change,
            leaving=policies.leaving,
            access=access,
            amend=partial(self._amend, telling=True),
            commands=lambda name: _allowed(policies, name),
        )

    def _problems(self, settings: ConnectionSettings) -> Sequence[ConfigurationError]:
        """Of a connection with its mappings as they would be in force."""
        try:
            return mapping_problems(self._amend(settings))
        except GroundwireError:
            return ()  # what was changed at run time cannot be read: told where the connection is started

    async def _open_outbox(self) -> Outbox:
        table = self._settings.outbox
        await asyncio.to_thread(_make_state_folder, self._settings.state_dir)
        return await Outbox.open(
            self._settings.state_dir / OUTBOX_FILE,
            clock=self._clock,
            limits=Limits(
                high_water_bytes=table.high_water,
                low_water_bytes=table.low_water,
                replay_window=table.replay_window,
            ),
        )

    async def _prune(self, outbox: Outbox) -> None:
        while True:
            await self._clock.sleep(PRUNE_SECONDS)
            try:
                pruned = await outbox.prune()
            except GroundwireError as error:
                log.warning("prune_failed", code=error.code, error=str(error), hint=error.hint)
            else:
                if pruned:
                    log.info("outbox_pruned", batches=pruned)


def _started(settings: Settings) -> dict[str, Any]:
    """What the agent begins with, as the audit log says it."""
    return {
        "version": SOFTWARE,
        "config_dir": str(settings.config_dir),
        "connections": {name: one.fingerprint for name, one in settings.connections.items() if one.enabled},
        "not_usable": [broken.name for broken in settings.broken],
    }


def _allowed(policies: Policies, connection: str) -> tuple[str, ...]:
    """The commands that the policy in force allows for a connection."""
    rule = None if policies.current.fault else policies.current.connection(connection)
    return tuple(rule.commands) if rule is not None else ()


def drain_seconds(limit: float, spent: float) -> float:
    """What is left of the limit for stopping after so many seconds of it went to the runs."""
    return max(LEAST_DRAIN_SECONDS, limit - max(WIND_UP_SECONDS, spent))


def endpoint_of(settings: Settings, enrolled_url: str) -> Endpoint:
    """Where the relay is: as configured, else where the agent was enrolled."""
    relay = settings.relay
    return make_endpoint(
        relay.url or enrolled_url,
        ca_file=Path(relay.ca_file) if relay.ca_file else None,
        proxy=proxy_of(settings),
    )


def proxy_of(settings: Settings) -> Proxy | None:
    relay = settings.relay
    if relay.proxy is None:
        return None
    password = (
        resolve(relay.proxy_password, state_dir=settings.state_dir, where="agent.toml: relay.proxy_password")
        if relay.proxy_password
        else None
    )
    return make_proxy(relay.proxy, user=relay.proxy_user or "", password=password)


@asynccontextmanager
async def _living_group(outbox: Outbox) -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that ends with the outbox's I/O error: nothing of the agent may go on without its store."""

    async def watch() -> None:
        raise await outbox.failure()

    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch(), name="outbox-failure")
        yield group
        watching.cancel()


def _make_state_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise NotPermitted(
            f"the state folder cannot be made: {error.strerror or 'unknown fault'}",
            where=str(folder),
            hint="Choose another folder as `state_dir` in agent.toml, or let the agent's user write there.",
        ) from error


async def _unwrapped(work: Any) -> None:
    """Await, and raise the error of a task group's task itself: the operator's error, not the group around it."""
    try:
        await work
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    for error in group.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    return group
