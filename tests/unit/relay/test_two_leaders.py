"""Two processes that both believe they may write the index: one has lost its place and does not know yet."""

from __future__ import annotations

from pathlib import Path

from relay.ingest import Ingest
from relay.materialise import Materialiser
from relay.store.base import Changes, Place, RecordFilter
from tests.unit.relay.making import Sender, enrolled, opened, orders


async def test_both_taking_turns_leave_an_index_in_which_everything_stands_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        other = Materialiser(
            relay.store,
            relay.index,
            relay.documents,
            Ingest(relay.store, clock=relay.clock),
            clock=relay.clock,
        )
        for number in range(6):
            await relay.store.append_batches([sender.batch(orders([f"k{number}", "same"], note=str(number)))])
            await (relay.materialiser if number % 2 else other).step()

        found = await relay.index.find("acme", "purchase_order", RecordFilter(), Place(), 100)

        assert [record.key for record in found.records] == ["k0", "k1", "k2", "k3", "k4", "k5", "same"]


async def test_one_that_slept_while_the_index_was_emptied_writes_nothing_over_the_gap(tmp_path: Path) -> None:
    """Taken, its stretch would move the position past everything before it: lists would miss that for good."""
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        for number in range(3):
            await relay.store.append_batches([sender.batch(orders([f"k{number}"]))])
        await relay.materialiser.catch_up()
        slept = Changes(upto=3, after=2)
        await relay.index.reset()

        await relay.index.apply(slept)
        await relay.materialiser.catch_up()

        found = await relay.index.find("acme", "purchase_order", RecordFilter(), Place(), 100)
        assert [record.key for record in found.records] == ["k0", "k1", "k2"]
