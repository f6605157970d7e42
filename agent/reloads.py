"""Changed configuration files put in force while the agent runs: one change after the other, each to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, Protocol

import structlog

from agent.audit.trail import AGENT, Actor, AuditTrail
from agent.clock import Clock
from agent.configuration.effective import ConnectionSettings, Settings
from agent.configuration.reload import Reload
from agent.errors import AuditUnavailable

log = structlog.get_logger(__name__)


HELD_SECONDS: Final = 5.0  # between two attempts to write of a change that waits for the audit log

Told = tuple[str, dict[str, Any]]  # an action of the audit log and its facts


class Watcher(Protocol):
    @property
    def settings(self) -> Settings: ...

    def reload(self) -> Reload: ...

    def reloads(self) -> AsyncIterator[Reload]: ...


class Running(Protocol):
    """The connections in force."""

    async def start(self, settings: ConnectionSettings, group: asyncio.TaskGroup) -> None: ...

    async def stop(self, name: str) -> None: ...


class Reloads:
    """Applies what the watcher finds and what an operator asks for.

    The two may come at the same moment: without an order the older settings could end up in force, or two sets of
    tasks for one connection.
    """

    def __init__(
        self,
        watcher: Watcher,
        connections: Running,
        group: asyncio.TaskGroup,
        trail: AuditTrail,
        clock: Clock,
    ) -> None:
        self._trail = trail
        self._clock = clock
        self._in_force = dict(watcher.settings.connections)  # as the audit log knows them
        self._watcher = watcher
        self._connections = connections
        self._group = group
        self._one_at_a_time = (
            asyncio.Lock()
        )  # first come, first served: in the order in which files were read

    async def watch(self) -> None:
        """For ever."""
        async for reload in self._watcher.reloads():
            await self._apply_whole(reload, AGENT)

    async def now(self, actor: Actor = AGENT) -> Reload:
        reload = self._watcher.reload()
        await self._apply_whole(reload, actor)
        return reload

    async def restart(self, *names: str) -> None:
        """Stop and start connections because something beside their files changed: a mapping, a secret, the policy."""
        await asyncio.shield(self._group.create_task(self._restart(names), name="restart"))

    async def _restart(self, names: Sequence[str]) -> None:
        async with self._one_at_a_time:
            for name in names:
                await self._connections.stop(name)
                # Not as the watcher has it: its newest is in force only once its line is written.
                settings = self._in_force.get(name)
                if settings is not None and settings.enabled:
                    await self._connections.start(settings, self._group)

    async def _apply_whole(self, reload: Reload, actor: Actor) -> None:
        # A task of its own: an operator who does not wait must not leave a connection stopped and never started.
        await asyncio.shield(self._group.create_task(self._apply(reload, actor), name="reload"))

    async def _apply(self, reload: Reload, actor: Actor) -> None:
        """Stop and start only the connections that the change concerns."""
        async with self._one_at_a_time:
            for problem in reload.problems:
                log.warning(
                    "configuration_refused", where=problem.where, error=problem.message, hint=problem.hint
                )
            await self._tell(changes_told(self._in_force, reload), actor)
            self._in_force = dict(reload.settings.connections)
            if reload.changes.agent_wide:
                log.warning("restart_needed", sections=list(reload.changes.agent_wide))
            for name in (*reload.changes.removed, *reload.changes.changed):
                await self._connections.stop(name)
            for name in (*reload.changes.changed, *reload.changes.added):
                if reload.settings.connections[name].enabled:
                    await self._connections.start(reload.settings.connections[name], self._group)
            if reload.changes:
                log.info("configuration_applied", **asdict(reload.changes))

    async def _tell(self, lines: Sequence[Told], actor: Actor) -> None:
        """Return when every line is written: until then what is in force stays in force."""
        held = False
        for action, facts in lines:
            while True:
                try:
                    await self._trail.record(action, actor, facts)
                    break
                except AuditUnavailable as error:
                    if not held:
                        log.warning("configuration_held", error=str(error), hint=error.hint)
                    held = True
                await self._clock.sleep(HELD_SECONDS)


def changes_told(before: Mapping[str, ConnectionSettings], reload: Reload) -> list[Told]:
    """What a reload changes, as the audit log says it. Pure."""
    after, changes = reload.settings.connections, reload.changes
    lines: list[Told] = [
        ("configuration_refused", {"where": problem.where, "code": problem.code})
        for problem in reload.problems
    ]
    if changes.agent_wide:
        lines.append(("settings_changed", {"sections": list(changes.agent_wide), "in_force": "next start"}))
    lines += [
        ("connection_removed", {"connection": name, "before": before[name].fingerprint})
        for name in changes.removed
    ]
    for name in (*changes.changed, *changes.added):
        facts = {"connection": name, "after": after[name].fingerprint, "enabled": after[name].enabled}
        if name in before:
            lines.append(("connection_changed", {**facts, "before": before[name].fingerprint}))
        else:
            lines.append(("connection_added", facts))
    return lines
