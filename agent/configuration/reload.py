"""What a reload changes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent.configuration.effective import ConnectionSettings, Settings
from agent.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Reload:
    """One change of the files: what is in force now, and what could not be used."""

    settings: Settings
    changes: Changes
    problems: tuple[ConfigurationError, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """Names of the connections that a reload touches; every other goes on undisturbed."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    agent_wide: tuple[str, ...] = ()  # sections of agent.toml that differ; they take effect at the next start

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.agent_wide)


def changes(old: Settings, new: Settings) -> Changes:
    """Compare by content: a file that was saved without a change changes nothing."""
    before, after = _fingerprints(old.connections), _fingerprints(new.connections)
    sections = (
        "state_dir",
        "agent",
        "relay",
        "outbox",
        "audit",
        "limits",
        "telemetry",
        "console",
        "log",
        "metrics",
    )
    return Changes(
        added=tuple(name for name in after if name not in before),
        changed=tuple(name for name in after if name in before and after[name] != before[name]),
        removed=tuple(name for name in before if name not in after),
        agent_wide=tuple(section for section in sections if getattr(old, section) != getattr(new, section)),
    )


def keep_last_good(old: Settings, new: Settings) -> Settings:
    """Put the last good version of each connection whose file became wrong back in force."""
    kept = {one.name: old.connections[one.name] for one in new.broken if one.name in old.connections}
    if not kept:
        return new
    return replace(
        new,
        connections=dict(sorted({**new.connections, **kept}.items())),
        broken=tuple(replace(one, in_force=one.name in kept) for one in new.broken),
    )


def _fingerprints(connections: Mapping[str, ConnectionSettings]) -> dict[str, str]:
    return {name: connection.fingerprint for name, connection in connections.items()}
