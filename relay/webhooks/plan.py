"""Pure: when a delivery that failed is tried again, and what an answer means.

Counted in attempts, not by the clock: one that jumps ends no delivery early.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Final

# Behind the first attempt, the second ...: together 18.9 hours, with the jitter at most 23.6.
DELAYS_SECONDS: Final = (5, 30, 120, 300, 900, 1_800, 3_600, 7_200, 14_400, 18_000, 21_600)
MAX_ATTEMPTS: Final = len(DELAYS_SECONDS) + 1
JITTER: Final = 0.25  # of a delay, at most: what failed together does not come back together
MAX_RETRY_AFTER_SECONDS: Final = (
    3_600.0  # of what a receiver may ask for; more than that is its own fault to mend
)
LONGEST: Final = timedelta(seconds=DELAYS_SECONDS[-1] * (1 + JITTER))
_BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


class Verdict(StrEnum):
    DELIVERED = "delivered"
    AGAIN = "again"
    GONE = "gone"  # the receiver wants nothing any more


def verdict_of(status: int | None) -> Verdict:
    """None: there was no answer. A redirect is not followed, so it is a failure."""
    if status is not None and HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict.DELIVERED
    return Verdict.GONE if status == HTTPStatus.GONE else Verdict.AGAIN


def seconds_until_next(attempts: int, *, chance: float, retry_after: float | None = None) -> float | None:
    """How long to wait after so many attempts; None: it was the last. `chance`: 0 to 1."""
    if attempts >= MAX_ATTEMPTS:
        return None
    delay = DELAYS_SECONDS[attempts - 1] * (1 + JITTER * chance)
    asked = min(max(retry_after or 0.0, 0.0), MAX_RETRY_AFTER_SECONDS)
    return max(delay, asked)


def retry_after_of(status: int, value: str | None, now: datetime) -> float | None:
    """What the receiver asked for, in seconds: it may say a number or a date. None for anything else."""
    if value is None or status not in _BUSY:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)
