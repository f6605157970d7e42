"""A fleet that lost its relay, over virtual time: the agents' back-off and the relay's door, and nothing else."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass

import pytest

from agent.tunnel.reconnect import Backoff
from relay.admission import LONGEST_WAIT_SECONDS, Admission
from relay.gateway import CROWDED_RETRY_SECONDS
from relay.settings import Gateway

AGENTS = 1_000
WIDE_OPEN = 1e9


@dataclass
class Return:
    """When each agent was in again, counted from the moment at which the relay was."""

    seconds: list[float]

    @property
    def last(self) -> float:
        return max(self.seconds)

    @property
    def peak_to_mean(self) -> float:
        counts = [0] * (int(self.last) + 1)
        for second in self.seconds:
            counts[int(second)] += 1
        return max(counts) / (len(self.seconds) / max(self.last, 1.0))


def simulate(away: float, *, per_second: float, seed: int) -> Return:
    """Every agent loses the relay at 0; it is back at `away`. A try takes no time, which is the worst for the peak."""
    dice = random.Random(seed)
    door = Admission(per_second)
    lost = Backoff().after(3_600.0)  # the connection had held
    tries = [(lost.delay(dice.random()), number, lost) for number in range(AGENTS)]
    heapq.heapify(tries)
    back: list[float] = []
    while tries:
        now, number, backoff = heapq.heappop(tries)
        wish = 0.0
        if now >= away:
            wait = door.ask(now)
            if wait is not None:
                back.append(now + wait - away)
                continue
            wish = CROWDED_RETRY_SECONDS
        backoff = backoff.after(0.0)
        heapq.heappush(tries, (now + backoff.delay(dice.random(), retry_after=wish), number, backoff))
    return Return(back)


@pytest.mark.parametrize("away", [0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 600.0])
def test_a_thousand_agents_are_back_within_two_minutes_and_never_in_a_rush(away: float) -> None:
    for seed in range(3):
        back = simulate(away, per_second=Gateway().new_sessions_per_second, seed=seed)

        assert len(back.seconds) == AGENTS
        assert back.last <= 120
        assert back.peak_to_mean <= 3


def test_without_the_door_there_would_be_a_rush() -> None:
    worst = max(simulate(away, per_second=WIDE_OPEN, seed=0).peak_to_mean for away in (1.0, 2.0, 3.0, 4.0))

    assert worst > 3


def test_newcomers_begin_one_after_the_other_and_are_sent_away_when_too_many_wait() -> None:
    door = Admission(per_second=10)

    waits = [door.ask(100.0) for _ in range(60)]

    let_in = [wait for wait in waits if wait is not None]
    assert let_in == pytest.approx([n / 10 for n in range(51)])
    assert max(let_in) == pytest.approx(LONGEST_WAIT_SECONDS)
    assert waits[51:] == [None] * 9
    assert door.ask(105.0) == pytest.approx(0.1)


def test_a_quiet_hour_saves_up_no_rush() -> None:
    door = Admission(per_second=10)
    door.ask(0.0)

    assert door.ask(3_600.0) == 0.0
    assert door.ask(3_600.0) == pytest.approx(0.1)
