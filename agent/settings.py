"""agent.toml and the connection files, typed and frozen. Everything else takes settings from here."""

from __future__ import annotations

from agent.configuration.hours import QuietHours
from agent.configuration.model import (
    AgentTable,
    BrokenConnection,
    ConnectionSettings,
    LimitsTable,
    OutboxTable,
    RelayTable,
    Settings,
    StreamSettings,
    SyncSettings,
)

__all__ = [
    "AgentTable",
    "BrokenConnection",
    "ConnectionSettings",
    "LimitsTable",
    "OutboxTable",
    "QuietHours",
    "RelayTable",
    "Settings",
    "StreamSettings",
    "SyncSettings",
]
