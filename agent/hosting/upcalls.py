"""What a child asks of the agent: to rotate a secret. Answered at once, whatever call is under way.

child -> {"upcall": 3, "ask": "begin", "name": "refresh_token"}
agent -> {"op": "answer", "upcall": 3, "value": "..."}            or "error": {code, message, where, hint}
child -> {"upcall": 4, "ask": "keep", "name": "refresh_token", "value": "..."}
agent -> {"op": "answer", "upcall": 4, "value": null}             it is durable
child -> {"upcall": 5, "ask": "end", "name": "refresh_token"}     no answer; what was handed over is stored first
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog

from agent.errors import ConfigurationError, GroundwireError, UnexpectedError
from agent.hosting.output import Redactor

log = structlog.get_logger(__name__)


class Keeper(Protocol):
    """Where rotated secrets go, by their names in the connection's `[secrets]`. Methods raise a GroundwireError."""

    async def begin(self, name: str) -> str: ...

    async def keep(self, name: str, value: str) -> None: ...

    def end(self, name: str) -> None: ...


class NoKeeper:
    """For a driver that tries a value which is not stored yet: a source that changed it then would make it worthless."""

    async def begin(self, name: str) -> str:
        raise ConfigurationError(
            "the source changes this secret as it is used, so it is not tried before it is stored",
            where=f"secrets.{name}",
        )

    async def keep(self, name: str, value: str) -> None:
        """Never reached: a rotation has to begin first."""

    def end(self, name: str) -> None:
        pass


Reply = Callable[[Mapping[str, Any]], None]


class Upcalls:
    """Those of one child."""

    def __init__(self, keeper: Keeper, redact: Redactor) -> None:
        self._keeper = keeper
        self._redact = redact
        self._waiting: set[asyncio.Task[None]] = set()  # for a turn; nothing is lost with them
        self._storing: set[asyncio.Task[None]] = set()
        self._held: set[str] = set()
        self._settled: asyncio.Task[None] | None = None

    @property
    def rotating(self) -> bool:
        """Whether the source may have given a value that is not stored yet."""
        return bool(self._held)

    def take(self, header: Mapping[str, Any], reply: Reply) -> None:
        """Answer a frame of the child in a task of its own: no caller that gives up may cut it short."""
        ask = header.get("ask")
        # The turn ends behind what was handed over in it, even if the child did not wait for the answer.
        work = (
            self._end_behind(tuple(self._storing), str(header.get("name")))
            if ask == "end"
            else self._answer(header, reply)
        )
        tasks = self._waiting if ask == "begin" else self._storing
        task = asyncio.get_running_loop().create_task(work, name="upcall")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def child_ended(self) -> None:
        """Nothing more comes: what was handed over becomes durable, then its turns go to others."""
        if self._settled is None:
            self._settled = asyncio.get_running_loop().create_task(self._settle(), name="upcalls")

    async def settled(self) -> None:
        if self._settled is not None:
            await self._settled

    async def _settle(self) -> None:
        for task in self._waiting:
            task.cancel()
        await asyncio.gather(*self._waiting, *self._storing, return_exceptions=True)
        for name in tuple(self._held):
            self._end(name)

    async def _answer(self, header: Mapping[str, Any], reply: Reply) -> None:
        answer: dict[str, Any] = {"op": "answer", "upcall": header.get("upcall"), "value": None}
        try:
            answer["value"] = await self._do(header)
        except GroundwireError as error:
            answer["error"] = _described(error)
        except Exception:  # the child waits for an answer, whatever happened
            log.exception("upcall_failed", ask=header.get("ask"))
            answer["error"] = _described(UnexpectedError("the agent could not answer the driver"))
        reply(answer)

    async def _do(self, header: Mapping[str, Any]) -> str | None:
        name, value = header.get("name"), header.get("value")
        if header.get("ask") == "begin" and isinstance(name, str) and name not in self._held:
            present = await self._keeper.begin(name)
            self._held.add(name)
            self._redact.learn(present)
            return present
        if header.get("ask") == "keep" and name in self._held and isinstance(value, str) and value:
            self._redact.learn(value)
            await self._keeper.keep(str(name), value)
            return None
        raise UnexpectedError("the driver asked for something that cannot be done")

    async def _end_behind(self, earlier: Sequence[asyncio.Task[None]], name: str) -> None:
        await asyncio.gather(*earlier, return_exceptions=True)
        self._end(name)

    def _end(self, name: str) -> None:
        if name in self._held:
            self._held.discard(name)
            self._keeper.end(name)


def _described(error: GroundwireError) -> dict[str, str]:
    return {"code": error.code, "message": error.message, "where": error.where, "hint": error.hint}
