"""Waiting for an event, but not longer than a clock says."""

from __future__ import annotations

import asyncio

from agent.clock import Clock


async def wait_at_most(event: asyncio.Event, seconds: float, clock: Clock) -> bool:
    """Return whether the event is set."""
    if event.is_set() or seconds <= 0:
        return event.is_set()
    both = {asyncio.ensure_future(event.wait()), asyncio.ensure_future(clock.sleep(seconds))}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)
    return event.is_set()
