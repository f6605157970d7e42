from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from agent.app import PRUNE_SECONDS, drain_seconds, prune_by_and_by
from agent.clock import ManualClock
from agent.errors import StorageDamaged, StorageFull


@pytest.mark.parametrize(
    ("spent", "left"),
    [(0.2, 20.0), (15.0, 10.0), (40.0, 1.0)],
)
def test_runs_that_stop_slowly_take_their_time_from_the_drain_and_not_from_the_limit(
    spent: float, left: float
) -> None:
    assert drain_seconds(25.0, spent) == left


class Pruned:
    """An outbox whose pruning fails as it is told to, one look after the other."""

    def __init__(self, *looks: Exception | int) -> None:
        self.looks = list(looks)
        self.done = asyncio.Event()

    async def prune(self) -> int:
        look = self.looks.pop(0)
        if not self.looks:
            self.done.set()
        if isinstance(look, Exception):
            raise look
        return look


async def test_a_trouble_with_pruning_is_told_of_once_and_again_after_it_was_over() -> None:
    full, damaged = StorageFull("The disk is full"), StorageDamaged("A page is damaged")
    outbox: Any = Pruned(full, full, damaged, damaged, full, 3, full, full, 0, 0)
    clock = ManualClock()

    with capture_logs() as lines:
        pruning = asyncio.create_task(prune_by_and_by(outbox, clock))
        while not outbox.done.is_set():
            await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
            clock.advance(PRUNE_SECONDS)
        pruning.cancel()

    assert [(line["event"], line.get("code") or line["batches"]) for line in lines] == [
        ("prune_failed", full.code),
        ("prune_failed", damaged.code),
        ("prune_failed", full.code),
        ("outbox_pruned", 3),
        ("prune_failed", full.code),
    ]
    assert all(line["hint"] for line in lines if line["event"] == "prune_failed")
