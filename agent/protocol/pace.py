"""Pure: how long to wait so that one peer keeps to its bytes per second, and to a number of parts that follows from it."""

from __future__ import annotations

from typing import Final

BURST_SECONDS: Final = 2.0  # of the rate that may come at once
PART_COST: Final = (
    16 * 1024
)  # bytes that a part of a message counts as, at least: a flood of tiny ones takes time, not bytes


def cost_of_part(size: int) -> int:
    return max(size, PART_COST)


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
