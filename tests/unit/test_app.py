from __future__ import annotations

import pytest

from agent.app import drain_seconds


@pytest.mark.parametrize(
    ("spent", "left"),
    [(0.2, 20.0), (15.0, 10.0), (40.0, 1.0)],
)
def test_runs_that_stop_slowly_take_their_time_from_the_drain_and_not_from_the_limit(
    spent: float, left: float
) -> None:
    assert drain_seconds(25.0, spent) == left
