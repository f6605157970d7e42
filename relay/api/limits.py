"""How many requests a token may make: one bucket each, in this process.

A bucket holds what may be asked at once and fills evenly. What is left and when it is full again stands in every
answer, in the header fields of the IETF's draft (`RateLimit`, `RateLimit-Policy`).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

DEFAULT_PER_SECOND: Final = 200.0
WINDOW_SECONDS: Final = 10  # of requests may be made at once
MAX_BUCKETS: Final = 10_000  # the bucket used longest ago gives way; it would be full by then
POLICY: Final = "token"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a request found."""

    allowed: bool
    left: int  # requests that may be made at once now
    full_seconds: int  # until the bucket is full again
    retry_seconds: int  # until the next request is allowed; 0 where this one was

    def headers(self, quota: int) -> dict[str, str]:
        return {
            "RateLimit-Policy": f'"{POLICY}";q={quota};w={WINDOW_SECONDS}',
            "RateLimit": f'"{POLICY}";r={self.left};t={self.full_seconds}',
        }


class Limits:
    def __init__(self, per_second: float = DEFAULT_PER_SECOND, *, most: int = MAX_BUCKETS) -> None:
        self._rate = per_second
        self._most = most
        self.quota = max(math.floor(per_second * WINDOW_SECONDS), 1)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # left, as of when

    def spend(self, token: str, now: float) -> Standing:
        """Count one request of a token that is known to be valid."""
        left, since = self._buckets.pop(token, (float(self.quota), now))
        left = min(left + max(now - since, 0.0) * self._rate, float(self.quota))
        allowed = left >= 1.0
        if allowed:
            left -= 1.0
        self._buckets[token] = (left, now)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return Standing(
            allowed=allowed,
            left=math.floor(left),
            full_seconds=math.ceil((self.quota - left) / self._rate),
            retry_seconds=0 if allowed else max(math.ceil((1.0 - left) / self._rate), 1),
        )
