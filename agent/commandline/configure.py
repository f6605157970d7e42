"""`groundwire config`: check, show and begin a configuration; schemas for editors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.commandline.exits import ExitCode
from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options
from agent.errors import ConfigurationError, GroundwireError

if TYPE_CHECKING:
    from agent.settings import ConnectionSettings, Settings


@click.group()
def config() -> None:
    """Check, show or begin the configuration."""


@config.command("check")
@click.option("--no-drivers", is_flag=True, help="Do not start the drivers to check their options.")
@shared_options
@json_option
@pass_invocation
def check(invocation: Invocation, *, no_drivers: bool) -> None:
    """Read every file, compile every mapping and have each driver look at its options. Connects to nothing."""
    from agent.control import error_document  # noqa: PLC0415 - heavy

    invocation.quiet_logging()
    settings = invocation.settings()
    problems: list[GroundwireError] = [problem for broken in settings.broken for problem in broken.problems]
    for connection in settings.connections.values():
        found = run_async(_problems_of(settings, connection, with_driver=not no_drivers))
        problems += found
        if not found:
            count = len(connection.streams)
            invocation.output.line(
                f"{connection.where}: ok ({count} {'stream' if count == 1 else 'streams'})"
            )
    for problem in problems:
        # Whoever runs this command needs no hint to run it.
        problem.hint = "" if problem.hint == ConfigurationError.default_hint else problem.hint
        if not invocation.json:
            invocation.output.error(problem)
    invocation.output.document(
        {"ok": not problems, "problems": [error_document(problem) for problem in problems]}
    )
    click.get_current_context().exit(ExitCode.CONFIGURATION if problems else ExitCode.OK)


async def _problems_of(
    settings: Settings, connection: ConnectionSettings, *, with_driver: bool
) -> list[GroundwireError]:
    from agent.checking import mapping_problems  # noqa: PLC0415 - heavy
    from agent.commandline.drivers import as_in_force, hosted  # noqa: PLC0415

    problems: list[GroundwireError] = []
    try:
        problems += mapping_problems(as_in_force(settings, connection))
    except GroundwireError as error:
        problems.append(error)
    if with_driver:
        try:
            async with hosted(settings, connection) as driver:
                await driver.start()
        except GroundwireError as error:
            problems.append(_placed(error, connection.where))
    return problems


def _placed(error: GroundwireError, where: str) -> GroundwireError:
    """Say the file too: a driver knows only its option."""
    if error.where.startswith(where.partition(":")[0]):
        return error
    error.where = f"{where}: {error.where}" if error.where else where
    return error


@config.command("show")
@shared_options
@json_option
@pass_invocation
def show(invocation: Invocation) -> None:
    """Print the settings in force, with profiles and defaults; secrets only as references."""
    import tomlkit  # noqa: PLC0415 - only here

    document = _document(invocation.settings())
    if not invocation.json:
        for line in tomlkit.dumps(_without_none(document)).splitlines():
            invocation.output.line(line)
    invocation.output.document(document)


def _document(settings: Settings) -> dict[str, Any]:
    from agent.commandline.drivers import as_in_force  # noqa: PLC0415 - heavy
    from agent.configuration.shown import sections_of  # noqa: PLC0415

    connections = {name: as_in_force(settings, one) for name, one in settings.connections.items()}
    return {
        "config_dir": str(settings.config_dir),
        "state_dir": str(settings.state_dir),
        **sections_of(settings),
        "connections": {name: one.as_document() for name, one in connections.items()},
        "broken": [
            {"name": broken.name, "problems": [str(problem) for problem in broken.problems]}
            for broken in settings.broken
        ],
    }


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(below) for key, below in value.items() if below is not None}
    return [_without_none(below) for below in value] if isinstance(value, list | tuple) else value


@config.command("schema")
@click.option(
    "--write",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write one file per schema there instead of printing them.",
)
@pass_invocation
def schema(invocation: Invocation, folder: Path | None) -> None:
    """Print the JSON Schemas of the configuration files, for editors."""
    from agent.configuration.schema import schema_texts  # noqa: PLC0415 - heavy

    if folder is None:
        for text in schema_texts().values():
            click.echo(text, nl=False)
        return
    for name, text in schema_texts().items():
        _write(folder / name, text)
        invocation.output.line(f"Wrote {folder / name}.")


@config.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--system", help="Begin with a connection to this system, such as sandbox.")
@json_option
@pass_invocation
def init(invocation: Invocation, folder: Path, system: str | None) -> None:
    """Write a first configuration to FOLDER: agent.toml, a policy, an example connection, schemas for the editor."""
    from agent.configuration.starting import starting_files  # noqa: PLC0415 - heavy
    from agent.policy.model import POLICY_FILE  # noqa: PLC0415

    files = starting_files(system)
    there = [name for name in files if (folder / name).exists()]
    if there:
        raise ConfigurationError(
            f"there is a configuration already: {', '.join(there)}",
            where=str(folder),
            hint="Choose another folder.",
        )
    before = os.umask(0o022)
    os.umask(before | 0o022)  # what others may write to is not read
    try:
        for name, text in files.items():
            _write(folder / name, text)
            invocation.output.line(f"Wrote {folder / name}.")
    finally:
        os.umask(before)
    (folder / POLICY_FILE).chmod(0o644)  # whatever the umask lets others do
    first = system or "example"
    invocation.output.line(f"Nothing may leave yet: groundwire --config {folder} policy suggest {first}")
    invocation.output.line(f"Next: groundwire --config {folder} enroll wss://RELAY CODE")
    invocation.output.document({"files": [str(folder / name) for name in files]})


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"cannot be written: {error.strerror or 'unknown fault'}", where=str(path)
        ) from error
