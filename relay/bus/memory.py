"""The bus of one process, and the part inside each process of any other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from agent.clock import Clock, wait_at_most
from relay.bus.base import Hint
from relay.bus.subjects import check_subject, matches

MAX_WAITING: Final = 1_000  # hints of one subscriber


class Mailbox:
    """What one subscriber has not read yet."""

    def __init__(self, clock: Clock, *, room: int = MAX_WAITING) -> None:
        self._clock = clock
        self._waiting: deque[Hint] = deque()
        self._room = room
        self._missed = False
        self._came = asyncio.Event()

    def put(self, hint: Hint) -> None:
        if hint.missed:
            self._missed = True
        else:
            self._waiting.append(hint)
        while len(self._waiting) > self._room:
            self._waiting.popleft()
            self._missed = True
        self._came.set()

    async def next(self, *, within: float | None = None) -> Hint | None:
        if within is None:
            await self._came.wait()
        elif not self._came.is_set():
            await wait_at_most(self._came, within, self._clock)
        if self._missed:
            self._missed = False
            found: Hint | None = Hint("")
        else:
            found = self._waiting.popleft() if self._waiting else None
        if not self._waiting and not self._missed:
            self._came.clear()
        return found


class MemoryBus:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._mailboxes: dict[Mailbox, str] = {}

    def publish(self, subject: str, data: Mapping[str, Any] | None = None) -> None:
        self.deliver(Hint(check_subject(subject), data or {}))

    @contextmanager
    def subscribe(self, pattern: str) -> Iterator[Mailbox]:
        mailbox = Mailbox(self._clock)
        self._mailboxes[mailbox] = pattern
        try:
            yield mailbox
        finally:
            del self._mailboxes[mailbox]

    def deliver(self, hint: Hint) -> None:
        for mailbox, pattern in self._mailboxes.items():
            if hint.missed or matches(pattern, hint.subject):
                mailbox.put(hint)

    async def run(self) -> None:
        await asyncio.Event().wait()
