"""One record read live: what leaves of it, and by which policy."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.commands.records import LiveRecords
from agent.errors import PolicyDenied
from agent.policy.leave import EVERYTHING, LeaveFilter, compile_leave
from agent.policy.model import LeaveRule
from agent.sync.runner import Stream
from drivers.contract import Page, ReadRequest
from tests.unit.sync.running import make_stream
from tests.unit.sync.table_source import TableSource


def leave(**rule: Any) -> LeaveFilter:
    return compile_leave(LeaveRule.model_validate({"fields": "all", **rule}), "purchase_order", b"k" * 32)


class World:
    """A connection whose stream was made while everything could leave, and a policy that a test changes."""

    def __init__(self) -> None:
        self.source = TableSource()
        self.source.put("K1", "1.50")
        self.policy: LeaveFilter | PolicyDenied = EVERYTHING
        self.in_force = make_stream()
        self.live = LiveRecords(self, ManualClock(), self.leaving)

    def leaving(self, connection: str, entity: str, *, send_raw: bool = False) -> LeaveFilter:
        if isinstance(self.policy, PolicyDenied):
            raise self.policy
        return self.policy

    def choose(
        self, connection: str, streams: list[str] | None = None, entities: list[str] | None = None
    ) -> list[tuple[str, str]]:
        return [(connection, "orders")]

    def stream(self, connection: str, name: str) -> Stream:
        return self.in_force

    def aside(self, name: str) -> World:
        return self

    async def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]:
        async for page in self.source.read(request):
            yield page

    async def told(self) -> Any:
        return await self.live.read("erp", "purchase_order", "K1")


async def test_a_record_is_told_as_the_policy_of_now_lets_it_leave() -> None:
    world = World()
    assert (await world.told())["totalNetValue"] == "1.5"

    world.policy = leave(**{"except": ["totalNetValue"]})
    assert (await world.told())["totalNetValue"] is None
    world.policy = leave(rows={"status": ["approved"]})
    assert await world.told() is None


async def test_where_nothing_leaves_any_more_nothing_is_told() -> None:
    world = World()
    world.policy = PolicyDenied()
    with pytest.raises(PolicyDenied):
        await world.told()


async def test_what_is_decided_on_this_host_is_decided_with_the_whole_record() -> None:
    world = World()
    world.policy = PolicyDenied()
    masked = replace(world.in_force, leave=leave(mask=["orderNo"]))
    found = await world.live.read_whole(masked, "K1")
    assert found is not None
    assert found["orderNo"] == "K1"
