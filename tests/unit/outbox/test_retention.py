from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from agent.outbox.retention import SettledBatch, plan_prune

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
WINDOW = timedelta(hours=24)


def settled(*ages_hours: float, size: int = 10) -> list[SettledBatch]:
    return [
        SettledBatch(seq, NOW - timedelta(hours=age), size) for seq, age in enumerate(ages_hours, start=1)
    ]


def plan(
    batches: list[SettledBatch], *, kept_bytes: int | None = None, replay_bytes: int = 1_000
) -> list[int]:
    whole = sum(batch.bytes for batch in batches) if kept_bytes is None else kept_bytes
    return plan_prune(batches, now=NOW, replay_window=WINDOW, kept_bytes=whole, replay_bytes=replay_bytes)


def test_what_left_the_window_goes_and_what_is_inside_stays():
    assert plan(settled(30, 25, 24, 1)) == [1, 2]


def test_the_oldest_go_while_all_kept_ones_are_too_many_bytes():
    assert plan(settled(3, 2, 1), replay_bytes=20) == [1]
    assert plan(settled(3, 2, 1), replay_bytes=0) == [1, 2, 3]


def test_the_bytes_of_batches_beyond_the_list_count_as_well():
    assert plan(settled(3, 2, 1), kept_bytes=1_015) == [1, 2]


def test_a_clock_that_jumped_back_keeps_what_looks_like_the_future():
    assert plan(settled(-48, -47)) == []
    assert plan([]) == []


@given(
    ages=st.lists(st.floats(-100, 100), max_size=30).map(lambda ages: sorted(ages, reverse=True)),
    size=st.integers(0, 100),
    limit=st.integers(0, 2_000),
)
def test_only_the_oldest_go_and_afterwards_both_bounds_hold(ages, size, limit):
    batches = settled(*ages, size=size)

    chosen = plan(batches, replay_bytes=limit)

    assert chosen == [batch.seq for batch in batches[: len(chosen)]]
    rest = batches[len(chosen) :]
    assert sum(batch.bytes for batch in rest) <= limit or not rest
    assert all(NOW - batch.settled_at <= WINDOW for batch in rest)
