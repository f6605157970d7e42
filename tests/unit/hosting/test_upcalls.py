from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from agent.errors import StorageFull
from agent.hosting.output import Redactor
from agent.hosting.upcalls import Upcalls

BEGIN = {"upcall": 1, "ask": "begin", "name": "token"}
KEEP = {"upcall": 2, "ask": "keep", "name": "token", "value": "canary-new-6"}
END = {"upcall": 3, "ask": "end", "name": "token"}


class SlowKeeper:
    """Stores when it is let; notes what it did, in order."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.turn = asyncio.Event()
        self.turn.set()
        self.disk = asyncio.Event()
        self.full = False

    async def begin(self, name: str) -> str:
        await self.turn.wait()
        self.did.append(f"begin {name}")
        return "old"

    async def keep(self, name: str, value: str) -> None:
        await self.disk.wait()
        if self.full:
            raise StorageFull
        self.did.append(f"keep {value}")

    def end(self, name: str) -> None:
        self.did.append(f"end {name}")


class World:
    def __init__(self) -> None:
        self.keeper, self.redact = SlowKeeper(), Redactor([])
        self.answers: list[Mapping[str, Any]] = []
        self.upcalls = Upcalls(self.keeper, self.redact)

    async def take(self, *frames: Mapping[str, Any]) -> None:
        for frame in frames:
            self.upcalls.take(frame, self.answers.append)
        for _ in range(10):
            await asyncio.sleep(0)  # noqa: TID251 - turns of the loop


@pytest.fixture
async def world() -> World:
    return World()


async def test_a_turn_ends_behind_what_was_handed_over_in_it(world: World) -> None:
    await world.take(BEGIN)
    await world.take(KEEP, END)
    assert world.upcalls.rotating
    world.keeper.disk.set()
    await world.take()

    assert world.keeper.did == ["begin token", "keep canary-new-6", "end token"]
    assert not world.upcalls.rotating


async def test_a_child_that_ended_has_what_it_handed_over_stored(world: World) -> None:
    await world.take(BEGIN)
    await world.take(KEEP)
    world.upcalls.child_ended()
    world.keeper.disk.set()
    await world.upcalls.settled()

    assert world.keeper.did == ["begin token", "keep canary-new-6", "end token"]


async def test_a_child_that_ended_does_not_take_the_turn_it_waited_for(world: World) -> None:
    world.keeper.turn.clear()
    await world.take(BEGIN)
    world.upcalls.child_ended()
    await world.upcalls.settled()

    assert world.keeper.did == []


@pytest.mark.parametrize(
    "frame",
    [
        KEEP,
        {"upcall": 2, "ask": "keep", "name": "token", "value": ""},
        {"upcall": 2, "ask": "keep", "name": "token", "value": 7},
        {"upcall": 2, "ask": "begin", "name": None},
        {"upcall": 2, "ask": "dance"},
    ],
)
async def test_what_is_out_of_place_is_refused_and_changes_nothing(
    world: World, frame: Mapping[str, Any]
) -> None:
    world.keeper.disk.set()
    await world.take(frame)

    assert [answer["error"]["code"] for answer in world.answers] == ["unexpected"]
    assert world.keeper.did == []


async def test_a_full_disk_is_told_to_the_child(world: World) -> None:
    world.keeper.full = True
    world.keeper.disk.set()
    await world.take(BEGIN)
    await world.take(KEEP)

    assert world.answers[-1]["error"]["code"] == "storage_full"


async def test_a_new_value_is_masked_from_the_moment_it_is_handed_over(world: World) -> None:
    await world.take(BEGIN)
    await world.take(KEEP)

    assert "canary-new-6" not in world.redact("the token is canary-new-6")
    world.keeper.disk.set()
    await world.take()
