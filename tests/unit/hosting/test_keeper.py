"""What a driver gets as its keeper: a new value counts once the agent has it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from agent.hosting.keeper import HostedKeeper
from drivers.contract import DriverError


class Rotating:
    """A driver that rotates one secret; the test speaks for the agent."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.in_force: list[str] = []
        self.keeper = HostedKeeper(self._send)

    async def _send(self, message: Mapping[str, Any]) -> None:
        self.asked.append(message)

    async def rotate(self) -> None:
        async with self.keeper.rotation("refresh_token") as rotation:
            try:
                await rotation.keep("new")
            finally:
                self.in_force.append(rotation.value)

    async def answer(self, **content: Any) -> None:
        await turns()
        self.keeper.answered({"upcall": self.asked[-1]["upcall"], **content})
        await turns()


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)  # noqa: TID251 - turns of the loop; no time passes


async def test_a_new_value_is_in_force_once_the_agent_has_kept_it() -> None:
    driver = Rotating()
    task = asyncio.create_task(driver.rotate())
    await driver.answer(value="old")

    assert [one["ask"] for one in driver.asked] == ["begin", "keep"]
    assert driver.in_force == []
    await driver.answer()
    await task
    assert driver.in_force == ["new"]


async def test_a_value_that_could_not_be_kept_is_not_in_force() -> None:
    driver = Rotating()
    task = asyncio.create_task(driver.rotate())
    await driver.answer(value="old")
    await driver.answer(
        error={"code": "configuration", "message": "the vault is closed", "where": "", "hint": ""}
    )

    with pytest.raises(DriverError, match="the vault is closed"):
        await task
    assert driver.in_force == ["old"]
