"""A connection's driver for one command, in a child process of its own, whether or not an agent runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent.clock import SystemClock
from agent.commandline.exits import ExitCode, code_of
from agent.commandline.output import Output
from agent.credentials.access import Access
from agent.errors import ConfigurationError
from agent.hosting.driver import HostedDriver
from agent.mappings.service import amend
from agent.mappings.versions import VersionStore
from agent.settings import ConfigurationProblems, ConnectionSettings, Settings


@asynccontextmanager
async def hosted(settings: Settings, connection: ConnectionSettings) -> AsyncIterator[HostedDriver]:
    """Raises ConfigurationError for a secret that cannot be read."""
    access = Access(settings.limits, settings.state_dir, SystemClock())
    secrets = access.secrets_of(connection)
    driver = access.driver(connection, secrets, on_accepted=lambda: access.tell_restored(connection.name))
    try:
        yield driver
    finally:
        await driver.aclose()
        await access.settled()


def as_in_force(settings: Settings, connection: ConnectionSettings) -> ConnectionSettings:
    """With the changes of mappings that were made at run time; as its file says for whoever may not read those.

    Raises StorageDamaged or VersionMismatch for changes that cannot be trusted.
    """
    try:
        return amend(VersionStore(settings.state_dir), connection)
    except ConfigurationError:
        return connection


def tell_left_out(output: Output, settings: Settings) -> list[ExitCode]:
    """Say what is wrong with each connection that could not be read, where everything was asked for; as exit codes."""
    problems = [ConfigurationProblems(broken.problems) for broken in settings.broken]
    for problem in problems:
        output.error(problem)
    return [code_of(problem) for problem in problems]


def find_connection(settings: Settings, name: str) -> ConnectionSettings:
    """Raises what is wrong with the connection's file, or that there is none."""
    if name in settings.connections:
        return settings.connections[name]
    for broken in settings.broken:
        if broken.name == name:
            raise ConfigurationProblems(broken.problems)
    there = ", ".join([*settings.connections, *(one.name for one in settings.broken)]) or "none"
    raise ConfigurationError(f"there is no connection named {name!r}", hint=f"There are: {there}.")
