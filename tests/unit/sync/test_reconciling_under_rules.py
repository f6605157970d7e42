"""A reconciliation where the policy chooses which records leave, and where that choice has just changed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.errors import TransientError
from agent.model.run import Differences
from agent.outbox.store import Outbox
from agent.policy.leave import EVERYTHING
from agent.sync import reconciliation
from agent.sync.reconcile import DeletionSettings
from agent.sync.withheld import Withheld
from drivers.contract import Page, ReadMode, ReadRequest
from tests.unit.sync.running import World, make_stream
from tests.unit.sync.table_source import TableSource
from tests.unit.sync.test_leaving import OURS, Windowed, leave, under
from tests.unit.sync.test_reconciliation import quietly, reconciled


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """K0 to K3 may leave by the rule, K4 to K6 may not."""
    async with await Outbox.open(tmp_path / "outbox.db", clock=ManualClock()) as outbox:
        world = World(outbox, make_stream())
        under(world, leave(rows=OURS))
        for number in range(7):
            world.source.put(f"K{number}", "1000" if number < 4 else "2000")
        await world.run()
        await world.travelled()
        yield world


async def test_a_record_that_was_kept_here_and_may_leave_without_a_new_stamp_is_told_and_sent(
    world: World,
) -> None:
    quietly(world, "K5", "1000")

    result = await reconciled(world)

    assert result.report.differences == Differences(missing=1, examples=("K5",), at_source=7, held=5)
    assert await world.travelled() == (["K5"], [])


@pytest.mark.parametrize("restarted", [True, False])
async def test_what_is_kept_here_is_no_difference_and_is_not_read_once_more(
    world: World, monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    monkeypatch.setattr(reconciliation, "MAX_NAMED", 1)
    if restarted:
        world.stream = replace(world.stream, withheld=Withheld())
    world.source.requests.clear()

    result = await reconciled(world)

    assert result.report.differences == Differences(at_source=7, held=4)
    modes = [request.mode for request in world.source.requests]
    assert modes == [ReadMode.CHANGES, ReadMode.SCAN, ReadMode.CHANGES]


async def test_what_the_sync_before_it_took_back_under_a_new_rule_is_not_taken_for_gone(world: World) -> None:
    """Records before the window, which the walk does not show: one is gone, one may leave no longer."""
    source = world.source = Windowed(rows=world.source.rows, now=world.source.now)
    under(world, EVERYTHING)
    window = replace(world.stream.window, initial_window=timedelta(days=1))
    deletions = DeletionSettings(True, timedelta(days=1), 0.5)
    world.stream = replace(world.stream, window=window, deletions=deletions)
    await world.run(full=True)
    await world.travelled()
    source.old = frozenset({"K0", "K1", "K4", "K5"})
    source.remove("K1")
    under(world, leave(rows=OURS))

    result = await reconciled(world)

    assert result.error is None
    assert sorted((await world.travelled())[1]) == ["K1", "K4", "K5", "K6"]
    assert result.report.differences is not None
    assert (result.report.differences.total, result.report.differences.held) == (0, 3)


class Cut(TableSource):
    """Reads of one kind end before their last page, and say nothing."""

    ending: ReadMode | None = None

    async def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]:
        async with aclosing(super().read(request)) as pages:
            async for page in pages:
                if page.complete and request.mode is self.ending:
                    return
                yield page


async def test_a_record_that_a_read_by_keys_did_not_come_to_is_not_taken_for_gone(world: World) -> None:
    source = world.source = Cut(rows=world.source.rows, now=world.source.now)
    source.passed_by, source.ending = {"K1"}, ReadMode.BY_KEYS

    result = await reconciled(world)

    assert isinstance(result.error, TransientError)
    assert await world.travelled() == ([], [])


class Repeating(TableSource):
    """A walk that meets a record twice, as where a row moves behind the page that showed it."""

    async def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]:
        async with aclosing(super().read(request)) as pages:
            async for page in pages:
                yield page
                if request.mode is ReadMode.SCAN and not page.complete:
                    yield Page(page.table, page.cursor)


async def test_a_record_that_a_walk_meets_twice_is_counted_once(world: World) -> None:
    world.source = Repeating(rows=world.source.rows, now=world.source.now, stamped=False)

    result = await reconciled(world)

    assert result.report.differences == Differences(at_source=7, held=4)


async def test_a_record_that_was_sent_and_may_leave_no_longer_is_told_and_taken_back(world: World) -> None:
    quietly(world, "K1", "2000")

    result = await reconciled(world)

    assert result.report.differences == Differences(changed=1, examples=("K1",), at_source=7, held=3)
    assert await world.travelled() == ([], ["K1"])
