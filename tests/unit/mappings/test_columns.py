from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.errors import Unreachable
from agent.mapping.compile import compile_mapping
from agent.mappings.columns import ColumnWatch, Known, News, notice
from agent.policy.leave import EVERYTHING
from agent.sync.page import StreamFacts
from agent.sync.reconcile import DeletionSettings
from agent.sync.runner import Stream
from agent.sync.window import WindowSettings
from drivers.contract import Column, StreamSpec


class Source:
    def __init__(self, *columns: str) -> None:
        self.columns_now = list(columns)
        self.asked = 0
        self.fault: Exception | None = None

    async def columns(self, stream: StreamSpec) -> Sequence[Column]:
        assert stream.columns is None
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return [Column(name, "text") for name in self.columns_now]


def stream(query: str = "select * from orders", name: str = "orders") -> Stream:
    return Stream(
        facts=StreamFacts("erp", "test", name, "purchase_order"),
        spec=StreamSpec("orders", "purchase_order", {"query": query}, ("no",)),
        mapping=compile_mapping({"orderNo": "no"}, entity="purchase_order", where="erp/orders"),
        window=WindowSettings(None, timedelta(0), timedelta(0)),
        deletions=DeletionSettings(compare_keys=False, every=timedelta(0), max_share=1.0),
        page_rows=10,
        leave=EVERYTHING,
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def watch(tmp_path: Path, clock: ManualClock) -> ColumnWatch:
    return ColumnWatch(tmp_path, clock)


async def test_the_first_look_is_no_news(watch: ColumnWatch) -> None:
    await watch.look(stream(), Source("no", "title"))

    assert watch.news("erp", "orders") == News()


async def test_looks_at_the_streams_of_one_connection_at_the_same_time_are_all_kept(
    watch: ColumnWatch, tmp_path: Path, clock: ManualClock
) -> None:
    streams = [stream(name=f"s{number}") for number in range(20)]
    await asyncio.gather(*(watch.look(one, Source("no")) for one in streams))

    clock.advance(86_400)
    again = ColumnWatch(tmp_path, clock)
    for one in streams:
        await again.look(one, Source("no", "x_new"))

    assert {again.news("erp", one.facts.stream).new for one in streams} == {("x_new",)}


async def test_a_column_that_appears_is_offered_and_kept_over_a_restart(
    watch: ColumnWatch, clock: ManualClock, tmp_path: Path
) -> None:
    source = Source("no", "title")
    await watch.look(stream(), source)
    source.columns_now.append("x_region")
    clock.advance(86_400)

    await watch.look(stream(), source)

    assert watch.news("erp", "orders") == News(new=("x_region",))
    assert ColumnWatch(tmp_path, clock).news("erp", "orders") == News(new=("x_region",))


async def test_a_column_that_goes_and_is_not_used_is_told(watch: ColumnWatch, clock: ManualClock) -> None:
    source = Source("no", "title")
    await watch.look(stream(), source)
    source.columns_now = []
    clock.advance(86_400)

    await watch.look(stream(), source)

    assert watch.news("erp", "orders") == News(gone=("title",))


async def test_the_source_is_asked_once_a_day_and_after_a_restart(
    watch: ColumnWatch, clock: ManualClock, tmp_path: Path
) -> None:
    source = Source("no")
    await watch.look(stream(), source)
    clock.advance(86_399)
    await watch.look(stream(), source)
    assert source.asked == 1

    clock.advance(1)
    await watch.look(stream(), source)
    await ColumnWatch(tmp_path, clock).look(stream(), source)

    assert source.asked == 3


@pytest.mark.parametrize("fault", [Unreachable("gone"), RuntimeError("a bug")])
async def test_a_failure_to_ask_fails_nothing(watch: ColumnWatch, fault: Exception) -> None:
    source = Source("no")
    source.fault = fault

    await watch.look(stream(), source)

    assert watch.news("erp", "orders") == News()


async def test_a_new_column_that_is_mapped_by_now_is_not_offered(
    watch: ColumnWatch, clock: ManualClock
) -> None:
    source = Source("no")
    await watch.look(stream(), source)
    source.columns_now.append("x_region")
    clock.advance(86_400)
    await watch.look(stream(), source)

    assert watch.news("erp", "orders", used={"x_region"}) == News()


async def test_what_was_seen_is_no_news_any_more(watch: ColumnWatch, clock: ManualClock) -> None:
    source = Source("no", "old")
    await watch.look(stream(), source)
    source.columns_now = ["no", "x_region"]
    clock.advance(86_400)
    await watch.look(stream(), source)

    assert watch.accept("erp", "orders") == News(("x_region",), ("old",))
    clock.advance(86_400)
    await watch.look(stream(), source)
    assert watch.news("erp", "orders") == News()


async def test_a_damaged_file_begins_anew_and_fails_nothing(
    watch: ColumnWatch, clock: ManualClock, tmp_path: Path
) -> None:
    await watch.look(stream(), Source("no"))
    file = tmp_path / "columns" / "erp.json"
    file.write_text('{"format": 1, "streams": {"orders": {}}}')
    after = ColumnWatch(tmp_path, clock)

    await after.look(stream(), Source("no", "title"))

    assert after.news("erp", "orders") == News()
    assert "title" in file.read_text()


def test_another_query_is_another_beginning() -> None:
    assert notice(Known("one", ("a",)), "two", ["b"], ()) == Known("two", ("b",))
