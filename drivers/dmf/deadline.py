"""How long one call of the agent waits for executions, and how often it asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable


class Deadline:
    def __init__(
        self,
        seconds: float,
        *,
        poll_seconds: float,
        monotonic: Callable[[], float],
        pause: Callable[[float], Awaitable[None]],
    ) -> None:
        self._monotonic = monotonic
        self._pause = pause
        self._poll_seconds = poll_seconds
        self._end = monotonic() + seconds
        self._asked = 0

    @property
    def passed(self) -> bool:
        return self._monotonic() >= self._end

    async def next_look(self) -> bool:
        """Wait until it is time to ask again; False: there is no time left. What is short is seen at once."""
        if self.passed:
            return False
        # 1/10, 2/10, 4/10 and 8/10 of the pause, then the whole of it.
        seconds = self._poll_seconds * min(1.0, 2**self._asked / 10)
        self._asked += 1
        await self._pause(min(seconds, max(self._end - self._monotonic(), 0.0)))
        return True
