"""Which lines are logged: one level for everything, others for a part or a connection, for a while or until the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from agent.clock import Clock

LevelName = Literal["debug", "info", "warning", "error"]
LEVELS: Final[Mapping[str, int]] = {
    "debug": 10,
    "info": 20,
    "warning": 30,
    "error": 40,
    "exception": 40,
    "critical": 50,
}
NAMES: Final = ("debug", "info", "warning", "error")
EVERYTHING: Final = ""  # the name of the level that nothing more special stands before

# Part -> modules whose lines are its own. The rest is `agent`, and what is not ours `libraries`.
PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "sync": ("agent.sync", "agent.connections", "agent.streams"),
    "tunnel": ("agent.tunnel", "agent.telemetry.deliveries"),
    "outbox": ("agent.outbox",),
    "drivers": ("agent.hosting",),
    "commands": ("agent.commands",),
    "mapping": ("agent.mappings",),
    "policy": ("agent.policies",),
    "audit": ("agent.audit",),
    "console": ("agent.console",),
}
AGENT: Final = "agent"
LIBRARIES: Final = "libraries"


def part_of(module: str) -> str:
    for part, prefixes in PARTS.items():
        if module.startswith(prefixes):
            return part
    return module.split(".", 1)[0]


@dataclass(frozen=True, slots=True)
class _Special:
    level: str
    until: float | None  # on the monotonic clock


class Levels:
    """A connection's own level comes before its part's, and that before the one for everything."""

    def __init__(self, configured: str, clock: Clock) -> None:
        self._configured = configured
        self._clock = clock
        self._special: Mapping[str, _Special] = {}  # replaced as a whole: lines come from several threads

    def set(self, name: str, level: str, seconds: float | None = None) -> None:
        """For so many seconds, or until the process ends. `name`: a part, a connection, or EVERYTHING."""
        until = None if seconds is None else self._clock.monotonic() + seconds
        self._special = {**self._special, name: _Special(level, until)}

    def reset(self, name: str) -> None:
        self._special = {other: one for other, one in self._special.items() if other != name}

    def logs(self, level: str, part: str, event: Mapping[str, Any]) -> bool:
        """Whether a line of this level is wanted."""
        least = self._configured
        if self._special:
            special = self._in_force()
            for name in (_connection_of(event), part, EVERYTHING):
                if name is not None and name in special:
                    least = special[name].level
                    break
        return LEVELS.get(level, LEVELS["info"]) >= LEVELS[least]

    def document(self) -> dict[str, Any]:
        """For whoever asks how they stand."""
        now = self._clock.monotonic()
        return {
            "configured": self._configured,
            "changed": [
                {
                    "name": name or None,
                    "level": one.level,
                    "seconds_left": None if one.until is None else round(one.until - now),
                }
                for name, one in sorted(self._in_force().items())
            ],
            "parts": [AGENT, *PARTS],
        }

    def _in_force(self) -> Mapping[str, _Special]:
        """Without what is over; that is forgotten by nobody but `set` and `reset`, and there are few."""
        now = self._clock.monotonic()
        return {name: one for name, one in self._special.items() if one.until is None or one.until > now}


def _connection_of(event: Mapping[str, Any]) -> str | None:
    connection = event.get("connection")
    if isinstance(connection, str):
        return connection
    stream = event.get("stream")
    return stream.partition("/")[0] if isinstance(stream, str) else None
