"""What other relay processes stored, told to the materialiser of this one."""

from __future__ import annotations

import asyncio
from typing import Final

from relay.bus.base import Bus
from relay.bus.subjects import POSITIONS, SPOILT
from relay.documents import Documents

LOOK_SECONDS: Final = 2.0  # between looks, where no hint comes
TOLD_AT_ONCE: Final = 100  # positions in one hint


async def follow_positions(bus: Bus, appended: asyncio.Event) -> None:
    """Set `appended` whenever any process may have stored something."""
    with bus.subscribe(POSITIONS) as hints:
        while True:
            await hints.next(within=LOOK_SECONDS)
            appended.set()


async def follow_spoilt(bus: Bus, documents: Documents, appended: asyncio.Event) -> None:
    """A batch that one process cannot read is to leave the index, which another one may be writing.

    A lost hint is made good by the next request that meets the batch: it tells again.
    """
    with bus.subscribe(SPOILT) as hints:
        while True:
            hint = await hints.next()
            told = [] if hint is None else hint.data.get("positions")
            if isinstance(told, list):
                documents.spoilt.update(position for position in told if isinstance(position, int))
                appended.set()


def tell_spoilt(bus: Bus, documents: Documents) -> None:
    bus.publish(SPOILT, {"positions": sorted(documents.spoilt)[:TOLD_AT_ONCE]})
