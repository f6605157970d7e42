"""The child's side of a rotation: what a driver gets as its `SecretKeeper`. See upcalls.py for the frames."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from drivers.contract import DriverError, Rotation, Unreachable

_ERRORS: Final = {kind.code: kind for kind in DriverError.__subclasses__() if kind.code != "throttled"}
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class HostedKeeper:
    def __init__(self, send: Send) -> None:
        self._send = send
        self._number = 0
        self._waiting: dict[int, asyncio.Future[str | None]] = {}
        self._open: set[HostedRotation] = set()
        self._safe = asyncio.Event()
        self._safe.set()

    @asynccontextmanager
    async def rotation(self, name: str) -> AsyncIterator[Rotation]:
        value = await self.ask("begin", name)
        rotation = HostedRotation(self, name, value or "")
        self._open.add(rotation)
        self._safe.clear()
        try:
            yield rotation
        finally:
            self.handed_over(rotation)
            self._number += 1
            await self._send({"upcall": self._number, "ask": "end", "name": name})

    async def until_safe(self) -> None:
        """Until no value can be on its way from the source that the agent has not got: then a call may be cut short."""
        await self._safe.wait()

    def answered(self, message: Mapping[str, Any]) -> None:
        future = self._waiting.pop(message.get("upcall", 0), None)
        if future is None or future.done():
            return
        error = message.get("error")
        if error is None:
            future.set_result(message.get("value"))
        else:
            kind = _ERRORS.get(
                error["code"], Unreachable if error["code"] == Unreachable.code else DriverError
            )
            future.set_exception(kind(error["message"], where=error["where"], hint=error["hint"]))

    async def ask(self, what: str, name: str, **more: str) -> str | None:
        future = await self.begin_to_ask(what, name, **more)
        return await future

    async def begin_to_ask(self, what: str, name: str, **more: str) -> asyncio.Future[str | None]:
        self._number += 1
        number, future = self._number, asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        await self._send({"upcall": number, "ask": what, "name": name, **more})
        return future

    def handed_over(self, rotation: HostedRotation) -> None:
        self._open.discard(rotation)
        if not self._open:
            self._safe.set()


class HostedRotation:
    def __init__(self, keeper: HostedKeeper, name: str, value: str) -> None:
        self._keeper = keeper
        self._name = name
        self._value = value

    @property
    def value(self) -> str:
        return self._value

    async def keep(self, value: str | None) -> None:
        if not value:
            return  # the source gave none: the old one stays
        future = await self._keeper.begin_to_ask("keep", self._name, value=value)
        self._keeper.handed_over(self)
        await future
        self._value = value
