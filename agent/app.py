"""The life of an agent: its parts (agent/assembly.py) started in order, and stopped in order.

Up:   outbox, audit log -> policy -> control socket -> connections -> commands -> link -> schedule -> watches
Down: watches, control socket -> commands -> schedule, runs under way, drivers -> link, drained -> audit log, outbox
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from agent.assembly import Assembly, Ground, make_connections, make_policies, problems_of
from agent.audit.log import AuditLog, BriefTrail, open_trail, refuse_newer_log
from agent.audit.trail import AGENT
from agent.audit.who import current_actor
from agent.clock import Clock, SystemClock
from agent.configuration.watch import ConfigWatcher
from agent.credentials.access import Access
from agent.errors import GroundwireError, NotPermitted
from agent.identity import IdentityStore
from agent.memory import give_back_what_is_freed
from agent.model.run import RunReport, RunTrigger
from agent.outbox.limits import OUTBOX_FILE, RESERVE_BYTES
from agent.outbox.store import Limits, Outbox
from agent.service.liveness import report, starting
from agent.service.notify import Manager, Nobody
from agent.settings import Settings
from agent.sync.interrupted import close_interrupted_runs
from agent.sync.runner import RunResult
from agent.telemetry.logging import Logs, nowhere
from agent.telemetry.sending import sending
from agent.version import SOFTWARE

log = structlog.get_logger(__name__)

PRUNE_SECONDS: Final = 300.0  # between two looks at what has left the replay window
WIND_UP_SECONDS: Final = 5.0  # of the limit for stopping: kept for what comes before and after the drain
AFTER_DRAIN_SECONDS: Final = (
    30.0  # told to the service manager beside the drain: drivers that do not end, a slow disk
)
LEAST_DRAIN_SECONDS: Final = 1.0  # for the acks of what is on its way, however long the runs took to stop


class App:
    """One agent. `run` is its life; `stop` and `reload` may be called from a signal handler."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        logs: Logs | None = None,
        manager: Manager | None = None,
    ) -> None:
        """`logs`: how this process logs, for whoever reads or changes that while the agent runs.

        `manager`: the service manager that has started this process.
        """
        give_back_what_is_freed()
        self._logs = logs or nowhere()
        self._settings = settings
        self._clock = clock or SystemClock()
        self._manager = manager or Nobody()
        self._stopping = asyncio.Event()
        self._reloading = asyncio.Event()
        self._watcher = ConfigWatcher(settings, self._clock, judge=partial(problems_of, settings.state_dir))

    def stop(self) -> None:
        self._stopping.set()

    def reload(self) -> None:
        """Look at the files now, and not only when they are looked at next."""
        self._reloading.set()

    async def run(self) -> None:
        """Run until stopped. Raises the GroundwireError that made it impossible to start or to go on."""
        await asyncio.to_thread(_make_state_folder, self._settings.state_dir)
        identities = IdentityStore(self._settings.state_dir)
        await asyncio.to_thread(identities.load)  # not enrolled is said before anything is opened
        await refuse_newer_log(self._settings.state_dir)
        async with AsyncExitStack() as stack:
            async with starting(self._manager, self._clock):
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
        wanted: Sequence[str] = (),
        *,
        full: bool = False,
        reconcile: bool = False,
        accept_deletions: bool = False,
        progress: Callable[[RunReport], None] | None = None,
    ) -> list[RunResult]:
        """Sync streams into the outbox without a running agent; what is enqueued travels when the agent runs.

        `wanted` holds texts "connection" and "connection/stream"; empty: everything that is enabled.
        """
        results: list[RunResult] = []

        async def body(outbox: Outbox) -> None:
            async with _living_group(outbox) as group:
                connections = make_connections(
                    self._settings, self._clock, outbox, policies, access, lambda: None
                )
                if progress is not None:
                    connections.watchers.add(progress)
                try:
                    named = {text.partition("/")[0] for text in wanted}
                    for settings in self._settings.connections.values():
                        if settings.enabled and (not named or settings.name in named):
                            await connections.start(settings, group)
                    futures = connections.start_syncs(
                        connections.addressed(wanted),
                        RunTrigger.MANUAL,
                        full=full,
                        accept_deletions=accept_deletions,
                        reconcile=reconcile,
                    )
                    results.extend(await asyncio.gather(*futures))
                finally:
                    await connections.stop_all()
                    await access.settled()

        async with await self._open_outbox() as outbox:
            state_dir, retention = self._settings.state_dir, self._settings.audit.retention
            async with open_trail(state_dir, self._clock, retention) as trail:
                call = "reconcile" if reconcile else "resync" if full else "sync"
                facts = {"call": call, "streams": list(wanted), "accept_deletions": accept_deletions}
                await trail.record("local_action", current_actor(), facts)
                policies = make_policies(self._settings, self._clock, trail, outbox)
                await policies.start()
            told = BriefTrail(state_dir, self._clock, retention)
            access = Access(self._settings.limits, state_dir, self._clock, audit=told)
            await _unwrapped(body(outbox))
        return results

    async def _live(self, outbox: Outbox, identities: IdentityStore, trail: AuditLog) -> None:
        async with _living_group(outbox) as group:
            policies = make_policies(self._settings, self._clock, trail, outbox)
            await policies.start()
            ground = Ground(self._settings, self._clock, outbox, trail, self._logs)
            parts = Assembly(ground, self._watcher, policies, identities, group)
            async with sending(parts.spans):
                background = [
                    group.create_task(trail.mind(), name="audit"),
                    group.create_task(parts.tracing.watch(), name="trace"),
                    group.create_task(parts.control.serve(), name="control"),
                    group.create_task(parts.console.run(), name="console"),
                    group.create_task(prune_by_and_by(outbox, self._clock), name="prune"),
                    group.create_task(parts.connections.mind_the_clock(), name="clock"),
                ]
                await close_interrupted_runs(outbox, self._clock)
                for settings in self._settings.connections.values():
                    if settings.enabled:
                        await parts.connections.start(settings, group)
                # Behind the connections: a command for one that is not there yet would be refused.
                await parts.executor.start(group)
                await parts.settle_policy()
                linked = group.create_task(parts.link.run(), name="link")
                parts.connections.start_schedule()
                background += [
                    group.create_task(parts.matrices.run(), name="operations"),
                    group.create_task(parts.health.run(), name="health"),
                    group.create_task(parts.reloads.watch(), name="configuration"),
                    group.create_task(parts.watch_policy(), name="policy"),
                    group.create_task(parts.serve_metrics(), name="metrics"),
                    group.create_task(self._reload_when_asked(parts), name="reload"),
                    group.create_task(
                        report(self._manager, self._clock, parts.questions(), parts.standing), name="service"
                    ),
                ]
                await parts.control.listening.wait()
                self._manager.ready()
                log.info(
                    "agent_started",
                    connections=len(self._settings.connections),
                    state_dir=str(self._settings.state_dir),
                )
                await self._until_stopped(background, parts)
                await linked
        stats = await outbox.stats()
        log.info("agent_stopped", pending_batches=stats.pending_batches)

    async def _until_stopped(self, background: Sequence[asyncio.Task[None]], parts: Assembly) -> None:
        """Wait until the agent is asked to stop, or a task of its own fails; then take everything down in order."""
        try:
            await self._stopping.wait()
            log.info("agent_stopping")
        finally:
            began = self._clock.monotonic()
            self._manager.stopping(self._settings.limits.drain.total_seconds() + AFTER_DRAIN_SECONDS)
            for task in background:
                task.cancel()
            await parts.executor.stop()  # before the drivers: a write that has begun may come to its end
            await parts.connections.stop_all()
        spent = self._clock.monotonic() - began
        await parts.link.drain(drain_seconds(self._settings.limits.drain.total_seconds(), spent))

    async def _reload_when_asked(self, parts: Assembly) -> None:
        while True:
            await self._reloading.wait()
            self._reloading.clear()
            self._manager.reloading(self._clock.monotonic())
            try:
                await parts.reload(AGENT)
            except GroundwireError as error:
                log.warning("reload_failed", code=error.code, error=str(error), hint=error.hint)
            self._manager.ready()

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
                reserve_bytes=RESERVE_BYTES,
            ),
        )


async def prune_by_and_by(outbox: Outbox, clock: Clock) -> None:
    """Until cancelled. A trouble that goes on is told of once; the same one, after it was over, is told of again."""
    told = ""
    while True:
        await clock.sleep(PRUNE_SECONDS)
        try:
            pruned = await outbox.prune()
        except GroundwireError as error:
            if error.code != told:
                log.warning("prune_failed", code=error.code, error=str(error), hint=error.hint)
            told = error.code
        else:
            told = ""
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


def drain_seconds(limit: float, spent: float) -> float:
    """What is left of the limit for stopping after so many seconds of it went to the runs."""
    return max(LEAST_DRAIN_SECONDS, limit - max(WIND_UP_SECONDS, spent))


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
