"""What is configured, from which file and line.

settings  -> {config_dir, state_dir, agent: [{section, name, value, where, about, waits}],
              connections: [{name, where, enabled, in_force, system, driver, streams, secrets, schedule}],
              broken: [{name, in_force, problems}]}
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from agent.configuration.effective import BrokenConnection, ConnectionSettings, Settings
from agent.configuration.shown import agent_settings
from agent.control import Handler, Progress, error_document
from agent.stream_status import schedule_document


class ConfiguredCalls:
    def __init__(self, in_force: Settings, in_files: Callable[[], Settings]) -> None:
        """`in_force` is what the agent was started with, `in_files` what is in its files by now."""
        self._in_force = in_force
        self._in_files = in_files

    def handlers(self) -> Mapping[str, Handler]:
        return {"settings": self._settings}

    async def _settings(self, _args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        newest = self._in_files()
        shown = await asyncio.to_thread(agent_settings, self._in_force, newest)
        return {
            "config_dir": str(newest.config_dir),
            "state_dir": str(self._in_force.state_dir),
            "agent": [asdict(one) for one in shown],
            "connections": [_connection(one) for one in newest.connections.values()],
            "broken": [broken_document(one) for one in newest.broken],
        }


def broken_document(one: BrokenConnection) -> dict[str, Any]:
    """A connection file that cannot be used as it is."""
    return {
        "name": one.name,
        "in_force": one.in_force,
        "problems": [error_document(problem) for problem in one.problems],
    }


def _connection(settings: ConnectionSettings) -> dict[str, Any]:
    return {
        "name": settings.name,
        "where": settings.where,
        "enabled": settings.enabled,
        "system": settings.system,
        "driver": settings.driver,
        "schedule": schedule_document(settings.sync),
        "streams": [
            {"name": name, "entity": one.entity, "where": one.where, "schedule": schedule_document(one.sync)}
            for name, one in settings.streams.items()
        ],
        "secrets": {name: str(reference) for name, reference in settings.secrets.items()},
    }
