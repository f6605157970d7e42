"""What hints are about: the subjects, and how patterns choose among them. Pure.

A subject's parts are separated by dots and made of our own ids; a name that a person chose (a connection's, which may
hold a dot) goes into the data.
"""

from __future__ import annotations

import re
from typing import Final

POSITIONS: Final = "positions"  # batches were appended; {"position": the last one}
SPOILT: Final = "batches.spoilt"  # a stored batch cannot be read; {"position": ...}
COMMANDS_WAITING: Final = "commands.waiting.*"
COMMANDS_CHANGED: Final = "commands.changed.*"
AGENTS: Final = "agents.*"
EVENTS: Final = "events"  # {"position": the last one}
CONNECTIONS: Final = "connections"  # {"tenant": ..., "connection": ...}: its status changed
_SUBJECT: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


def command_waiting(agent: str) -> str:
    """A command for this agent is in the store; {"command": its id}."""
    return f"commands.waiting.{agent}"


def command_changed(command: str) -> str:
    return f"commands.changed.{command}"


def agent_seen(agent: str) -> str:
    """It came or went; {"relay": ..., "session": ..., "online": ...}."""
    return f"agents.{agent}"


def check_subject(subject: str) -> str:
    if _SUBJECT.fullmatch(subject) is None:
        raise ValueError(f"{subject!r} is no subject")
    return subject


def matches(pattern: str, subject: str) -> bool:
    wanted, parts = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted = wanted[:-1]
        if len(parts) <= len(wanted):
            return False
        parts = parts[: len(wanted)]
    return len(wanted) == len(parts) and all(
        one in ("*", part) for one, part in zip(wanted, parts, strict=True)
    )
