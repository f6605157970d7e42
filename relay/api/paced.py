"""Long answers to readers that may be slow."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from fastapi.responses import StreamingResponse
from starlette.types import Message, Send

log = structlog.get_logger()

TAKE_SECONDS: Final = 30.0  # for the reader to take what was written; then the answer is cut


class PacedResponse(StreamingResponse):
    """Cut off where the reader takes nothing: it holds a place that others wait for."""

    async def stream_response(self, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(TAKE_SECONDS):
                await send(message)

        try:
            await super().stream_response(send_in_time)
        except TimeoutError:
            # The server closes a connection whose answer was not ended.
            log.warning("reader_too_slow", seconds=TAKE_SECONDS)
