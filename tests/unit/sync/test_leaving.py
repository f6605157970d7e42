"""What the policy holds back, on its way through the runner: real outbox, mapping and filter; only the source is made up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import ManualClock
from agent.errors import TransientError
from agent.mapping.compile import compile_mapping
from agent.model.run import RunMode
from agent.outbox.store import Outbox
from agent.policy.leave import EVERYTHING, LeaveFilter, compile_leave
from agent.policy.model import LeaveRule
from agent.sync.reconcile import DeletionSettings
from agent.sync.withheld import Withheld
from drivers.contract import Mark, MarkKind, ReadMode, ReadRequest, StreamSpec
from tests.unit.sync.running import ADDRESS, World, make_stream
from tests.unit.sync.table_source import TableSource

MAPPING = {"orderNo": "no", "organizationKey": "total", "notes": "total"}
OURS = {"organizationKey": ["1000"]}


def leave(**rule: Any) -> LeaveFilter:
    return compile_leave(LeaveRule.model_validate({"fields": "all", **rule}), "purchase_order", b"k" * 32)


def under(world: World, rule: LeaveFilter) -> None:
    mapping = compile_mapping(MAPPING, entity="purchase_order", where=ADDRESS)
    world.stream = replace(world.stream, mapping=mapping, leave=rule, withheld=Withheld())


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with await Outbox.open(tmp_path / "outbox.db", clock=ManualClock()) as outbox:
        world = World(outbox, make_stream())
        under(world, leave(rows=OURS))
        for number in range(4):
            world.source.put(f"K{number}", "1000")
        for number in range(4, 7):
            world.source.put(f"K{number}", "2000")
        yield world


async def known_keys(world: World) -> int:
    return len((await world.outbox.fingerprints(ADDRESS)).key_hashes)


async def test_only_the_chosen_rows_travel_and_of_the_others_nothing_is_kept(world: World) -> None:
    result = await world.run()

    assert await world.travelled() == (["K0", "K1", "K2", "K3"], [])
    assert await known_keys(world) == 4
    assert (result.report.counts.read, result.report.counts.changed, result.report.counts.unchanged) == (
        7,
        4,
        0,
    )


async def test_a_record_that_was_never_sent_never_becomes_a_tombstone(world: World) -> None:
    await world.run()
    await world.travelled()
    for key in ("K4", "K5", "K6"):
        world.source.remove(key)
    await world.run()
    await world.run(full=True)

    assert (await world.travelled())[1] == []


async def test_a_record_that_may_leave_no_longer_becomes_a_tombstone_once(world: World) -> None:
    await world.run()
    await world.travelled()
    world.source.put("K1", "2000")
    await world.run()

    assert await world.travelled() == ([], ["K1"])
    assert await known_keys(world) == 3
    world.source.put("K1", "3000")
    await world.run()
    world.source.remove("K1")
    await world.run()
    assert await world.travelled() == ([], [])


async def test_a_record_that_may_leave_by_now_travels(world: World) -> None:
    await world.run()
    await world.travelled()
    world.source.put("K5", "1000")
    await world.run()

    assert await world.travelled() == (["K5"], [])


async def test_withheld_keys_are_not_fetched_at_every_comparison(world: World) -> None:
    await world.run()
    world.source.requests.clear()
    await world.run()

    modes = [request.mode for request in world.source.requests]
    assert ReadMode.KEYS in modes
    assert ReadMode.BY_KEYS not in modes


async def test_after_a_restart_they_are_looked_at_once(world: World) -> None:
    await world.run()
    world.stream = replace(world.stream, withheld=Withheld())
    await world.run()
    world.source.requests.clear()
    await world.run()

    assert ReadMode.BY_KEYS not in [request.mode for request in world.source.requests]
    assert (await world.travelled())[0] == ["K0", "K1", "K2", "K3"]


async def test_under_a_stricter_rule_everything_is_sent_again_as_it_may_leave_now(world: World) -> None:
    under(world, EVERYTHING)
    await world.run()
    await world.travelled()
    under(world, leave(rows=OURS, mask=["notes"]))
    result = await world.run()

    batches = await world.new_batches()
    notes = [
        note for batch in batches if batch.table is not None for note in batch.table["notes"].to_pylist()
    ]
    assert result.report.mode is RunMode.RESYNC
    assert notes == ["***"] * 4
    assert sorted(key for batch in batches for key in batch.keys) == ["K4", "K5", "K6"]
    assert (await world.run()).report.mode is RunMode.INCREMENTAL
    assert await world.travelled() == ([], [])


@pytest.mark.parametrize("page", [1, 2])
async def test_a_run_cut_short_under_a_new_rule_is_taken_up_again(world: World, page: int) -> None:
    under(world, EVERYTHING)
    await world.run()
    await world.travelled()
    under(world, leave(mask=["notes"]))
    world.source.fail_at_page, world.source.fault = page, TransientError
    assert (await world.run()).error is not None
    world.source.fail_at_page = None
    await world.run()

    records, _ = await world.travelled()
    assert sorted(set(records)) == [f"K{number}" for number in range(7)]


class Windowed(TableSource):
    """Read from a moment on, it shows only what changed since; older records are there by their keys."""

    old: frozenset[str] = frozenset()

    async def signpost(self, stream: StreamSpec) -> Mark:
        return Mark(MarkKind.TIMESTAMP, "2026-01-02T00:00:00")

    def _chosen(self, request: ReadRequest) -> list[tuple[str, str, int]]:
        if request.mode is ReadMode.CHANGES:
            return []
        hidden = self.old if request.mode is ReadMode.WINDOW else ()
        return [row for row in super()._chosen(request) if row[0] not in hidden]


@pytest.mark.parametrize("compare", [True, False])
@pytest.mark.parametrize("cut_at", [None, 1])
async def test_records_older_than_the_window_are_sent_again_or_taken_back_under_a_new_rule(
    world: World, compare: bool, cut_at: int | None
) -> None:
    source = world.source = Windowed(rows=world.source.rows, now=world.source.now)
    under(world, EVERYTHING)
    window = replace(world.stream.window, initial_window=timedelta(days=1))
    world.stream = replace(
        world.stream, window=window, deletions=DeletionSettings(compare, timedelta(0), 0.5)
    )
    await world.run()
    await world.travelled()
    source.old = frozenset({"K0", "K1", "K4", "K5"})
    source.remove("K1")
    source.remove("K4")
    under(world, leave(rows=OURS, mask=["notes"]))
    if cut_at is not None:
        source.fail_at_page, source.fault = cut_at, TransientError
        assert (await world.run()).error is not None
        source.fail_at_page = None
    await world.run()

    batches = await world.new_batches()
    notes = [n for batch in batches if batch.table is not None for n in batch.table["notes"].to_pylist()]
    sent = {key for b in batches if b.table is not None for key in b.table["key"].to_pylist()}
    assert set(notes) == {"***"}
    assert sent == {"K0", "K2", "K3"}
    assert sorted(key for batch in batches for key in batch.keys) == ["K1", "K4", "K5", "K6"]
    # Once is enough.
    world.source.requests.clear()
    await world.run()
    assert ReadMode.BY_KEYS not in [request.mode for request in world.source.requests]
    assert await world.travelled() == ([], [])


async def test_masks_do_not_hide_that_a_record_changed(world: World) -> None:
    under(world, leave(mask=["notes", "organizationKey"]))
    await world.run()
    await world.travelled()
    world.source.put("K2", "9999")
    await world.run()

    assert await world.travelled() == (["K2"], [])


async def test_a_reject_whose_row_cannot_be_judged_is_not_told_to_the_relay(world: World) -> None:
    mapping = {**MAPPING, "totalNetValue": {"from": "total", "as": "decimal"}}
    compiled = compile_mapping(mapping, entity="purchase_order", where=ADDRESS)
    world.stream = replace(world.stream, mapping=compiled)
    world.source.put("K6", "no number")
    world.source.put("K0", "1000")
    await world.run()
    batches = await world.new_batches()
    assert [letter.key for batch in batches for letter in batch.letters] == []
    kept = await world.outbox.dead_letters(None, with_raw=True)
    assert [(letter.key, letter.raw) for letter in kept] == [("K6", b"")]

    # One that was sent before is known there: of it the relay is told.
    world.source.put("K0", "no number either")
    await world.run()
    assert [letter.key for batch in await world.new_batches() for letter in batch.letters] == ["K0"]


@pytest.mark.parametrize(("rule", "kept"), [(leave(), True), (leave(mask=["notes"]), False)])
async def test_a_source_row_is_kept_with_its_dead_letter_only_where_nothing_is_restricted(
    world: World, rule: LeaveFilter, kept: bool
) -> None:
    mapping = {**MAPPING, "totalNetValue": {"from": "total", "as": "decimal"}}
    compiled = compile_mapping(mapping, entity="purchase_order", where=ADDRESS)
    world.stream = replace(world.stream, mapping=compiled, leave=rule)
    world.source.put("K6", "no number")
    await world.run()

    (letter,) = await world.outbox.dead_letters(None, with_raw=True)
    assert bool(letter.raw) is kept
    (told,) = [letter for batch in await world.new_batches() for letter in batch.letters]
    assert (told.raw_hash == letter.raw_hash) is kept


@given(st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=40), st.integers(1, 20))
def test_withheld_keys_are_remembered_up_to_a_bound_the_newest_first(
    parts: list[list[int]], most: int
) -> None:
    withheld = Withheld(most=most)
    for part in parts:
        withheld.add(np.array(part, dtype=np.uint64))

    everything = np.arange(41, dtype=np.uint64)
    assert len(withheld) <= most
    assert set(everything[withheld.holds(everything)].tolist()) <= {one for part in parts for one in part}
    if len({one for part in parts for one in part}) <= most:
        assert set(everything[withheld.holds(everything)].tolist()) == {one for part in parts for one in part}
