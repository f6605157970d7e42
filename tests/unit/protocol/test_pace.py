from __future__ import annotations

from agent.protocol.pace import BURST_SECONDS, PART_COST, BytePace, cost_of_part


def test_a_burst_is_free_and_what_comes_behind_it_waits() -> None:
    pace = BytePace(100)

    assert pace.spend(int(100 * BURST_SECONDS), now=0.0) == 0.0
    assert pace.spend(50, now=0.0) == 0.5


def test_bytes_are_earned_back_with_time() -> None:
    pace = BytePace(100)
    pace.spend(250, now=0.0)

    assert pace.spend(0, now=10.0) == 0.0
    assert pace.spend(200, now=10.0) == 0.0


def test_a_tiny_part_costs_as_much_as_one_of_some_size() -> None:
    assert cost_of_part(0) == cost_of_part(PART_COST) == PART_COST
    assert cost_of_part(PART_COST + 1) == PART_COST + 1
