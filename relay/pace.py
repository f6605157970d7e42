"""Pure: how long to wait so that one agent keeps to its bytes per second."""

from __future__ import annotations

from typing import Final

BURST_SECONDS: Final = 2.0  # of the rate that may come at once


class BytePace:
    def __init__(self, bytes_per_second: int) -> None:
        self._rate = float(bytes_per_second)
        self._level = 0.0  # bytes spent and not yet earned back
        self._at: float | None = None

    def spend(self, size: int, now: float) -> float:
        """Seconds to pause after this many bytes."""
        if self._at is not None:
            self._level = max(0.0, self._level - (now - self._at) * self._rate)
        self._at = now
        self._level += size
        return max(0.0, self._level / self._rate - BURST_SECONDS)
