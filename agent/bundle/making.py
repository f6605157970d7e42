"""The bundle of a running agent: collected from its own calls, one at a time, whoever asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from agent.bundle.archive import Bundle
from agent.bundle.collecting import Site, collect
from agent.clock import Clock
from agent.control import Handler
from agent.errors import TransientError
from agent.settings import Settings


class BundleMaker:
    def __init__(
        self, settings: Callable[[], Settings], calls: Callable[[], Mapping[str, Handler]], clock: Clock
    ) -> None:
        """`calls`: what this agent answers to its own command line."""
        self._settings = settings
        self._calls = calls
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    async def make(self) -> Bundle:
        async with self._one_at_a_time:
            return await collect(Site(self._settings(), self._ask, self._clock, inside=True))

    async def _ask(self, name: str, args: Mapping[str, Any]) -> Any:
        handler = self._calls().get(name)
        if handler is None:
            raise TransientError(f"there is no call {name}")
        return await handler(dict(args), lambda _: None)
