"""A fleet whose relay is restarted: real processes, real TLS, the settings as they are shipped.

GROUNDWIRE_FLEET says how many agents there are, GROUNDWIRE_AWAY for how many seconds the relay is gone.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from relay.settings import Gateway
from tests.deployment import Deployment
from tests.faults.fleet import CLOCK, enrol, running

FLEET = os.environ.get("GROUNDWIRE_FLEET")
AGENTS = int(FLEET or 40)
AWAY_SECONDS = float(os.environ.get("GROUNDWIRE_AWAY", "1"))
MIB = 1024 * 1024
RELAY_MIB = 600  # with a thousand agents

pytestmark = pytest.mark.timeout(0 if FLEET else 300)


class RelayAlone(Deployment):
    """A relay without an agent; what it needs of memory is watched."""

    def _make_agent(self, code: str) -> None:
        pass

    @contextmanager
    def watched(self) -> Iterator[list[int]]:
        seen = [0]
        done = threading.Event()

        def look() -> None:
            while not done.wait(0.2):
                process = self._relay
                with suppress(psutil.NoSuchProcess):
                    seen.append(psutil.Process(process.pid).memory_info().rss if process else 0)

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield seen
        finally:
            done.set()
            thread.join()


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RelayAlone]:
    with RelayAlone(tmp_path / "site") as relay:
        yield relay


async def test_a_fleet_is_back_soon_after_a_restart_without_a_rush_and_delivers(
    relay: RelayAlone, tmp_path: Path
) -> None:
    url = f"wss://127.0.0.1:{relay.gateway}"
    await asyncio.to_thread(relay.stop_relay)
    stores = await enrol(relay.relay, tmp_path / "fleet", url, AGENTS)
    await asyncio.to_thread(relay.start_relay)

    async with running(stores, url, Path(relay._authority)) as fleet:
        await fleet.until("connected", lambda agent: agent.connected)
        for agent in fleet.agents:
            agent.enqueue()
        await fleet.until("done", lambda agent: agent.delivered)

        with relay.watched() as memory:
            await asyncio.to_thread(relay.kill_relay)
            await fleet.until("cut off", lambda agent: not agent.connected)
            for agent in fleet.agents:
                agent.enqueue()
            await CLOCK.sleep(AWAY_SECONDS)
            await asyncio.to_thread(relay.start_relay)
            back = await fleet.back(CLOCK.utcnow())
            await fleet.until("done", lambda agent: agent.delivered)

    print(
        f"{AGENTS} agents back in {back.seconds:.1f} s, at most {back.peak} in a second,"
        f" {back.peak_to_mean:.2f} times the mean; relay {max(memory) / MIB:.0f} MiB"
    )
    assert back.seconds <= 120
    assert back.peak <= 2 * Gateway().new_sessions_per_second
    assert AGENTS < 1_000 or back.peak_to_mean <= 3
    assert max(memory) <= RELAY_MIB * MIB
