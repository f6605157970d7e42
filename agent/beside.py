"""Work that blocks, in a thread that nobody waits for."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def beside(work: Callable[[], T], *, name: str) -> T:
    """Run it in a thread of its own, and end with its outcome.

    A name server that does not answer, or a disk that hangs, can take minutes: it must hold up neither other threads'
    work nor the end of the process, which waits for the threads that the loop shares.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(settle: Callable[[Any], None], outcome: object) -> None:
        if not done.done():
            settle(outcome)

    def run() -> None:
        try:
            settle: Callable[[Any], None] = done.set_result
            outcome: object = work()
        except Exception as error:  # noqa: BLE001 - raised where it is awaited
            settle, outcome = done.set_exception, error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, settle, outcome)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), name=name, daemon=True).start()
    return await done
