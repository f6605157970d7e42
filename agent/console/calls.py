"""The agent's calls, made as the person whose session asks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from agent.audit.trail import Actor
from agent.control import Handler, acting_as
from agent.errors import Throttled

MAX_BEGUN: Final = 32  # pieces of work at a time that nobody waits for


class Begun:
    """Work that goes on behind the answer that began it. The runs that it waits for outlive it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def add(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def require_room(self) -> None:
        if len(self._tasks) >= MAX_BEGUN:
            raise Throttled(
                "too much that was begun here still goes on",
                retry_after=0.0,
                hint="Wait until some has ended.",
            )

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # what went wrong stands in the status; here nobody waits for it

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class CallsAs:
    def __init__(self, handlers: Mapping[str, Handler], actor: Actor, begun: Begun) -> None:
        self._handlers = handlers
        self._actor = actor
        self._begun = begun

    async def ask(self, name: str, args: Mapping[str, Any]) -> Any:
        with acting_as(self._actor):
            return await self._handlers[name](dict(args), lambda _: None)

    def begin(self, name: str, args: Mapping[str, Any]) -> asyncio.Task[Any]:
        self._begun.require_room()
        task = asyncio.create_task(self.ask(name, args), name=f"console {name}")
        self._begun.add(task)
        return task
