"""Hints inside one process: who gets which, and what a slow reader is told."""

from __future__ import annotations

import asyncio

import pytest

from agent.clock import ManualClock
from relay.bus.base import Hint
from relay.bus.memory import MAX_WAITING, Mailbox, MemoryBus
from relay.bus.subjects import check_subject, command_waiting, matches


@pytest.mark.parametrize(
    ("pattern", "subject", "fits"),
    [
        ("positions", "positions", True),
        ("positions", "positions.more", False),
        ("commands.waiting.*", "commands.waiting.agt_1", True),
        ("commands.waiting.*", "commands.waiting", False),
        ("commands.waiting.*", "commands.changed.cmd_1", False),
        ("commands.>", "commands.waiting.agt_1", True),
        ("commands.>", "commands", False),
        (">", "positions", True),
        ("*", "agents.agt_1", False),
    ],
)
def test_a_pattern_chooses_by_parts(pattern: str, subject: str, fits: bool) -> None:
    assert matches(pattern, subject) is fits


@pytest.mark.parametrize("subject", ["", "a..b", ".a", "a b", "a.*", "a.>", "a\r\nPUB x", "ä"])
def test_what_would_break_the_wire_is_no_subject(subject: str) -> None:
    with pytest.raises(ValueError, match="is no subject"):
        check_subject(subject)


async def test_a_hint_reaches_every_subscriber_that_asked_for_it_in_order() -> None:
    bus = MemoryBus(ManualClock())
    with bus.subscribe("commands.waiting.*") as one, bus.subscribe(">") as all_of_them:
        bus.publish(command_waiting("agt_1"), {"command": "cmd_1"})
        bus.publish("positions", {"position": 7})

        assert await one.next() == Hint("commands.waiting.agt_1", {"command": "cmd_1"})
        assert await one.next(within=1.0) is None
        assert [await all_of_them.next(), await all_of_them.next()] == [
            Hint("commands.waiting.agt_1", {"command": "cmd_1"}),
            Hint("positions", {"position": 7}),
        ]


async def test_a_hint_wakes_who_waits_for_it_without_a_limit() -> None:
    bus = MemoryBus(ManualClock())
    with bus.subscribe("positions") as hints:
        waiting = asyncio.ensure_future(hints.next())
        await ManualClock().sleep(0)
        bus.publish("positions")

        assert await waiting == Hint("positions")


async def test_a_reader_that_is_too_slow_keeps_the_newest_and_is_told_that_it_missed_some() -> None:
    mailbox = Mailbox(ManualClock(), room=2)
    for number in range(5):
        mailbox.put(Hint("positions", {"position": number}))

    found = [await mailbox.next() for _ in range(3)]

    assert found[0] is not None
    assert found[0].missed
    assert [hint.data["position"] for hint in found[1:] if hint] == [3, 4]
    assert await mailbox.next(within=1.0) is None


async def test_a_queue_that_nobody_reads_stays_bounded() -> None:
    bus = MemoryBus(ManualClock())
    with bus.subscribe(">") as hints:
        for number in range(10 * MAX_WAITING):
            bus.publish("positions", {"position": number})

        assert len(hints._waiting) == MAX_WAITING


async def test_who_has_left_is_told_nothing() -> None:
    bus = MemoryBus(ManualClock())
    with bus.subscribe(">") as hints:
        pass
    bus.publish("positions")

    assert await hints.next(within=1.0) is None
