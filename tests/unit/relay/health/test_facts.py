from __future__ import annotations

from datetime import timedelta

import pytest

from relay.health.facts import Drain, OutboxRoom, Waiting, drain_of, version_of
from tests.unit.relay.health.facts import GIB, agent


def test_the_time_to_empty_what_waits_goes_by_the_rate_of_the_last_minutes() -> None:
    assert agent(waiting=Waiting(1, 1, 1000), drain=Drain(100.0, 1.0)).empty_in == timedelta(seconds=10)
    assert agent(waiting=Waiting(0, 0, 0), drain=None).empty_in == timedelta(0)


@pytest.mark.parametrize("drain", [None, Drain(0.0, 0.0), Drain(-5.0, -1.0)])
def test_what_does_not_shrink_has_no_time_to_be_empty(drain: Drain | None) -> None:
    assert agent(waiting=Waiting(1, 1, 1000), drain=drain).empty_in is None


def test_the_outbox_is_full_at_its_high_water_mark_or_when_its_disk_is() -> None:
    growing = Drain(-float(GIB), -1.0)
    waiting = Waiting(1, 1, GIB)

    marked = agent(waiting=waiting, drain=growing, room=OutboxRoom(4 * GIB, 0, 100 * GIB, 50 * GIB))
    cramped = agent(waiting=waiting, drain=growing, room=OutboxRoom(4 * GIB, 0, 100 * GIB, 2 * GIB))

    assert marked.full_in == timedelta(seconds=3)
    assert cramped.full_in == timedelta(seconds=2)
    assert agent(waiting=waiting, drain=Drain(1.0, 1.0)).full_in is None
    assert agent(waiting=Waiting(1, 1, 9 * GIB), drain=growing).full_in == timedelta(0)


def test_a_rate_takes_two_moments_and_goes_from_the_first_to_the_last() -> None:
    samples = [(10.0, Waiting(9, 900, 9000)), (20.0, Waiting(99, 9, 9)), (40.0, Waiting(6, 600, 6000))]

    assert drain_of(samples) == Drain(100.0, 10.0)
    assert drain_of(samples[:1]) is None
    assert drain_of([samples[0], (10.0, Waiting(0, 0, 0))]) is None


@pytest.mark.parametrize(
    ("text", "version"),
    [("1.2.3", (1, 2, 3)), ("0.10", (0, 10)), ("1.2rc1", (1, 2)), ("dev", None), ("", None), ("1.x.3", (1,))],
)
def test_of_a_version_the_numbers_count_that_stand_before_anything_else(
    text: str, version: tuple[int, ...] | None
) -> None:
    assert version_of(text) == version
