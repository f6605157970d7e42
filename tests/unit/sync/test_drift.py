"""A source whose columns change, and records that go and come back while they are first read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from agent.clock import ManualClock
from agent.errors import SourceChanged, Unreachable
from agent.model.payload import decode
from agent.model.run import RunStatus
from agent.outbox.store import Outbox
from drivers.contract import Page, ReadMode, ReadRequest
from tests.unit.sync.running import World, make_stream
from tests.unit.sync.table_source import TableSource


@dataclass
class DriftingSource(TableSource):
    """Its pages as somebody has altered the table meanwhile; between two pages of a walk others write."""

    altered: Any = None
    between: list[Any] = field(default_factory=list)

    async def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]:
        async with aclosing(super().read(request)) as pages:
            async for page in pages:
                if self.altered is not None and request.mode is not ReadMode.KEYS:
                    yield Page(self.altered(page.table), page.cursor, complete=page.complete)
                else:
                    yield page
                if self.between and request.mode is ReadMode.SCAN:
                    self.between.pop(0)()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with await Outbox.open(tmp_path / "outbox.db", clock=ManualClock()) as outbox:
        made = World(outbox, make_stream())
        made.source = DriftingSource()
        for number in range(7):
            made.source.put(f"K{number}", f"{number}.50")
        yield made


def with_colour(table: pa.Table) -> pa.Table:
    return table.append_column("colour", pa.array(["red"] * table.num_rows))


def without_total(table: pa.Table) -> pa.Table:
    return table.drop_columns(["total"])


def retyped(table: pa.Table) -> pa.Table:
    texts = [
        f"{total} EUR" if key == "K3" else total
        for key, total in zip(table["__key"].to_pylist(), table["total"].to_pylist(), strict=True)
    ]
    return table.set_column(table.column_names.index("total"), "total", pa.array(texts, pa.large_string()))


async def raws(world: World) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for batch in await world.outbox.pending(0, limit_batches=1_000, limit_bytes=2**30):
        table = decode(batch.kind, batch.payload, count=batch.count).table
        if table is not None:
            found |= {row["key"]: str(row["raw"]) for row in table.select(["key", "raw"]).to_pylist()}
    return found


async def test_a_column_that_was_added_travels_with_the_source_record_where_that_travels(
    world: World,
) -> None:
    world.source.stamped = False
    world.stream = replace(world.stream, facts=replace(world.stream.facts, send_raw=True))
    await world.run()
    world.source.altered = with_colour  # type: ignore[attr-defined]

    result = await world.run()

    assert result.report.counts.changed == 7
    assert all("red" in raw for raw in (await raws(world)).values())


async def test_a_column_that_was_removed_is_one_clear_error_and_takes_nothing_for_emptied_or_gone(
    world: World,
) -> None:
    await world.run()
    await world.travelled()
    world.source.put("K3", "99.00")
    world.source.altered = without_total  # type: ignore[attr-defined]

    for reconcile in (False, True):
        options: Any = {"reconcile": world.source} if reconcile else {}
        result = await world.run(**options)

        assert isinstance(result.error, SourceChanged)
        assert "total" in result.error.message
        assert await world.travelled() == ([], [])

    world.source.altered = None  # type: ignore[attr-defined]
    assert (await world.run()).error is None
    assert await world.travelled() == (["K3"], [])


async def test_a_column_of_another_type_is_read_where_it_can_be_and_a_dead_letter_where_not(
    world: World,
) -> None:
    world.source.stamped = False
    await world.run()
    await world.travelled()
    world.source.altered = retyped  # type: ignore[attr-defined]

    result = await world.run()
    (letter,) = await world.outbox.dead_letters()

    assert result.report.status is RunStatus.SUCCEEDED
    assert await world.travelled() == ([], [])
    assert (letter.key, letter.field, letter.reason) == ("K3", "totalNetValue", "not_a_decimal")


async def test_what_is_deleted_while_it_is_first_read_ends_as_deleted(world: World) -> None:
    """K0 was sent with the first page, K6 was not met yet."""

    def others_delete() -> None:
        world.source.remove("K0")
        world.source.remove("K6")

    world.source.between = [others_delete]  # type: ignore[attr-defined]
    world.source.fault, world.source.fail_at_page = (lambda: Unreachable("scripted")), 3
    await world.run()
    world.source.fail_at_page = None

    await world.run()
    await world.run()

    assert sorted(await world.replica()) == ["K1", "K2", "K3", "K4", "K5"]


async def test_a_key_that_comes_back_is_the_new_record_and_its_tombstone_comes_before_it(
    world: World,
) -> None:
    await world.run()
    world.source.remove("K2")
    await world.run()
    world.source.put("K2", "77.00")
    await world.run()
    await world.run(full=True)
    copied = await world.replica()
    world.source.remove("K2")
    await world.run()

    assert copied["K2"].startswith("77")
    assert "K2" not in await world.replica()
