"""A fleet that lost its relay, over virtual time: the agents' back-off and the relay's door, and nothing else."""

from __future__ import annotations

import heapq
import ipaddress
import itertools
import math
import random
from collections import deque
from dataclasses import dataclass, field

import pytest

from agent.tunnel.reconnect import Backoff
from relay.admission import (
    LATEST_SECONDS,
    LONGEST_WAIT_SECONDS,
    Admission,
    Newcomers,
    address_behind,
    place_of,
)
from relay.door import ADDRESS_RETRY_SECONDS
from relay.settings import Gateway

AGENTS = 1_000
WIDE_OPEN = 1e9
HANDSHAKE_SECONDS = 0.5
PROXIES = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))


@dataclass
class Return:
    """When each agent was in again, counted from the moment at which the relay was."""

    seconds: list[float]

    @property
    def last(self) -> float:
        return max(self.seconds)

    @property
    def peak(self) -> int:
        """The most in any second, wherever it begins."""
        ordered, most, first = sorted(self.seconds), 0, 0
        for at, second in enumerate(ordered):
            while ordered[first] <= second - 1:
                first += 1
            most = max(most, at - first + 1)
        return most

    @property
    def peak_to_mean(self) -> float:
        return self.peak / (len(self.seconds) / max(self.last, 1.0))


@dataclass
class Fleet:
    """Every agent loses the relay at 0; it is back at `away`. All of them come from `places` addresses."""

    away: float
    per_second: float
    seed: int
    places: int = AGENTS
    stalls: tuple[tuple[float, float], ...] = ()  # when the relay gets no processor, and until when
    events: list[tuple[float, int, str, int, Backoff]] = field(default_factory=list)
    queue: deque[int] = field(default_factory=deque)
    order: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.door = Admission(self.per_second)
        self.newcomers = Newcomers(Gateway().newcomers_per_address)

    def come_back(self) -> Return:
        back: list[float] = []
        lost = Backoff().after(3_600.0)  # the connection had held
        for agent in range(AGENTS):
            self._at(lost.delay(self.dice.random()), "try", agent, lost)
        while self.events:
            now, _, what, agent, backoff = heapq.heappop(self.events)
            if what == "known":
                self.newcomers.go(agent)
            elif what == "enter":
                self.queue.popleft()
                self.door.leave()
                self.door.enter(now)
                back.append(now - self.away)
                self._at(now + HANDSHAKE_SECONDS, "known", agent, backoff)
                self._next_turn(now)
            elif now < self.away:
                self._try_later(now, agent, backoff, 0.0)
            elif not self.newcomers.come(agent, str(agent % self.places)):
                self._try_later(now, agent, backoff, ADDRESS_RETRY_SECONDS)
            elif not self.door.join(now):
                self.newcomers.go(agent)
                self._try_later(now, agent, backoff, math.ceil(self.door.appointment(now)))
            else:
                self.queue.append(agent)
                if len(self.queue) == 1:
                    self._next_turn(now)
        return Return(back)

    def _next_turn(self, now: float) -> None:
        if not self.queue:
            return
        at = now + self.door.wait(now)
        at = next((until for begin, until in self.stalls if begin <= at - self.away < until), at - self.away)
        self._at(max(at + self.away, now), "enter", self.queue[0], Backoff())

    def _try_later(self, now: float, agent: int, backoff: Backoff, wish: float) -> None:
        backoff = backoff.after(0.0, appointed=wish > 0)
        self._at(now + backoff.delay(self.dice.random(), retry_after=wish), "try", agent, backoff)

    def _at(self, when: float, what: str, agent: int, backoff: Backoff) -> None:
        heapq.heappush(self.events, (when, next(self.order), what, agent, backoff))


def simulate(away: float, *, per_second: float | None = None, seed: int = 0, places: int = AGENTS) -> Return:
    return Fleet(away, per_second or Gateway().new_sessions_per_second, seed, places).come_back()


@pytest.mark.parametrize("away", [0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 600.0])
def test_a_thousand_agents_are_back_within_a_minute_and_never_in_a_rush(away: float) -> None:
    for seed in range(3):
        back = simulate(away, seed=seed)

        assert len(back.seconds) == AGENTS
        assert back.last <= 60
        assert back.peak_to_mean <= 2


@pytest.mark.parametrize("away", [0.0, 8.0, 60.0])
def test_a_thousand_agents_behind_one_address_are_back_as_soon(away: float) -> None:
    back = simulate(away, places=1)

    assert len(back.seconds) == AGENTS
    assert back.last <= 60
    assert back.peak_to_mean <= 2


def test_without_the_door_there_would_be_a_rush() -> None:
    worst = max(simulate(away, per_second=WIDE_OPEN).peak_to_mean for away in (1.0, 2.0, 3.0, 4.0))

    assert worst > 3


def test_a_relay_that_was_held_up_lets_nobody_in_faster_afterwards() -> None:
    per_second = Gateway().new_sessions_per_second
    stalls = ((2.0, 4.5), (10.0, 11.0), (20.0, 23.0))

    back = Fleet(8.0, per_second, seed=0, stalls=stalls).come_back()

    assert len(back.seconds) == AGENTS
    assert back.peak <= per_second + 1


def test_newcomers_begin_one_after_the_other_and_are_sent_away_when_too_many_wait() -> None:
    door = Admission(per_second=10)

    joined = [door.join(100.0) for _ in range(60)]

    assert joined.count(True) == LONGEST_WAIT_SECONDS * 10 + 1
    assert not any(joined[51:])
    assert door.wait(100.0) == 0.0
    door.enter(100.0)
    door.leave()
    assert door.wait(100.0) == pytest.approx(0.1)
    assert not door.join(100.0)
    assert door.join(100.2)


def test_those_who_find_the_queue_full_are_each_told_another_time_and_none_a_late_one() -> None:
    door = Admission(per_second=10)
    while door.join(100.0):
        pass

    times = [door.appointment(100.0) for _ in range(1_000)]

    assert times[:3] == pytest.approx([5.0, 5.1, 5.2])
    assert max(times) == LATEST_SECONDS
    assert door.appointment(200.0) == pytest.approx(LONGEST_WAIT_SECONDS)


def test_a_quiet_hour_saves_up_no_rush() -> None:
    door = Admission(per_second=10)
    door.enter(0.0)

    assert door.wait(3_600.0) == 0.0
    door.enter(3_600.0)
    assert door.wait(3_600.0) == pytest.approx(0.1)


def test_of_one_place_there_are_so_many_newcomers_and_whoever_goes_makes_room() -> None:
    newcomers = Newcomers(2)

    assert [newcomers.come(who, "a") for who in (1, 2, 3)] == [True, True, False]
    assert newcomers.come(4, "b")
    newcomers.go(3)  # it was never in
    assert not newcomers.come(5, "a")
    newcomers.go(1)
    newcomers.go(1)
    assert newcomers.come(5, "a")
    assert not newcomers.come(6, "a")


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_what_one_stranger_may_have_many_of_is_one_place(address: str, place: str) -> None:
    assert place_of(address) == place


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        (
            "192.0.2.7",
            ["203.0.113.1"],
            "192.0.2.7",
        ),  # no proxy of ours: what it says of others counts nothing
        ("10.0.0.1", ["203.0.113.1"], "203.0.113.1"),
        ("::ffff:10.0.0.1", ["203.0.113.1"], "203.0.113.1"),
        ("10.0.0.1", ["198.51.100.1, 203.0.113.1"], "203.0.113.1"),  # the sender wrote the first
        ("10.0.0.1", ["198.51.100.1", "203.0.113.1, 10.9.9.9"], "203.0.113.1"),  # two proxies of ours
        ("10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.1", ["unknown"], "unknown"),
        ("10.0.0.1", [], None),
        ("fd00::1", ["10.0.0.2"], None),
    ],
)
def test_a_proxy_is_believed_where_it_is_one_of_ours(
    peer: str, forwarded: list[str], address: str | None
) -> None:
    assert address_behind(peer, forwarded, PROXIES) == address
