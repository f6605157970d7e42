"""What happens in a world, drawn from its seed before it begins. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from random import Random
from typing import Final

from agent.outbox.store import Limits
from tests.sim.agent import Settings
from tests.sim.loop import Pace
from tests.sim.source import Kind, Stamping

MINUTE: Final = 60.0
DAY: Final = 86_400.0
WHOLE_EVERY: Final = 10  # of so many seeds one makes a whole world, the others small ones


class Fault(StrEnum):
    KILL_AGENT = "kill_agent"
    KILL_RELAY = "kill_relay"
    KILL_BOTH = "kill_both"
    POWER_AGENT = "power_agent"
    POWER_RELAY = "power_relay"
    RESTART_AGENT = "restart_agent"
    RESTART_RELAY = "restart_relay"
    CUT = "cut"
    BLACK_HOLE = "black_hole"
    NO_NETWORK = "no_network"
    SLOW_NETWORK = "slow_network"
    ACK_TROUBLE = "ack_trouble"
    SOURCE_FAILS = "source_fails"
    AGENT_DISK_FULL = "agent_disk_full"
    RELAY_DISK_FULL = "relay_disk_full"
    AGENT_CLOCK = "agent_clock"
    RELAY_CLOCK = "relay_clock"
    SUSPEND_AGENT = "suspend_agent"
    SUSPEND_RELAY = "suspend_relay"


@dataclass(frozen=True, slots=True)
class Event:
    """A fault, how long after the one before it begins, how long it lasts, and a number for what else it needs."""

    after: float
    fault: Fault
    lasts: float
    number: int


@dataclass(frozen=True, slots=True)
class Plan:
    settings: Settings
    pace: Pace
    credit: int
    changes: int  # transactions at the source
    rows: int  # before the first sync
    commands: int
    events: tuple[Event, ...]
    between: float = 30.0  # seconds from one change to the next, at most
    whole: bool = True

    @property
    def seconds(self) -> float:
        return sum(event.after for event in self.events)


KINDS: Final = (
    ("orders", "purchase_order", Stamping.TIME),
    ("vendors", "vendor", Stamping.COUNTER),
    ("items", "inventory_item", Stamping.NOTHING),
)


def plan_of(seed: int) -> Plan:
    return whole_plan_of(seed) if seed % WHOLE_EVERY == 0 else small_plan_of(seed)


def whole_plan_of(seed: int) -> Plan:
    random = Random(seed)
    chosen = random.sample(KINDS, random.choice((1, 2, 2, 3)))
    kinds = tuple(
        Kind(
            *facts,
            step=timedelta(seconds=random.choice((0.001, 1, 60))),
            late=timedelta(seconds=random.choice((0, 5, 90))),
        )
        for facts in chosen
    )
    high = random.choice((200_000, 200_000, 4_000))
    settings = Settings(
        kinds=kinds,
        every=timedelta(seconds=random.choice((20, 60, 60, 300))),
        overlap=timedelta(seconds=random.choice((0, 5, 300))),
        page_rows=random.choice((2, 5, 50)),
        compare_every=timedelta(seconds=random.choice((0, 0, 600))),
        limits=Limits(
            high_water_bytes=high,
            low_water_bytes=high // 2,
            replay_window=timedelta(seconds=random.choice((60, 3600))),
            wal_bytes=random.choice((50_000, 400_000)),
        ),
        parallel=random.choice((1, 1, 3)),
    )
    pace = Pace(
        shuffled=random.random() < 0.8,
        hold_up=random.choice((0.0, 0.0, 0.01, 0.05)),
        longest=random.choice((0.05, 1.0)),
        work_seconds=random.choice((0.0, 0.02, 0.3)),
    )
    events = tuple(_event(random) for _ in range(random.randint(3, 9)))
    return Plan(
        settings,
        pace,
        credit=random.choice((1, 4, 16)),
        changes=random.randint(8, 30),
        rows=random.choice((0, 5, 20)),
        commands=random.choice((0, 1, 3)),
        events=events,
    )


def small_plan_of(seed: int) -> Plan:
    """Fewer of everything and closer together, with the settings under which little is mended by chance.

    What a sync reads again, and what a comparison of keys finds, would hide much in a world of a few minutes.
    """
    whole, random = whole_plan_of(seed), Random(-1 - seed)
    kinds = tuple(
        replace(kind, step=timedelta(seconds=random.choice((1, 60))))
        for kind in whole.settings.kinds[: random.choice((1, 1, 2))]
    )
    events = tuple(
        replace(event, after=event.after / 4, lasts=event.lasts if event.lasts >= DAY else event.lasts / 4)
        for event in whole.events[: random.randint(2, 5)]
    )
    settings = replace(
        whole.settings,
        kinds=kinds,
        every=timedelta(seconds=30),
        overlap=timedelta(seconds=random.choice((0, 0, 5))),
        page_rows=random.choice((2, 5)),
        compare_every=timedelta(seconds=random.choice((0, 120, 120))),
    )
    return replace(
        whole,
        settings=settings,
        changes=random.randint(4, 12),
        between=8.0,
        rows=min(whole.rows, 6),
        commands=min(whole.commands, 1),
        events=events,
        whole=False,
    )


def _event(random: Random) -> Event:
    fault = random.choice(list(Fault))
    lasts = random.choice((2.0, 20.0, 2 * MINUTE))
    if fault is Fault.SUSPEND_AGENT:
        lasts = random.choice((MINUTE, 20 * MINUTE, 3 * DAY))
    return Event(
        random.choice((1.0, 15.0, 90.0)) * (0.5 + random.random()), fault, lasts, random.randrange(1_000_000)
    )


DEADLY: Final = (Fault.KILL_AGENT, Fault.KILL_AGENT, Fault.POWER_RELAY, Fault.SOURCE_FAILS)


def deadly_plan_of(seed: int) -> Plan:
    """A stream with coarse stamps in small pages, and a crash after the other: where planted faults are looked for."""
    random = Random(seed)
    settings = Settings(
        kinds=(Kind("orders", "purchase_order", Stamping.TIME, step=timedelta(seconds=60)),),
        every=timedelta(seconds=30),
        overlap=timedelta(0),
        page_rows=1,
        compare_every=timedelta(seconds=600),
        limits=Limits(),
    )
    events = tuple(
        Event(5.0 + random.random() * 40.0, random.choice(DEADLY), 60.0, random.randrange(1_000_000))
        for _ in range(16)
    )
    return Plan(
        settings,
        Pace(hold_up=0.1, longest=0.5, work_seconds=0.05),
        credit=4,
        changes=40,
        rows=12,
        commands=0,
        events=events,
    )
