"""The settings made of the tables: each connection with its system's profile and all defaults applied."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.configuration.model import (
    AgentTable,
    AuditTable,
    ConsoleTable,
    LimitsTable,
    LogTable,
    MetricsTable,
    OutboxTable,
    RelayTable,
    SourceLimits,
    SyncSettings,
    TelemetryTable,
    UpgradeTable,
)
from agent.errors import ConfigurationError
from agent.secrets import SecretRef


@dataclass(frozen=True, slots=True)
class StreamSettings:
    name: str
    entity: str
    read: Mapping[str, Any] = field(default_factory=dict)
    map: Mapping[str, Any] = field(default_factory=dict)
    write: Mapping[str, Any] = field(default_factory=dict)
    sync: SyncSettings = field(default_factory=SyncSettings)
    where: str = ""  # file:line of its table


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """A connection with its system's profile and all defaults applied."""

    name: str
    driver: str
    system: str | None = None
    enabled: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, SecretRef] = field(default_factory=dict)
    limits: SourceLimits = field(default_factory=SourceLimits)
    sync: SyncSettings = field(default_factory=SyncSettings)
    streams: Mapping[str, StreamSettings] = field(default_factory=dict)  # the enabled ones
    where: str = ""  # its file

    def as_document(self) -> dict[str, Any]:
        """The effective content, JSON-ready; secrets only as references."""
        return {
            "driver": self.driver,
            "system": self.system,
            "enabled": self.enabled,
            "options": self.options,
            "secrets": {name: str(ref) for name, ref in self.secrets.items()},
            "limits": self.limits.model_dump(mode="json", exclude_none=True),
            "sync": self.sync.model_dump(mode="json", exclude_none=True),
            "streams": {
                name: {
                    "entity": stream.entity,
                    "read": stream.read,
                    "map": stream.map,
                    "write": stream.write,
                    "sync": stream.sync.model_dump(mode="json", exclude_none=True),
                }
                for name, stream in self.streams.items()
            },
        }

    @property
    def fingerprint(self) -> str:
        """Equal for equal content, wherever it stands in the file; tells a reload what changed."""
        text = json.dumps([self.name, self.as_document()], sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class BrokenConnection:
    """A connection file that cannot be used as it is."""

    name: str
    problems: tuple[ConfigurationError, ...]
    in_force: bool = False  # whether its last good version goes on working


@dataclass(frozen=True, slots=True)
class Settings:
    config_dir: Path
    state_dir: Path
    agent: AgentTable = field(default_factory=AgentTable)
    relay: RelayTable = field(default_factory=lambda: RelayTable(url=None))
    outbox: OutboxTable = field(default_factory=OutboxTable)
    audit: AuditTable = field(default_factory=AuditTable)
    limits: LimitsTable = field(default_factory=LimitsTable)
    telemetry: TelemetryTable = field(default_factory=TelemetryTable)
    console: ConsoleTable = field(default_factory=ConsoleTable)
    log: LogTable = field(default_factory=LogTable)
    metrics: MetricsTable = field(default_factory=MetricsTable)
    upgrade: UpgradeTable = field(default_factory=UpgradeTable)
    connections: Mapping[str, ConnectionSettings] = field(default_factory=dict)  # by name, sorted
    broken: tuple[BrokenConnection, ...] = ()

    @property
    def log_dir(self) -> Path:
        return Path(self.log.folder) if self.log.folder else self.state_dir / "log"

    @property
    def named(self) -> list[str]:
        """Every connection that there is a file for, whether or not it can be used."""
        return sorted({*self.connections, *(one.name for one in self.broken)})
