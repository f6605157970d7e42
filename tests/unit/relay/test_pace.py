from __future__ import annotations

from relay.pace import BURST_SECONDS, BytePace


def test_a_burst_is_free_and_what_comes_behind_it_waits() -> None:
    pace = BytePace(100)

    assert pace.spend(int(100 * BURST_SECONDS), now=0.0) == 0.0
    assert pace.spend(50, now=0.0) == 0.5


def test_bytes_are_earned_back_with_time() -> None:
    pace = BytePace(100)
    pace.spend(250, now=0.0)

    assert pace.spend(0, now=10.0) == 0.0
    assert pace.spend(200, now=10.0) == 0.0
