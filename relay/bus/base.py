"""The bus between the parts of a relay, and between its processes: hints that something changed.

The truth is in the store. A hint says where to look and may be lost, come twice, or come late; whoever waits for
one also looks by itself now and then. So a bus that is away or wiped costs latency and never data.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

MAX_HINT_BYTES: Final = 8 * 1024  # of its data as JSON: a hint names what changed, it does not carry it


@dataclass(frozen=True, slots=True)
class Hint:
    subject: str  # empty: some were missed, so whatever is waited for may have happened
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def missed(self) -> bool:
        return not self.subject


class Hints(Protocol):
    async def next(self, *, within: float | None = None) -> Hint | None:
        """Wait for the next hint; None: none came within so many seconds."""
        ...


class Bus(Protocol):
    def publish(self, subject: str, data: Mapping[str, Any] | None = None) -> None:
        """Tell all subscribers, in this process at once. Never waits and never fails: it is a hint."""
        ...

    def subscribe(self, pattern: str) -> AbstractContextManager[Hints]:
        """`*` in the pattern stands for one part of a subject, `>` at its end for one or more.

        The queue of a subscriber that is too slow is bounded: the oldest give way, and it is told that it missed some.
        """
        ...

    async def run(self) -> None:
        """Carry hints to and from other processes, until cancelled."""
        ...
