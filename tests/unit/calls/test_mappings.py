"""Mappings listed, and shown with the values of the records that somebody asks for."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from agent.calls.mappings import MappingCalls
from agent.clock import ManualClock
from agent.mapping.overlay import Change
from agent.mappings.columns import News
from tests.unit.mappings.probing import ANNA, World


class OneNew:
    def column_news(self, connection: str, stream: str) -> News:
        return News(("region",), ())

    def accept_columns(self, connection: str, stream: str) -> News:
        return News()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, ManualClock())


async def ask(world: World, call: str, **args: Any) -> Any:
    calls = MappingCalls(world.mappings, OneNew(), lambda _connection, _stream: False, lambda: ANNA)
    return await calls.handlers()[call](args, lambda _: None)


async def test_every_stream_is_listed_without_asking_a_source(world: World) -> None:
    await world.mappings.change("erp", "orders", [Change(("custom", "region"), spec="region")], ANNA)
    world.source.requests.clear()

    (line,) = (await ask(world, "mappings"))["mappings"]

    assert (line["connection"], line["stream"], line["version"], line["new_columns"]) == (
        "erp",
        "orders",
        1,
        1,
    )
    assert line["changed"]["name"] == "anna"
    assert world.source.requests == []


async def test_the_loop_goes_on_while_hundreds_of_mappings_are_compiled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, threads = world.mappings.read, []

    def seen(connection: str, stream: str) -> Any:
        threads.append(threading.current_thread())
        return read(connection, stream)

    monkeypatch.setattr(world.mappings, "read", seen)
    await ask(world, "mappings")

    assert threads
    assert threading.current_thread() not in threads


async def test_a_mapping_that_does_not_work_is_listed_with_its_error(world: World) -> None:
    world.base["orderNumber"] = "no"

    (line,) = (await ask(world, "mappings"))["mappings"]

    assert "orderNumber" in line["error"]["message"]


async def test_the_values_of_a_record_that_is_named_are_shown(world: World) -> None:
    found = await ask(world, "mapping_show", connection="erp", stream="orders", samples=1, keys=["2"])

    (order,) = [line for line in found["fields"] if line["field"] == "orderNo"]
    assert (order["sources"], order["samples"]) == ([["2"]], ["2"])
