"""A relay in a process of its own, so that its memory can be told from the test's: prints its gateway's address."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from relay.app import RelayApp
from relay.settings import RelaySettings
from tests.integration.relay_peer import made, patient


async def serve(settings: RelaySettings) -> None:
    async with RelayApp(settings) as relay:
        print(relay.gateway.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(patient(made(Path(sys.argv[1]))[0])))
