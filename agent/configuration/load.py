"""From a folder of files to `Settings`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from agent import systems
from agent.configuration import document
from agent.configuration.document import Document
from agent.configuration.effective import BrokenConnection, ConnectionSettings, Settings, StreamSettings
from agent.configuration.merge import over_profile, over_sync
from agent.configuration.model import (
    NAME_PATTERN,
    AgentFile,
    ConnectionFile,
    LogTable,
    StreamTable,
    SyncSettings,
)
from agent.configuration.places import places
from agent.configuration.problems import ConfigurationProblems, problems_of
from agent.errors import ConfigurationError

AGENT_FILE: Final = "agent.toml"
CONNECTIONS: Final = "connections"
MAX_CONNECTIONS: Final = 1_000  # one child process each at worst; a folder with more is the wrong folder

_NAME: Final = re.compile(NAME_PATTERN)


def default_config_dir(environ: Mapping[str, str] | None = None) -> Path:
    """$GROUNDWIRE_CONFIG, else systemd's folder, else the machine's or the platform's (`places`)."""
    variables = os.environ if environ is None else environ
    named = variables.get("GROUNDWIRE_CONFIG") or variables.get("CONFIGURATION_DIRECTORY", "").split(":")[0]
    return Path(named) if named else places().config


def load(config_dir: Path, *, environ: Mapping[str, str] | None = None) -> Settings:
    """Read agent.toml and every connection file.

    A wrong connection file is reported in `Settings.broken` and stops nothing else.
    Raises ConfigurationError when agent.toml is missing or wrong.
    """
    config_dir = config_dir.absolute()
    agent = _load_agent(config_dir)
    connections, broken = _load_connections(config_dir)
    return Settings(
        config_dir=config_dir,
        state_dir=_state_dir(agent.agent.state_dir, config_dir, os.environ if environ is None else environ),
        agent=agent.agent,
        relay=agent.relay,
        outbox=agent.outbox,
        audit=agent.audit,
        limits=agent.limits,
        telemetry=agent.telemetry,
        console=agent.console,
        log=_log_table(agent, config_dir, os.environ if environ is None else environ),
        metrics=agent.metrics,
        upgrade=agent.upgrade,
        connections=connections,
        broken=tuple(broken),
    )


def _load_agent(config_dir: Path) -> AgentFile:
    path = config_dir / AGENT_FILE
    if not path.is_file():
        raise ConfigurationError(
            "there is no such file",
            where=str(path),
            hint=f"Write a first one with `groundwire config init {config_dir}`, or name another folder with --config.",
        )
    document.refuse_exposed_folder(config_dir, name=str(config_dir))
    agent = document.read(path, name=AGENT_FILE).validate(AgentFile)
    if agent.relay.ca_file is None:
        return agent
    ca_file = os.path.normpath(config_dir / agent.relay.ca_file)
    return agent.model_copy(update={"relay": agent.relay.model_copy(update={"ca_file": ca_file})})


def _state_dir(named: str | None, config_dir: Path, environ: Mapping[str, str]) -> Path:
    if named:
        return config_dir / Path(named).expanduser()
    from_systemd = environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(from_systemd) if from_systemd else places().state


def _log_table(agent: AgentFile, config_dir: Path, environ: Mapping[str, str]) -> LogTable:
    """With its folder, but where that is the one in the state folder."""
    from_systemd = environ.get("LOGS_DIRECTORY", "").split(":")[0]
    if agent.log.folder:
        folder = config_dir / Path(agent.log.folder).expanduser()
    elif from_systemd:
        folder = Path(from_systemd)
    elif agent.agent.state_dir or environ.get("STATE_DIRECTORY"):
        return agent.log
    else:
        own = places().log
        if own is None:
            return agent.log
        folder = own
    return agent.log.model_copy(update={"folder": str(folder)})


def _load_connections(config_dir: Path) -> tuple[dict[str, ConnectionSettings], list[BrokenConnection]]:
    connections: dict[str, ConnectionSettings] = {}
    broken: list[BrokenConnection] = []
    files = connection_files(config_dir)
    if len(files) > MAX_CONNECTIONS:
        raise ConfigurationError(f"holds more than {MAX_CONNECTIONS} files", where=f"{CONNECTIONS}/")
    for path in files:
        try:
            connections[path.stem] = load_connection(path, config_dir=config_dir)
        except ConfigurationError as error:
            broken.append(BrokenConnection(path.stem, problems_of(error)))
    return connections, broken


def connection_files(config_dir: Path) -> list[Path]:
    """The connection files of a folder, by name; hidden ones, such as an editor's, are not."""
    folder = config_dir / CONNECTIONS
    try:
        document.refuse_exposed(folder.stat(), folder, name=f"{CONNECTIONS}/")
        files = sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        # Not as if it were empty: that would take every connection out of force.
        raise ConfigurationError(
            f"cannot be listed: {error.strerror or 'unreadable'}",
            where=f"{CONNECTIONS}/",
            hint="It is a folder that the agent's user may read.",
        ) from error
    return [file for file in files if file.suffix == ".toml" and not file.name.startswith(".")]


def load_connection(path: Path, *, config_dir: Path) -> ConnectionSettings:
    """Read one connection file with its system's profile. Raises ConfigurationError with every problem."""
    file = f"{CONNECTIONS}/{path.name}"
    if not _NAME.match(path.stem):
        raise ConfigurationError(
            "the name of a connection file has small letters, digits, - and _, and begins with a letter or digit",
            where=file,
        )
    own = document.read(path, name=file)
    problems = list(document.literal_secrets(own))
    try:
        checked = own.validate(ConnectionFile)
    except ConfigurationProblems as error:
        raise ConfigurationProblems([*problems, *error.problems]) from None
    merged = _with_profile(own, checked, config_dir)
    if not merged.content.get("driver"):
        problems.append(
            ConfigurationError("names neither a driver nor a system", where=file, hint='Add driver = "odbc".')
        )
    if problems:
        raise ConfigurationProblems(problems)
    return _connection(path.stem, merged)


def _with_profile(own: Document, checked: ConnectionFile, config_dir: Path) -> Document:
    if checked.system is None:
        return own
    try:
        known = systems.profile(checked.system, config_dir=config_dir)
    except ConfigurationError as error:
        if error.where:
            raise
        raise ConfigurationError(error.message, where=own.place("system"), hint=error.hint) from None
    return Document(own.name, over_profile(known, own.content), own.lines)


def _connection(name: str, source: Document) -> ConnectionSettings:
    file = source.validate(ConnectionFile)
    problems: list[ConfigurationError] = []
    streams: dict[str, StreamSettings] = {}
    for stream_name, table in file.streams.items():
        if not table.enabled:
            continue
        try:
            streams[stream_name] = _stream(stream_name, table, source)
        except ConfigurationError as error:
            problems += problems_of(error)
    if problems:
        raise ConfigurationProblems(problems)
    return ConnectionSettings(
        name=name,
        driver=file.driver or "",
        system=file.system,
        enabled=file.enabled,
        options=file.options,
        secrets=file.secrets,
        limits=file.limits,
        sync=file.sync or SyncSettings(),
        streams=streams,
        where=source.name,
    )


def _stream(name: str, table: StreamTable, source: Document) -> StreamSettings:
    where = source.place("streams", name)
    if not table.entity:
        raise ConfigurationError(
            f'the stream "{name}" names no entity',
            where=where,
            hint='Add entity = "purchase_order" or another.',
        )
    sync: dict[str, Any] = over_sync(
        source.content.get("sync", {}), source.content["streams"][name].get("sync", {})
    )
    merged = Document(
        source.name,
        {"sync": sync},
        {path[2:]: line for path, line in source.lines.items() if path[:2] == ("streams", name)},
    )
    checked = merged.validate(ConnectionFile).sync
    return StreamSettings(
        name=name,
        entity=table.entity,
        read=table.read,
        map=table.map,
        write=table.write,
        sync=checked or SyncSettings(),
        where=where,
    )
