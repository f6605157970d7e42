"""The configuration: every file read, every mapping compiled."""

from __future__ import annotations

from typing import Final

from agent.checking import mapping_problems
from agent.doctor.check import Check, Known, Told
from agent.doctor.installation import Installation
from agent.errors import ConfigurationError, GroundwireError
from agent.findings import Level
from agent.mappings.service import amend
from agent.mappings.versions import VersionStore
from agent.settings import ConnectionSettings, problems_of

_AGAIN: Final = "Correct the file; `groundwire config check` reads it again."

KNOWN: Final = (
    Known(
        "configuration.agent",
        Level.PROBLEM,
        "agent.toml is missing or wrong, so the agent does not start",
        _AGAIN,
    ),
    Known(
        "configuration.connection",
        Level.PROBLEM,
        "The file of a connection is wrong: it is not in force, or its last good version still is",
        _AGAIN,
    ),
    Known(
        "configuration.mapping",
        Level.PROBLEM,
        "A stream's mapping, key or options cannot be used, so the stream does not run",
        _AGAIN,
    ),
    Known(
        "configuration.changes",
        Level.PROBLEM,
        "Changes of mappings that were made at run time cannot be read",
        "Do what the finding says of their file; `groundwire mapping history CONNECTION/STREAM` lists them.",
    ),
    Known(
        "configuration.none",
        Level.NOTICE,
        "There is no connection yet, so nothing is read",
        "Write a file in connections/; `groundwire system list` names the systems that are known.",
    ),
    Known(
        "configuration.resting",
        Level.NOTICE,
        "A connection is switched off in its file",
        "Set enabled = true in its file to let it run.",
    ),
)


async def check_configuration(installation: Installation, told: Told) -> None:
    settings = installation.settings
    if settings is None:
        for problem in _parts(installation.settings_error):
            told.found(
                "agent",
                problem.where or str(installation.config_dir),
                problem.message,
                next_step=problem.hint,
            )
        return
    told.fine(str(settings.config_dir), "agent.toml is read")
    for broken in settings.broken:
        for problem in broken.problems:
            told.found("connection", problem.where or broken.name, problem.message, next_step=_hint(problem))
    if not settings.connections and not settings.broken:
        told.found("none", str(settings.config_dir / "connections"), "there is no connection")
    for connection in settings.connections.values():
        if not connection.enabled:
            told.found("resting", connection.where, f"{connection.name} is not enabled")
    for connection in installation.connections:
        _mappings(installation, connection, told)


def _mappings(installation: Installation, connection: ConnectionSettings, told: Told) -> None:
    amended = connection
    try:
        if installation.state_dir is not None:
            amended = amend(VersionStore(installation.state_dir), connection)
    except ConfigurationError:
        pass  # `files` says that they cannot be read by this user
    except GroundwireError as error:
        told.found("changes", error.where or connection.name, error.message, next_step=error.hint)
    problems = mapping_problems(amended)
    for problem in problems:
        told.found("mapping", problem.where, problem.message, next_step=_hint(problem))
    if not problems:
        told.fine(connection.where, f"{len(connection.streams)} streams can be used")


def _parts(error: GroundwireError | None) -> list[GroundwireError]:
    if isinstance(error, ConfigurationError):
        return list(problems_of(error))
    return [error] if error is not None else []


def _hint(problem: GroundwireError) -> str:
    return problem.hint or _AGAIN


CHECK: Final = Check("configuration", "agent.toml, connection files and mappings", check_configuration, KNOWN)
