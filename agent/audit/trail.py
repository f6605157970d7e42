"""Who writes into the audit log needs only this of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol


class Origin(StrEnum):
    AGENT = "agent"  # the agent of its own accord: a file it found changed, a schedule
    LOCAL = "local"  # a person or program of this host, over the control socket or the command line
    RELAY = "relay"  # a command through the tunnel
    CONSOLE = "console"  # a person at the local web page, by the name of who asked for the link to it


@dataclass(frozen=True, slots=True)
class Actor:
    """Who wants something: `name` is the operating system's user, or what the relay says of who asked."""

    origin: Origin
    name: str = ""


AGENT: Final = Actor(Origin.AGENT)


class AuditTrail(Protocol):
    async def record(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None:
        """Write one line; when this returns it is on disk.

        `action` is a word of docs/audit.md, such as `command_allowed`. `facts` is small, JSON-ready and without
        secrets and values of the source. Raises AuditUnavailable: then what was to be audited must not be done.
        """
        ...
