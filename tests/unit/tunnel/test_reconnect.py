from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.tunnel.reconnect import CAP_SECONDS, MAX_RETRY_AFTER_SECONDS, STABLE_SECONDS, Backoff

fractions = st.floats(0, 1, exclude_max=True)


def test_the_first_try_is_at_once() -> None:
    assert Backoff().delay(0.99) == 0


def test_the_window_doubles_up_to_the_cap() -> None:
    backoff, windows = Backoff(), []
    for _ in range(8):
        backoff = backoff.after(0)
        windows.append(backoff.delay(1.0))

    assert windows == [5, 10, 20, 40, 80, 90, 90, 90]


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


@given(st.integers(1, 100), fractions)
def test_what_a_person_has_to_mend_is_tried_seldom(failures: int, fraction: float) -> None:
    assert CAP_SECONDS / 2 <= Backoff(failures).delay(fraction, patient=True) <= CAP_SECONDS


def test_many_agents_spread_over_the_window() -> None:
    """A thousand that lose the relay together: no second takes more than three times the mean."""
    seconds = [int(Backoff(1).delay(n / 1_000)) for n in range(1_000)]

    assert max(seconds.count(second) for second in range(5)) <= 3 * 1_000 / 5
