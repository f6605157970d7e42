"""What outlives a process: its files, its wall clock, and how often it was started."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.sim.loop import RESOLUTION, Host, SimulatedLoop
from tests.sim.source import EPOCH


@dataclass
class Machine:
    """What outlives a process."""

    name: str
    files: dict[str, bytes] = field(default_factory=dict)
    skew: float = 0.0
    lives: int = 0
    life: Any = None
    task: asyncio.Task[None] | None = None
    down_until: float = 0.0


class HostClock:
    """The clocks of one machine: the wall clock may jump, the monotonic one stands still while it sleeps."""

    def __init__(self, loop: SimulatedLoop, host: Host, machine: Machine) -> None:
        self._loop, self._host, self._machine = loop, host, machine

    def utcnow(self) -> datetime:
        return EPOCH + timedelta(seconds=self._loop.time() + self._machine.skew)

    def monotonic(self) -> float:
        return self._loop.time() - self._host.slept

    async def sleep(self, seconds: float) -> None:
        # No wait is too short to move the clock: whoever waits for a moment would wait for ever.
        least = 2 * RESOLUTION if seconds > 0 else 0.0
        await asyncio.sleep(max(seconds, least))  # noqa: TID251 - the loop's time is virtual
