"""A row whose stamp lies in the future moves no position past the present time of its source: K42."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.outbox.store import Outbox
from drivers.contract import ReadMode
from tests.unit.sync.running import World, make_stream

FAR = 2099_12_31


@pytest.mark.parametrize("first", ["in the initial sync", "in a later one"])
async def test_a_row_dated_in_2099_hides_nothing_that_changes_tomorrow(tmp_path: Path, first: str) -> None:
    async with await Outbox.open(tmp_path / "outbox.db", clock=ManualClock()) as outbox:
        world = World(outbox, make_stream(max_share=1.0))
        world.source.put("today", "1.00")
        if first == "in a later one":
            await world.run()
        world.source.rows["2099"] = ("9.00", FAR)
        await world.run()
        for total in ("2.00", "3.00"):
            world.source.put("today", total)
            await world.run()

        starts = [
            int(asked.start.value)
            for asked in world.source.requests
            if asked.mode is ReadMode.CHANGES and asked.start
        ]
        assert max(starts) <= world.source.now
        assert {key: total.rstrip("0").rstrip(".") for key, total in (await world.replica()).items()} == {
            "today": "3",
            "2099": "9",
        }
