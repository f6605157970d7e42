"""Reads of which something is concluded: each page, to the last one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

from agent.errors import TransientError
from drivers.contract import Page, ReadRequest


class Readable(Protocol):
    def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]: ...


async def every_page(source: Readable, request: ReadRequest, *, where: str) -> AsyncGenerator[Page, None]:
    """The pages of a read. Raises TransientError where they end before the last one."""
    async with aclosing(source.read(request)) as pages:
        async for page in pages:
            yield page
            if page.complete:
                return
    raise TransientError(
        "the source ended before its last page; nothing is concluded from what it showed", where=where
    )
