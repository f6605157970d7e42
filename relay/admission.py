"""Pure: when a newcomer may begin, so that a thousand agents that come at once come in one after the other."""

from __future__ import annotations

import math
from typing import Final

LONGEST_WAIT_SECONDS: Final = 5.0  # at the door; an agent gives its handshake 15 s


class Admission:
    def __init__(self, per_second: float) -> None:
        self._gap = 1.0 / per_second
        self._next = -math.inf  # when the next newcomer may begin

    def ask(self, now: float) -> float | None:
        """Seconds until the newcomer may begin; None: there are too many before it."""
        begins = max(self._next, now)
        if begins - now > LONGEST_WAIT_SECONDS:
            return None
        self._next = begins + self._gap
        return begins - now
