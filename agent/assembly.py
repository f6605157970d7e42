"""What a running agent is made of: every part built, and handed to those that need it. Starts nothing.

Some parts need each other. They ask this house for one another when they run, not while they are built.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from agent.audit.log import AuditLog
from agent.audit.trail import Actor, AuditTrail
from agent.bundle.making import BundleMaker
from agent.calls.audit import AuditCalls
from agent.calls.audited import RefusedSignIns, audited
from agent.calls.commands import CommandCalls, doubts
from agent.calls.configured import ConfiguredCalls, broken_document
from agent.calls.console import ConsoleCalls
from agent.calls.diagnostics import DiagnosticsCalls
from agent.calls.doctor import DoctorCalls
from agent.calls.editing import EditingCalls
from agent.calls.letters import LetterCalls
from agent.calls.local import LocalCalls
from agent.calls.logs import LogCalls
from agent.calls.mappings import MappingCalls
from agent.calls.policy import PolicyCalls
from agent.calls.previews import PreviewCalls
from agent.calls.queue import QueueCalls
from agent.calls.runs import RunCalls
from agent.calls.secrets import SecretCalls
from agent.checking import mapping_problems
from agent.clock import Clock
from agent.commands.bundles import DiagnosticsBundle
from agent.commands.executor import Executor
from agent.commands.mappings import mapping_kinds
from agent.commands.ports import CommandKind, State
from agent.commands.systems import StatusWithOperations, connect_writes
from agent.configuration.reload import Reload
from agent.configuration.watch import ConfigWatcher
from agent.connections import Connections
from agent.console.password import Password
from agent.console.service import Console
from agent.control import ControlServer, Handler, caller
from agent.credentials.access import Access
from agent.credentials.changes import HASHES, PROXY, SecretChanges
from agent.errors import ConfigurationError, GroundwireError
from agent.figures import Figures, FlowLog
from agent.health import HealthWatch, disk_of
from agent.hosting.driver import HostedDriver
from agent.identity import Identity, IdentityStore
from agent.kinds import command_kinds
from agent.mappings.service import Mappings, amend
from agent.mappings.versions import VersionStore
from agent.outbox.store import Outbox
from agent.policies.in_force import Policies
from agent.policies.key import PolicyKey
from agent.policies.withdrawals import Withdrawals
from agent.protocol.frames import Result
from agent.relay_address import endpoint_of
from agent.reloads import Reloads
from agent.service.liveness import Question
from agent.settings import ConnectionSettings, Settings
from agent.standing import findings_of, line_of, verdict_of
from agent.telemetry.commands import CommandTrace, SpannedCommands
from agent.telemetry.logging import Logs
from agent.telemetry.sending import sink_to
from agent.telemetry.spans import SpanSink
from agent.tracing.tracing import TracedCommands, TracedOutbox, Tracing
from agent.tunnel.link import Link
from agent.version import SOFTWARE, VERSION

if TYPE_CHECKING:
    from agent.calls.setting_up import SetupCalls


@dataclass(frozen=True, slots=True)
class Ground:
    """What every part stands on."""

    settings: Settings
    clock: Clock
    outbox: Outbox
    trail: AuditLog
    logs: Logs


class Assembly:
    def __init__(
        self,
        ground: Ground,
        watcher: ConfigWatcher,
        policies: Policies,
        identities: IdentityStore,
        group: asyncio.TaskGroup,
    ) -> None:
        settings, clock, trail, outbox = ground.settings, ground.clock, ground.trail, ground.outbox
        self._ground = ground
        self._watcher = watcher
        self._identities = identities
        self.policies = policies
        self.access = Access(settings.limits, settings.state_dir, clock, audit=trail)
        self.tracing = Tracing(settings.config_dir, settings.state_dir, trail, clock, self.files)
        traced = cast("Outbox", TracedOutbox(outbox, self.tracing))
        identity = identities.load()
        self.spans = _make_spans(settings, identity.agent, clock)
        self._command_spans = CommandTrace(self.spans, clock)
        self.connections = make_connections(
            settings, clock, traced, policies, self.access, self._status_changed, self.spans
        )
        self._take_back = partial(
            Withdrawals(outbox, policies.leaving).elsewhere, lambda: self.connections.looked_after
        )
        self.mappings = Mappings(
            settings.state_dir,
            clock,
            trail,
            files=self.files,
            aside=lambda name: nullcontext(self._aside(name)),
            restart=self._restart,
        )
        self.matrices, writing = connect_writes(
            self.connections,
            outbox.journal,
            lambda: policies.current,
            clock,
            self._status_changed,
            policies.leaving,
        )
        self.bundles = BundleMaker(lambda: watcher.settings, lambda: self._handlers, clock)
        self.executor = Executor(outbox.journal, [*self._kinds(), *writing], clock, trail, self._send_result)
        self._commands = TracedCommands(self.executor, self.tracing)
        self._flow = FlowLog(outbox, clock)
        self.health = self._make_health()
        self.figures = Figures(
            outbox, self._flow, high_water_bytes=settings.outbox.high_water, disk=lambda: self.health.disk
        )
        self.link = self._make_link(identity)
        self.console = self._make_console()
        self.reloads = Reloads(watcher, self.connections, group, trail, clock)
        self._handlers = self._calls()
        self._answers = audited(self._handlers, trail)
        self.control = ControlServer(
            self._answers,
            settings.state_dir,
            denied=RefusedSignIns(trail, clock).denied,
        )

    def _make_health(self) -> HealthWatch:
        settings = self._ground.settings
        return HealthWatch(
            self._ground.outbox,
            self._ground.clock,
            high_water_bytes=settings.outbox.high_water,
            disk=partial(disk_of, settings.state_dir),
            changed=self._health_changed,
            note=self._flow.note,
        )

    def _make_console(self) -> Console:
        settings, trail, clock = self._ground.settings, self._ground.trail, self._ground.clock
        console = Console(
            settings.console,
            settings.agent.name,
            Password(settings.state_dir),
            lambda: self._answers,
            trail,
            RefusedSignIns(trail, clock).denied,
            clock,
            setting_up=self._setting_up,
        )
        self.connections.watchers.add(lambda _: console.changed())
        return console

    def _setting_up(self) -> SetupCalls:
        """The calls of the console's page that adds a connection, which no agent needs before somebody opens it."""
        from agent.calls.setting_up import SetupCalls  # noqa: PLC0415 - heavy
        from agent.setup.inside import adding  # noqa: PLC0415

        ground = self._ground
        talk = adding(ground.settings.config_dir, lambda: self._answers, ground.trail)
        return SetupCalls(talk, ground.clock, self.console.changed)

    def _make_link(self, identity: Identity) -> Link:
        return Link(
            endpoint_of(self._ground.settings, identity.relay_url),
            self._identities,
            self._ground.outbox,
            sink=SpannedCommands(self._commands, self._command_spans),
            status=StatusWithOperations(self.connections.connections, self.matrices),
            clock=self._ground.clock,
            software=SOFTWARE,
            gate=lambda: self.policies.sending,
            health=self.health.latest,
            spans=self.spans,
            hold_back=self.connections.hold_back,
            configured=lambda: self._watcher.settings.named,
        )

    def _aside(self, name: str) -> HostedDriver:
        """A second driver of a connection. Raises ConfigurationError for one that rests, or is not there."""
        there = self.files().get(name)
        if there is not None and not there.enabled:
            raise ConfigurationError(
                f"the connection {name!r} is not enabled, so the running agent asks it for nothing",
                where=there.where,
                hint="Set `enabled = true` in its file; the agent takes it by itself.",
            )
        return self.connections.aside(name)

    def files(self) -> Mapping[str, ConnectionSettings]:
        """The connections as their files say now."""
        return self._watcher.settings.connections

    def questions(self) -> Mapping[str, Question]:
        """What does not answer where the agent does not live: never the relay, and never a source."""
        return {"outbox": self._ground.outbox.answers, "schedule": self.connections.schedule_keeps_time}

    async def standing(self) -> str:
        """`groundwire status` in one line."""
        return line_of(await self._handlers["status"]({}, lambda _: None))

    async def settle_policy(self) -> None:
        """Hold what waits in the outbox against the policy in force."""
        await self.policies.settle(self._take_back)

    async def watch_policy(self) -> None:
        """For ever."""
        await self.policies.watch(self.files, self.reloads.restart, self._take_back)

    async def serve_metrics(self) -> None:
        """Until cancelled, if agent.toml wants it."""
        table = self._ground.settings.metrics
        if not table.enabled:
            return
        from agent.metrics import Metrics  # noqa: PLC0415 - only where it is asked for

        metrics = Metrics(lambda: self._handlers["status"]({}, lambda _: None), self._ground.clock)
        self.connections.watchers.add(metrics.run_told)
        await metrics.serve(table.port)

    def _kinds(self) -> list[CommandKind[Any]]:
        judge, leaving = self.policies.judge, self.policies.leaving
        return [
            *command_kinds(
                self.connections,
                self._ground.outbox,
                self._ground.clock,
                self._cancel,
                lambda: self.link.state,
                judge,
                leaving,
            ),
            DiagnosticsBundle(self.bundles.make, judge),
            *mapping_kinds(self.mappings, judge, leaving, self.connections.needs_remap),
        ]

    def _calls(self) -> Mapping[str, Handler]:
        ground = self._ground
        local = LocalCalls(
            ground.settings,
            self.connections,
            ground.outbox,
            lambda: self.link.state,
            self.reload,
            sections={
                "audit": ground.trail.status,
                "trace": self.tracing.status,
                "commands": lambda: doubts(ground.outbox.journal),
                "files": self._faulty_files,
                "figures": self.figures.document,
            },
            judge=lambda status: verdict_of(findings_of(status, ground.clock.utcnow())),
        )
        changes = SecretChanges(
            lambda: self._watcher.settings, self.access, ground.trail, ground.clock, apply=self._put_in_force
        )
        journal = ground.outbox.journal
        return {
            **local.handlers(),
            **LetterCalls(ground.outbox, self.connections).handlers(),
            **LogCalls(ground.logs, self.files).handlers(),
            **QueueCalls(
                ground.outbox, lambda: self.link.state, lambda: self.policies.sending is not None
            ).handlers(),
            **MappingCalls(self.mappings, self.connections, self.connections.needs_remap, caller).handlers(),
            **EditingCalls(self.mappings, lambda: self.policies.current, ground.outbox).handlers(),
            **PolicyCalls(
                self.policies, self.connections, lambda: self._watcher.settings, ground.clock
            ).handlers(),
            **AuditCalls(ground.settings.state_dir).handlers(),
            **DoctorCalls(ground.settings.config_dir, ground.clock).handlers(),
            **PreviewCalls(self.connections, ground.outbox, self.policies.leaving, ground.clock).handlers(),
            **CommandCalls(self.executor, journal, self.connections, ground.trail, caller).handlers(),
            **SecretCalls(changes).handlers(),
            **RunCalls(ground.outbox).handlers(),
            **ConfiguredCalls(ground.settings, lambda: self._watcher.settings).handlers(),
            **ConsoleCalls(self.console, Password(ground.settings.state_dir), ground.trail).handlers(),
            **DiagnosticsCalls(self.bundles.make).handlers(),
        }

    def _faulty_files(self) -> list[dict[str, Any]]:
        """The connection files that cannot be used as they are."""
        return [broken_document(one) for one in self._watcher.settings.broken]

    def _status_changed(self) -> None:
        self.link.status_changed()
        self.matrices.look()
        self.console.changed()

    def _health_changed(self) -> None:
        self.link.status_changed()
        self.console.changed()

    async def _send_result(self, command: str, state: str, result: Mapping[str, Any]) -> None:
        self._command_spans.ended(command, state)
        await self._commands.result(command, state, result)
        await self.link.send_result(Result(command, state, dict(result)))

    async def _cancel(self, command: str) -> State | None:
        return await self.executor.cancel(command)

    async def reload(self, actor: Actor) -> Reload:
        """The policy first: what a changed connection reads may not leave under the one before."""
        await self.policies.now(self.files, self.reloads.restart, self._take_back)
        return await self.reloads.now(actor)

    async def _restart(self, connection: str) -> None:
        await self.reloads.restart(connection)

    async def _put_in_force(self, users: Sequence[str]) -> None:
        if PROXY in users:
            self.link.endpoint = endpoint_of(self._watcher.settings, self._identities.load().relay_url)
        await self.reloads.restart(*(user for user in users if user not in (PROXY, HASHES)))


def _make_spans(settings: Settings, agent: str, clock: Clock) -> SpanSink:
    resource = {
        "service.name": "groundwire-agent",
        "service.version": VERSION,
        "service.instance.id": agent,
    }
    return sink_to(settings.telemetry.otlp_endpoint, resource, clock)


def make_policies(settings: Settings, clock: Clock, trail: AuditTrail, outbox: Outbox) -> Policies:
    key = PolicyKey(settings.state_dir, clock)
    return Policies(settings.config_dir, clock, trail, key, on_settled=outbox.changed.set)


def make_connections(
    settings: Settings,
    clock: Clock,
    outbox: Outbox,
    policies: Policies,
    access: Access,
    on_change: Callable[[], None],
    spans: SpanSink | None = None,
) -> Connections:
    return Connections(
        outbox,
        clock,
        settings.limits,
        settings.state_dir,
        on_change,
        leaving=policies.leaving,
        access=access,
        amend=partial(amend, VersionStore(settings.state_dir), telling=True),
        commands=policies.commands_of,
        spans=spans,
    )


def problems_of(state_dir: Path, connection: ConnectionSettings) -> Sequence[ConfigurationError]:
    """Of a connection with its mappings as they would be in force."""
    try:
        return mapping_problems(amend(VersionStore(state_dir), connection))
    except GroundwireError:
        return ()  # what was changed at run time cannot be read: told where the connection is started
