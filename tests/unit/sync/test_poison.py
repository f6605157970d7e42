"""Records that cannot pass: each is a dead letter with its reason, and everything beside it goes on."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from agent.clock import ManualClock
from agent.mapping.compile import compile_mapping
from agent.mapping.hashes import content_hashes
from agent.model.run import RunStatus
from agent.outbox.store import Outbox
from drivers.contract import Mark, MarkKind, Page, ReadMode, ReadRequest, StreamSpec
from drivers.unreadable import column_of
from tests.unit.sync.running import ADDRESS, World, make_stream

MIB = 1024 * 1024
MAPPING: dict[str, Any] = {
    "orderNo": "no",
    "totalNetValue": {"from": "total", "as": "decimal"},
    "dueAt": {"from": "day", "as": "timestamp"},
    "notes": "note",
}
GOOD = {"no": "4500", "total": "1.50", "day": "2026-01-05", "note": "bolts"}


@dataclass
class PageSource:
    """Records by key, read in the order of the keys."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    note_type: pa.DataType = field(default_factory=pa.string)

    async def signpost(self, stream: StreamSpec) -> Mark:
        return Mark(MarkKind.INTEGER, "1")

    async def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]:
        keys = sorted(request.keys if request.mode is ReadMode.BY_KEYS else self.rows)
        for at in range(0, max(1, len(keys)), request.page_rows):
            page = keys[at : at + request.page_rows]
            last = at + request.page_rows >= len(keys)
            yield Page(self.table(page, keys_only=request.mode is ReadMode.KEYS), page[-1], complete=last)

    def table(self, keys: list[str], *, keys_only: bool = False) -> pa.Table:
        columns = {"__key": pa.array(keys, pa.string())}
        if not keys_only:
            rows = [self.rows[key] for key in keys]
            columns |= {
                name: pa.array([row[name] for row in rows], pa.string()) for name in GOOD if name != "note"
            }
            notes = [row["note"] for row in rows]
            if any(isinstance(note, bytes) for note in notes):
                columns["note"] = column_of([n if isinstance(n, bytes) else n.encode() for n in notes])
            else:
                columns["note"] = pa.array(notes, self.note_type)
        return pa.table(columns)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with await Outbox.open(tmp_path / "outbox.db", clock=ManualClock()) as outbox:
        made = World(outbox, mapped(make_stream(page_rows=500)))
        made.source = PageSource()  # type: ignore[assignment]
        yield made


def mapped(stream: Any, **changes: Any) -> Any:
    return replace(stream, mapping=compile_mapping(MAPPING | changes, entity="purchase_order", where=ADDRESS))


def fill(world: World, number: int) -> list[str]:
    keys = [f"K{each:05}" for each in range(number)]
    world.source.rows = {key: GOOD | {"no": key} for key in keys}  # type: ignore[misc]
    return keys


def poison(world: World, key: str, **values: Any) -> None:
    world.source.rows[key] = GOOD | {"no": key} | values  # type: ignore[assignment,dict-item]


async def test_one_bad_record_in_ten_thousand_holds_up_none_and_passes_under_another_rule(
    world: World,
) -> None:
    keys = fill(world, 10_000)
    poison(world, "K04321", total="12,50 EUR")
    bad = world.source.table(["K04321"])  # type: ignore[attr-defined]

    result = await world.run()
    records, _ = await world.travelled()
    (letter,) = await world.outbox.dead_letters(ADDRESS)

    assert result.report.status is RunStatus.SUCCEEDED
    assert (result.report.counts.mapped, result.report.counts.dead_letters) == (9_999, 1)
    assert sorted([*records, "K04321"]) == keys
    assert (letter.key, letter.field, letter.reason) == ("K04321", "totalNetValue", "not_a_decimal")
    assert letter.raw_hash == int(content_hashes(bad)[0])

    world.stream = mapped(world.stream, totalNetValue={"const": "0", "as": "decimal"})
    requeued = await world.outbox.requeue([letter.id])
    again = await world.run(keys=requeued[ADDRESS], walk=False)

    assert again.report.counts.read == 1
    assert await world.travelled() == (["K04321"], [])
    assert await world.outbox.dead_letters(ADDRESS) == []


@pytest.mark.parametrize(
    ("values", "at", "reason"),
    [
        ({"total": "twelve"}, "totalNetValue", "not_a_decimal"),
        ({"total": "NaN"}, "totalNetValue", "not_a_decimal"),
        ({"total": "-Infinity"}, "totalNetValue", "not_a_decimal"),
        ({"total": "1" + "0" * 39}, "totalNetValue", "does_not_fit"),
        ({"total": "0." + "0" * 38 + "1"}, "totalNetValue", "does_not_fit"),
        ({"day": "0000-00-00"}, "dueAt", "not_a_date"),
        ({"day": "2026-02-30"}, "dueAt", "not_a_date"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else str(value)[:20],
)
async def test_a_value_that_is_none_is_told_by_field_and_reason(
    world: World, values: dict[str, str], at: str, reason: str
) -> None:
    fill(world, 5)
    poison(world, "K00002", **values)

    result = await world.run()
    (letter,) = await world.outbox.dead_letters(ADDRESS)

    assert result.error is None
    assert (await world.travelled())[0] == ["K00000", "K00001", "K00003", "K00004"]
    assert (letter.key, letter.field, letter.reason) == ("K00002", at, reason)


async def test_ten_to_the_thirtieth_power_is_an_amount_to_the_last_digit(world: World) -> None:
    fill(world, 1)
    poison(world, "K00000", total=str(10**30))

    await world.run()

    replica = await world.replica()
    assert {key: Decimal(total) for key, total in replica.items()} == {"K00000": Decimal(10) ** 30}


async def test_a_text_in_no_character_set_is_a_dead_letter_until_it_is_mended_at_the_source(
    world: World,
) -> None:
    keys = fill(world, 50)
    poison(world, "K00007", note=b"M\xfcller")

    first = await world.run()
    (letter,) = await world.outbox.dead_letters(ADDRESS)
    second = await world.run()
    told = await world.travelled()
    poison(world, "K00007", note="mended")
    third = await world.run()

    assert (first.report.counts.mapped, first.report.counts.dead_letters) == (49, 1)
    assert (letter.key, letter.field, letter.reason) == ("K00007", "notes", "unreadable_text")
    assert "column note: byte 2 of 6" in letter.message
    assert second.report.counts.dead_letters == 0
    assert (second.error, second.report.counts.mapped) == (None, 0)
    assert sorted(told[0]) == [key for key in keys if key != "K00007"]
    assert third.report.counts.mapped == 1
    assert (await world.travelled())[0] == ["K00007"]
    assert await world.outbox.dead_letters(ADDRESS) == []


@pytest.mark.parametrize("squeezes", [True, False])
async def test_a_record_too_large_for_a_batch_is_a_dead_letter_and_its_page_travels(
    world: World, squeezes: bool
) -> None:
    """200 MB of one letter, which packs into nothing, and 20 MB that packs into no less."""
    fill(world, 9)
    text = "x" * (200 * MIB) if squeezes else random.Random(1).randbytes(20 * MIB // 2).hex()
    poison(world, "K00004", note=text)

    result = await world.run()
    (letter,) = await world.outbox.dead_letters(ADDRESS)

    assert result.error is None
    assert sorted((await world.travelled())[0]) == [f"K{each:05}" for each in range(9) if each != 4]
    assert (letter.key, letter.reason) == ("K00004", "too_large")
    assert letter.raw_hash
    again = await world.run()
    assert again.report.counts.dead_letters == 0


async def test_a_value_nested_a_thousand_deep_is_its_records_matter_alone(world: World) -> None:
    fill(world, 3)
    poison(world, "K00001", note="[" * 1_000 + "]" * 1_000)
    world.stream = mapped(world.stream, custom={"deep": "note"})

    result = await world.run()

    assert result.error is None
    assert sorted(await world.replica()) == ["K00000", "K00001", "K00002"]
