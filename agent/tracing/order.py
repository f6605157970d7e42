"""Whether payloads may be traced: what trace.toml must be for the agent to follow it. Pure.

Two people have to agree: one who may change the agent (or what the platform asks of it), and one with another
operating-system user, who writes the file. The agent's own user can neither make nor change it.
"""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from agent.errors import ConfigurationError

MAX_AHEAD: Final = timedelta(hours=24)  # of `until`, from the moment when the file was last changed
CLOCK_SLACK: Final = timedelta(minutes=5)  # a file from a network folder may be stamped by another clock


@dataclass(frozen=True, slots=True)
class FileFacts:
    """Of the open file."""

    owner: int
    mode: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class TraceOrder:
    connections: tuple[str, ...]
    until: datetime
    owner: int


def judge(
    facts: FileFacts, text: str, *, now: datetime, own_user: int, known: Collection[str], where: str
) -> TraceOrder:
    """The order that the file gives. Raises ConfigurationError, which says what is wrong with it."""
    _judge_file(facts, now, own_user, where)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"is not TOML: {error}", where=where, hint=_HINT) from error
    if unknown := sorted(set(table) - {"connections", "until"}):
        raise ConfigurationError(f"has no setting named {unknown[0]!r}", where=where, hint=_HINT)
    return TraceOrder(
        _connections(table.get("connections"), known, where),
        _until(table.get("until"), facts.modified, where),
        facts.owner,
    )


_HINT: Final = 'It holds connections = ["NAME"] and until = 2026-01-31T18:00:00Z, nothing else.'


def _judge_file(facts: FileFacts, now: datetime, own_user: int, where: str) -> None:
    if not stat.S_ISREG(facts.mode):
        raise ConfigurationError("is not a plain file", where=where, hint="Move it away.")
    if facts.owner == own_user:
        raise ConfigurationError(
            "belongs to the agent's own user, and so allows nothing",
            where=where,
            hint="Another user of this host writes it: tracing takes two.",
        )
    if facts.mode & 0o022:
        raise ConfigurationError(
            f"can be written by others than its owner (mode {facts.mode & 0o777:o})",
            where=where,
            hint=f"Its owner runs `chmod 644 {where}`.",
        )
    if facts.modified > now + CLOCK_SLACK:
        raise ConfigurationError(
            "was last changed in the future", where=where, hint="Correct the clock, and save the file again."
        )


def _connections(value: Any, known: Collection[str], where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise ConfigurationError("names no connections", where=where, hint=_HINT)
    for name in value:
        if name not in known:
            raise ConfigurationError(
                f"names {name!r}, which is no connection",
                where=where,
                hint=f"There are: {', '.join(sorted(known)) or 'none'}.",
            )
    return tuple(dict.fromkeys(value))


def _until(value: Any, modified: datetime, where: str) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ConfigurationError("names no moment, with its time zone, as `until`", where=where, hint=_HINT)
    if value > modified + MAX_AHEAD:
        raise ConfigurationError(
            "wants to trace for more than 24 hours after it was last changed",
            where=where,
            hint="Write an earlier `until`; save the file again when more is needed.",
        )
    return value.astimezone(UTC)
