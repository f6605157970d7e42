"""Who waits in this process for a command to change, whichever process changes it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from agent.clock import Clock, wait_at_most
from relay.bus.base import Bus
from relay.bus.subjects import COMMANDS_CHANGED, command_changed

MAX_WAITING: Final = 32  # requests; the API answers others meanwhile. Further ones are answered at once
MAX_WAITING_OF_TENANT: Final = 16  # of them, so that nobody takes all
MAX_WAIT_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 2.0  # between looks at the store, where other processes change it too


class CommandWatch:
    def __init__(self, clock: Clock, bus: Bus | None = None) -> None:
        """`bus`: other processes change commands too, and are told of what this one changes."""
        self._clock = clock
        self._bus = bus
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._counts: Counter[str] = Counter()  # by tenant
        self._closed = False

    def room(self, tenant: str) -> bool:
        """Whether the tenant's newest to come in may stay."""
        few = self._counts.total() <= MAX_WAITING and self._counts[tenant] <= MAX_WAITING_OF_TENANT
        return few and not self._closed

    @property
    def closed(self) -> bool:
        return self._closed

    @contextmanager
    def watching(self, command: str, tenant: str) -> Iterator[asyncio.Event]:
        """The event is set when the command may have changed. To be entered before it is looked at."""
        changed = asyncio.Event()
        watchers = self._waiting.setdefault(command, set())
        watchers.add(changed)
        self._counts[tenant] += 1
        try:
            yield changed
        finally:
            self._counts[tenant] -= 1
            if not self._counts[tenant]:
                del self._counts[tenant]
            watchers.discard(changed)
            if not watchers and self._waiting.get(command) is watchers:
                del self._waiting[command]

    def changed(self, command: str) -> None:
        self._wake(command)
        if self._bus is not None:
            self._bus.publish(command_changed(command))

    async def follow(self) -> None:
        """Wake those who wait for what other processes changed."""
        if self._bus is None:
            return
        with self._bus.subscribe(COMMANDS_CHANGED) as hints:
            while True:
                hint = await hints.next()
                if hint is not None and not hint.missed:
                    self._wake(hint.subject.rpartition(".")[2])
                    continue
                for command in list(self._waiting):
                    self._wake(command)

    def _wake(self, command: str) -> None:
        for event in self._waiting.get(command, ()):
            event.set()

    async def wait(self, changed: asyncio.Event, seconds: float) -> None:
        """Until the command may have changed, the time is over, or the relay stops."""
        if self._closed:
            return
        if self._bus is not None:
            seconds = min(seconds, LOOK_SECONDS)  # a hint may be lost
        await wait_at_most(changed, seconds, self._clock)
        changed.clear()

    def close(self) -> None:
        """The relay stops: whoever waits is answered with what is known."""
        self._closed = True
        for watchers in self._waiting.values():
            for event in watchers:
                event.set()
