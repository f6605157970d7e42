"""What the running agent answers to `groundwire diagnostics` (see agent/bundle/ and docs/diagnostics.md)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agent.bundle.archive import Bundle
from agent.control import Handler, Progress


class DiagnosticsCalls:
    def __init__(self, make: Callable[[], Awaitable[Bundle]]) -> None:
        self._make = make

    def handlers(self) -> Mapping[str, Handler]:
        return {"diagnostics": self._bundle}

    async def _bundle(self, _args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """Whole: it stays on this host, with somebody who may read all of it anyway."""
        bundle = await self._make()
        content = await asyncio.to_thread(bundle.zipped)
        return {"manifest": bundle.manifest(), "content": base64.b64encode(content).decode()}
