"""A command as it can be written down, or why it cannot. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson

from agent.commands.ports import FieldFault, Refused
from agent.protocol.frames import Command

# The journal keeps a command until its deadline at least: one without an end would be kept for ever.
FURTHEST: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Taken:
    body: bytes
    body_hash: str
    deadline: datetime


def take(command: Command, now: datetime) -> Taken:
    """Raises Refused, `bad_arguments`: such a command gets no place in the journal, for nothing is done about it."""
    deadline = _deadline(command.deadline, now)
    try:
        json.dumps(command.args, allow_nan=False)  # 1e999 came as infinity, which orjson would turn into null
        body = orjson.dumps({"name": command.name, "args": command.args}, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError):
        raise _refused("", "not_a_number", "holds a number that cannot be kept as it came") from None
    return Taken(body, hashlib.sha256(body).hexdigest(), deadline)


def _deadline(text: str, now: datetime) -> datetime:
    try:
        deadline = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _refused("deadline", "not_a_moment", "is no moment that there is") from None
    if deadline > now + FURTHEST:
        raise _refused("deadline", "too_far", f"is more than {FURTHEST.days} days away")
    return deadline


def _refused(field: str, code: str, message: str) -> Refused:
    return Refused("bad_arguments", (FieldFault(field, code, message),))
