from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.tunnel.reconnect import (
    BASE_SECONDS,
    CAP_SECONDS,
    MAX_RETRY_AFTER_SECONDS,
    PATIENT_SECONDS,
    STABLE_SECONDS,
    Backoff,
)

fractions = st.floats(0, 1, exclude_max=True)


def test_the_first_try_is_at_once() -> None:
    assert Backoff().delay(0.99) == 0


def test_the_window_doubles_up_to_the_cap() -> None:
    backoff, windows = Backoff(), []
    for _ in range(8):
        backoff = backoff.after(0)
        windows.append(backoff.delay(1.0))

    assert windows == [5, 10, 20, 40, 45, 45, 45, 45]


def test_a_stable_connection_starts_the_series_anew() -> None:
    assert Backoff(7).after(STABLE_SECONDS) == Backoff(1)
    assert Backoff(7).after(STABLE_SECONDS - 1) == Backoff(8)


@given(st.integers(0, 10**9), fractions)
def test_no_wait_is_negative_or_above_the_cap(failures: int, fraction: float) -> None:
    assert 0 <= Backoff(failures).delay(fraction) <= CAP_SECONDS


@given(st.integers(1, 100), fractions, st.floats(0, 10**9))
def test_a_wish_for_a_pause_is_the_least_that_is_waited(failures: int, fraction: float, wish: float) -> None:
    waited = Backoff(failures).delay(fraction, retry_after=wish)

    assert min(wish, MAX_RETRY_AFTER_SECONDS) <= waited <= MAX_RETRY_AFTER_SECONDS + CAP_SECONDS


@given(st.integers(0, 100), fractions)
def test_a_relay_that_says_when_to_come_again_is_come_to_about_then_and_not_ever_later(
    times: int, fraction: float
) -> None:
    """It spreads those that it turns away: an agent that was turned away often does not lose its turn by it."""
    backoff = Backoff(1)
    for _ in range(times):
        backoff = backoff.after(0, appointed=True)

    assert 20 <= backoff.delay(fraction, retry_after=20) <= 20 + BASE_SECONDS + 2
    assert backoff.after(0).delay(1.0) == Backoff(2).delay(1.0)


@given(st.integers(1, 100), fractions)
def test_what_a_person_has_to_mend_is_tried_seldom(failures: int, fraction: float) -> None:
    assert PATIENT_SECONDS / 2 <= Backoff(failures).delay(fraction, patient=True) <= PATIENT_SECONDS


def test_many_agents_spread_over_the_window() -> None:
    """A thousand that lose the relay together: no second takes more than three times the mean."""
    seconds = [int(Backoff(1).delay(n / 1_000)) for n in range(1_000)]

    assert max(seconds.count(second) for second in range(5)) <= 3 * 1_000 / 5
