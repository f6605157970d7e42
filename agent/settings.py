"""agent.toml and the connection files, typed and frozen. Everything else takes settings from here."""

from __future__ import annotations

from agent.configuration.effective import BrokenConnection, ConnectionSettings, Settings, StreamSettings
from agent.configuration.hours import QuietHours
from agent.configuration.load import default_config_dir, load
from agent.configuration.model import (
    AgentTable,
    ConsoleTable,
    LimitsTable,
    OutboxTable,
    RelayTable,
    SyncSettings,
)
from agent.configuration.problems import ConfigurationProblems, problems_of

__all__ = [
    "AgentTable",
    "BrokenConnection",
    "ConfigurationProblems",
    "ConnectionSettings",
    "ConsoleTable",
    "LimitsTable",
    "OutboxTable",
    "QuietHours",
    "RelayTable",
    "Settings",
    "StreamSettings",
    "SyncSettings",
    "default_config_dir",
    "load",
    "problems_of",
]
