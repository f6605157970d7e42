"""A host that slept, or whose clock jumped, catches up with one run of each stream and goes on as before."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Final

import pytest

from agent.outbox.store import Limits
from agent.sync.schedule import CLOCK_LOOK_SECONDS
from tests.sim.agent import Settings
from tests.sim.loop import Pace
from tests.sim.plan import DAY, Event, Fault, Plan
from tests.sim.source import Kind, Stamping
from tests.sim.world import World

EVERY: Final = 300.0
BEFORE: Final = 700.0  # three runs in, amid an interval
AFTERWARDS: Final = 5 * EVERY
SLACK: Final = 2.0  # streams of a connection take turns
STARTED: Final = re.compile(r"^ *(?P<at>[\d.]+) agent +run_started \{'stream': '(?P<stream>[\w/]+)'")


def number_that_jumps_by(seconds: float) -> int:
    """An event's number chooses by how much a clock jumps."""
    choices = (DAY, -DAY, 3600.0, -3600.0, 1.0, -1.0)
    return next(number for number in range(1_000) if Random(number).choice(choices) == seconds)


TROUBLES: Final = {
    "asleep for three days": (Event(BEFORE, Fault.SUSPEND_AGENT, 3 * DAY, 0), 3 * DAY),
    "asleep for less than an interval": (Event(BEFORE, Fault.SUSPEND_AGENT, 250.0, 0), 250.0),
    "a day forward": (Event(BEFORE, Fault.AGENT_CLOCK, 0.0, number_that_jumps_by(DAY)), 0.0),
    "a day back": (Event(BEFORE, Fault.AGENT_CLOCK, 0.0, number_that_jumps_by(-DAY)), 0.0),
    "an hour back": (Event(BEFORE, Fault.AGENT_CLOCK, 0.0, number_that_jumps_by(-3600.0)), 0.0),
}


def plan(*troubles: Event, every: float = EVERY) -> Plan:
    kinds = (
        Kind("orders", "purchase_order", Stamping.TIME, step=timedelta(seconds=1), late=timedelta(0)),
        Kind("vendors", "vendor", Stamping.COUNTER, step=timedelta(seconds=1), late=timedelta(0)),
    )
    settings = Settings(
        kinds=kinds,
        every=timedelta(seconds=every),
        overlap=timedelta(0),
        page_rows=10,
        compare_every=timedelta(0),
        limits=Limits(),
    )
    then = Event(AFTERWARDS, Fault.CUT, 0.0, 0)  # until then nothing more happens
    return Plan(settings, Pace(), credit=4, changes=0, rows=3, commands=0, events=(*troubles, then))


@pytest.mark.parametrize("name", TROUBLES)
def test_exactly_one_run_of_each_stream_catches_up(tmp_path: Path, name: str) -> None:
    trouble, asleep = TROUBLES[name]
    outcome = World(tmp_path, 1, plan=plan(trouble)).play()
    assert not outcome.faults, str(outcome)
    over = 1_000.0 + BEFORE + asleep
    starts = starts_within(outcome.lines, over)

    for times in starts.values():
        first, rest = times[0], times[1:]
        assert first - over <= CLOCK_LOOK_SECONDS + SLACK, name
        gaps = [later - earlier for earlier, later in zip(times, rest, strict=False)]
        assert gaps[0] <= EVERY + SLACK  # the schedule's own next tick
        assert all(abs(gap - EVERY) <= SLACK for gap in gaps[1:]), gaps


def test_a_clock_put_right_soon_after_the_host_woke_silences_no_stream(tmp_path: Path) -> None:
    """A tick came in between, by the wrong time; nobody had looked at the clock since before the sleep."""
    every, before = (
        290.0,
        865.0,
    )  # a tick 5 s behind the waking, and the next look at the clock 35 s behind it
    asleep = Event(before, Fault.SUSPEND_AGENT, 3 * DAY, 0)
    put_right = Event(15.0, Fault.AGENT_CLOCK, 0.0, number_that_jumps_by(-DAY))
    outcome = World(tmp_path, 1, plan=plan(asleep, put_right, every=every)).play()

    assert not outcome.faults, str(outcome)
    over = 1_000.0 + before + 3 * DAY + 15.0
    for times in starts_within(outcome.lines, over).values():
        assert times[0] - over <= CLOCK_LOOK_SECONDS + SLACK


def starts_within(lines: list[str], over: float) -> dict[str, list[float]]:
    starts: dict[str, list[float]] = {"erp/orders": [], "erp/vendors": []}
    for line in lines:
        if (found := STARTED.match(line)) and over <= float(found["at"]) < over + AFTERWARDS:
            starts[found["stream"]].append(float(found["at"]))
    return starts
