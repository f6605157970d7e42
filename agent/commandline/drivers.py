"""A connection's driver for one command, in a child process of its own, whether or not an agent runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent.clock import SystemClock
from agent.connections import make_driver
from agent.errors import ConfigurationError
from agent.hosting.driver import HostedDriver
from agent.settings import ConfigurationProblems, ConnectionSettings, Settings


@asynccontextmanager
async def hosted(settings: Settings, connection: ConnectionSettings) -> AsyncIterator[HostedDriver]:
    """Raises ConfigurationError for a secret that cannot be read."""
    driver = make_driver(connection, settings.limits, settings.state_dir, SystemClock())
    try:
        yield driver
    finally:
        await driver.aclose()


def find_connection(settings: Settings, name: str) -> ConnectionSettings:
    """Raises what is wrong with the connection's file, or that there is none."""
    if name in settings.connections:
        return settings.connections[name]
    for broken in settings.broken:
        if broken.name == name:
            raise ConfigurationProblems(broken.problems)
    there = ", ".join([*settings.connections, *(one.name for one in settings.broken)]) or "none"
    raise ConfigurationError(f"there is no connection named {name!r}", hint=f"There are: {there}.")
