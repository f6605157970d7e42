"""Whether this process should be sent somebody new, which is what a proxy asks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from agent.errors import GroundwireError
from relay.store.base import Store

ANSWER_SECONDS: Final = 3.0  # for the store


@dataclass
class Readiness:
    draining: bool = False

    async def fault(self, store: Store) -> str:
        """Why not; empty: it is ready."""
        if self.draining:
            return "draining"
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await store.last_position()
        except (GroundwireError, TimeoutError):
            return "the store does not answer"
        return ""
