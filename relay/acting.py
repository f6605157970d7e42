"""Who is at work: whoever a request, a session or a command of the host came from.

Set where a caller becomes known (a token, an agent's proof, the local socket), and read where a call of the store
begins, which may be far from there; from then on it is handed on by hand, for transactions run on other threads. What
nobody set is the relay's own doing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ActorKind(StrEnum):
    TOKEN = "token"  # noqa: S105 - a word; a platform with a tenant's token; the name is the token's id
    ADMIN = "admin_key"  # the operator over the API; the name is the key's id
    LOCAL = "local"  # somebody at the relay's host; the name is the operating system's user
    AGENT = "agent"  # the name is the agent's id
    CODE = "code"  # an enrolling agent; the name is the public part of its code
    RELAY = "relay"  # of its own accord


@dataclass(frozen=True, slots=True)
class Actor:
    kind: ActorKind
    name: str = ""
    address: str = ""  # where it came from; empty: from this host, or from nowhere
    tenant: str = ""  # that it acts within; empty: the operator, or the relay


THE_RELAY: Final = Actor(ActorKind.RELAY)
_ACTING: Final[ContextVar[Actor]] = ContextVar("acting", default=THE_RELAY)


def acting() -> Actor:
    return _ACTING.get()


def now_acting(actor: Actor) -> None:
    """From here to the end of this task, and of those that it starts."""
    _ACTING.set(actor)


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    before = _ACTING.set(actor)
    try:
        yield
    finally:
        _ACTING.reset(before)
