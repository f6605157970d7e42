"""Pure: the relay's own audit log, a chain of lines for each tenant and one for the operator.

    {"n":7,"at":"...","action":"...","by":{...},"on":"...","outcome":"done","facts":{...}}

A line's hash covers the hash of the line before and every byte of its own, which is kept as it was written: nothing has
to be brought into a standard form again before it is checked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import orjson

from agent.model.run import rfc3339
from relay.acting import Actor

GENESIS: Final = "0" * 64  # stands for the line before the first one
OPERATOR: Final = ""  # the chain of what is about no single tenant
MAX_TEXT: Final = 256  # characters of a subject or of a text among the facts
MAX_FACTS: Final = 40  # members of the facts, and items of a list in them
_DOMAIN: Final = b"groundwire relay audit line 1\n"


class Action(StrEnum):
    """Every action that leaves a line; docs/accounts.md says what each means."""

    TENANT_CREATED = "tenant_created"
    TENANT_DISABLED = "tenant_disabled"
    TENANT_ENABLED = "tenant_enabled"
    TENANT_DELETED = "tenant_deleted"
    TENANT_REMOVAL_BEGUN = "tenant_removal_begun"
    TENANT_REMOVED = "tenant_removed"
    ADMIN_KEY_CREATED = "admin_key_created"
    ADMIN_KEY_ROTATED = "admin_key_rotated"
    ADMIN_KEY_REVOKED = "admin_key_revoked"
    TOKEN_CREATED = "token_created"  # noqa: S105 - a word
    TOKEN_ROTATED = "token_rotated"  # noqa: S105 - a word
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - a word
    CODE_CREATED = "code_created"
    CODE_REVOKED = "code_revoked"
    AGENT_ENROLLED = "agent_enrolled"
    AGENT_REVOKED = "agent_revoked"
    COMMAND_ASKED = "command_asked"
    WEBHOOK_CREATED = "webhook_created"
    WEBHOOK_CHANGED = "webhook_changed"
    WEBHOOK_DELETED = "webhook_deleted"
    WEBHOOK_SECRET_ROTATED = "webhook_secret_rotated"  # noqa: S105 - a word
    POOL_CHANGED = "pool_changed"
    CREDITS_TAKEN = "credits_taken"
    CREDITS_RETURNED = "credits_returned"
    CREDITS_REFUSED = "credits_refused"


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Deed:
    """What one line is to say."""

    chain: str  # the tenant's id, or OPERATOR
    action: Action
    on: str
    at: datetime
    by: Actor
    facts: Mapping[str, Any] = field(default_factory=dict)
    outcome: Outcome = Outcome.DONE


@dataclass(frozen=True, slots=True)
class Head:
    """The newest line of a chain."""

    n: int = 0
    hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Line:
    n: int
    text: str
    hash: str


def next_line(head: Head, deed: Deed) -> Line:
    content = {
        "n": head.n + 1,
        "at": rfc3339(deed.at),
        "action": deed.action.value,
        "by": {"kind": deed.by.kind.value, "name": _short(deed.by.name), "address": _short(deed.by.address)},
        "on": _short(deed.on),
        "outcome": deed.outcome.value,
        "facts": _bounded(deed.facts),
    }
    text = orjson.dumps(content).decode()
    return Line(head.n + 1, text, chained(head.hash, text))


def chained(previous: str, text: str) -> str:
    return hashlib.sha256(_DOMAIN + previous.encode() + b"\n" + text.encode()).hexdigest()


@dataclass(slots=True)
class Check:
    """Goes along a chain, line by line; `faults` says what is not as it was written."""

    chain: str
    head: Head = field(default_factory=Head)
    faults: list[str] = field(default_factory=list)
    noted: Head | None = None  # a line that somebody wrote down earlier, and must be there as it was

    def see(self, lines: Iterable[Line]) -> None:
        for line in lines:
            self._see(line)

    def _see(self, line: Line) -> None:
        if line.n != self.head.n + 1:
            self._fault(f"lines {self.head.n + 1} to {line.n - 1} are missing")
        elif line.hash != chained(self.head.hash, line.text) or not _says(line):
            self._fault(f"line {line.n} is not as it was written")
        self.head = Head(line.n, line.hash)
        if self.noted is not None and self.noted.n == line.n and self.noted != self.head:
            self._fault(f"line {line.n} is not the one that was noted")

    def end(self, known: Head) -> None:
        """Hold the end of the chain against a head that was noted of it."""
        if self.head.n < known.n:
            self._fault(f"lines {self.head.n + 1} to {known.n} are missing at the end")
        elif self.head != known:
            self._fault(f"the end, line {self.head.n}, is not the one that was noted")
        if self.noted is not None and self.head.n < self.noted.n:
            self._fault(f"line {self.noted.n}, which was noted, is not there")

    def _fault(self, text: str) -> None:
        name = f"tenant {self.chain}" if self.chain else "the operator's chain"
        self.faults.append(f"{name}: {text}")


def _says(line: Line) -> bool:
    """Whether the line's own number is the one that it is kept under."""
    try:
        return bool(orjson.loads(line.text)["n"] == line.n)
    except (ValueError, KeyError, TypeError):
        return False


def _short(text: str) -> str:
    return text[:MAX_TEXT]


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return _short(value)
    if isinstance(value, Mapping):
        return {_short(str(name)): _bounded(item) for name, item in list(value.items())[:MAX_FACTS]}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value) if isinstance(value, set | frozenset) else list(value)
        return [_bounded(item) for item in items[:MAX_FACTS]]
    return value
