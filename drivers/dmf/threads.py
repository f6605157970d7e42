"""Work in a thread that holds a file: who is cancelled waits for it, so that nobody closes the file under it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")


async def to_its_end(call: Callable[[], _Result], stop: Callable[[], None] | None = None) -> _Result:
    """`stop`: tells the call that nobody waits for its result any more."""
    working = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        if stop is not None:
            stop()
        await asyncio.wait([working])
        working.exception()  # looked at, so that nobody is told of it
        raise
