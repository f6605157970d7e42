"""Changed configuration files put in force while the agent runs: one change after the other, each to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Protocol

import structlog

from agent.configuration.model import ConnectionSettings, Settings
from agent.configuration.reload import Reload

log = structlog.get_logger(__name__)


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

    def __init__(self, watcher: Watcher, connections: Running, group: asyncio.TaskGroup) -> None:
        self._watcher = watcher
        self._connections = connections
        self._group = group
        self._one_at_a_time = (
            asyncio.Lock()
        )  # first come, first served: in the order in which files were read

    async def watch(self) -> None:
        """For ever."""
        async for reload in self._watcher.reloads():
            await self._apply_whole(reload)

    async def now(self) -> Reload:
        reload = self._watcher.reload()
        await self._apply_whole(reload)
        return reload

    async def restart(self, *names: str) -> None:
        """Stop and start connections because something beside their files changed: a mapping, a secret, the policy."""
        await asyncio.shield(self._group.create_task(self._restart(names), name="restart"))

    async def _restart(self, names: Sequence[str]) -> None:
        async with self._one_at_a_time:
            for name in names:
                await self._connections.stop(name)
                settings = self._watcher.settings.connections.get(name)
                if settings is not None and settings.enabled:
                    await self._connections.start(settings, self._group)

    async def _apply_whole(self, reload: Reload) -> None:
        # A task of its own: an operator who does not wait must not leave a connection stopped and never started.
        await asyncio.shield(self._group.create_task(self._apply(reload), name="reload"))

    async def _apply(self, reload: Reload) -> None:
        """Stop and start only the connections that the change concerns."""
        async with self._one_at_a_time:
            for problem in reload.problems:
                log.warning(
                    "configuration_refused", where=problem.where, error=problem.message, hint=problem.hint
                )
            if reload.changes.agent_wide:
                log.warning("restart_needed", sections=list(reload.changes.agent_wide))
            for name in (*reload.changes.removed, *reload.changes.changed):
                await self._connections.stop(name)
            for name in (*reload.changes.changed, *reload.changes.added):
                if reload.settings.connections[name].enabled:
                    await self._connections.start(reload.settings.connections[name], self._group)
            if reload.changes:
                log.info("configuration_applied", **asdict(reload.changes))
