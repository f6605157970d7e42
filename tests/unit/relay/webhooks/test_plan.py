from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from relay.webhooks.plan import (
    DELAYS_SECONDS,
    LONGEST,
    MAX_ATTEMPTS,
    MAX_RETRY_AFTER_SECONDS,
    Verdict,
    retry_after_of,
    seconds_until_next,
    verdict_of,
)
from tests.unit.relay.making import NOW

HOUR = 3_600.0


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_a_delivery_is_tried_with_growing_delays_over_a_day_and_not_longer(chance: float) -> None:
    delays = [seconds_until_next(number, chance=chance) for number in range(1, MAX_ATTEMPTS)]

    assert all(delay is not None for delay in delays)
    known = [delay for delay in delays if delay is not None]
    assert all(before < after for before, after in pairwise(known))
    assert 18 * HOUR < sum(known) + MAX_ATTEMPTS * 10 < 24 * HOUR


def test_behind_the_last_attempt_there_is_none() -> None:
    assert seconds_until_next(MAX_ATTEMPTS, chance=0.5, retry_after=60.0) is None


def test_what_failed_together_does_not_come_back_together() -> None:
    assert seconds_until_next(3, chance=0.1) != seconds_until_next(3, chance=0.9)


@pytest.mark.parametrize(
    ("asked", "waited"), [(600.0, 600.0), (1.0, 5.0), (1e9, MAX_RETRY_AFTER_SECONDS), (-5.0, 5.0)]
)
def test_what_the_receiver_asks_for_is_kept_to_within_bounds(asked: float, waited: float) -> None:
    assert seconds_until_next(1, chance=0.0, retry_after=asked) == waited


def test_no_delay_is_longer_than_the_longest() -> None:
    longest = seconds_until_next(len(DELAYS_SECONDS), chance=1.0)

    assert longest is not None
    assert timedelta(seconds=longest) <= LONGEST


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.DELIVERED),
        (204, Verdict.DELIVERED),
        (299, Verdict.DELIVERED),
        (199, Verdict.AGAIN),
        (301, Verdict.AGAIN),
        (404, Verdict.AGAIN),
        (410, Verdict.GONE),
        (500, Verdict.AGAIN),
        (None, Verdict.AGAIN),
    ],
)
def test_an_answer_means(status: int | None, verdict: Verdict) -> None:
    assert verdict_of(status) is verdict


@pytest.mark.parametrize(
    ("status", "value", "seconds"),
    [
        (503, "120", 120.0),
        (429, " 7 ", 7.0),
        (503, "Mon, 05 Jan 2026 12:01:00 GMT", 60.0),
        (503, "Mon, 05 Jan 2026 11:00:00 GMT", 0.0),
        (503, "99999999999999999999", 999_999_999.0),
        (503, "soon", None),
        (503, "-5", None),
        (503, "²", None),
        (503, None, None),
        (500, "120", None),
    ],
)
def test_a_retry_after_is_read(status: int, value: str | None, seconds: float | None) -> None:
    assert retry_after_of(status, value, NOW) == seconds
