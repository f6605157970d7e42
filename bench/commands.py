"""How long a command takes from the request to its outcome: API, store, agent, store, API.

    python -m bench.commands [--commands 300] [--agents 8] [--batches 20]

Embedded: one relay with SQLite, nothing else under way. Scaled: PostgreSQL (which waits for its disk), NATS, two
relays and haproxy on this machine, while the agents send `--batches` batches a second. The agents are light ones: the
real link over TLS, and an outcome at once. Each request waits for its outcome (`Prefer: wait=30`), one after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx

from bench.figures import machine, save, table
from examples.scaled.processes import Scaled
from tests.faults.fleet import CLOCK, enrol, running
from tests.faults.scaled_load import Load
from tests.faults.test_fleet import RelayAlone

PACE = 0.02  # between requests: below what one token may ask


async def round_trips(client: httpx.AsyncClient, connections: list[str], count: int) -> list[float]:
    """Milliseconds of each."""
    took = []
    for number in range(count):
        began = time.perf_counter()
        answer = await client.post(
            f"/connections/{connections[number % len(connections)]}/syncs",
            json={},
            headers={"Prefer": "wait=30", "Idempotency-Key": f"bench-{number}"},
        )
        took.append((time.perf_counter() - began) * 1_000)
        assert (answer.status_code, answer.json()["state"]) == (200, "succeeded"), answer.text
        await CLOCK.sleep(PACE)
    return took


async def known(load: Load, stores: list) -> None:
    for store, agent in zip(stores, load.fleet.agents, strict=True):
        load.agents[store.load().agent] = agent
    await load.fleet.until("connected", lambda agent: agent.connected)
    for agent in load.agents:
        load.enqueue(agent, 0)  # with it the relay knows the connection


def client(url: str, token: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=f"{url}/api/v1", headers=headers, timeout=60, trust_env=False)


async def embedded(folder: Path, count: int) -> list[float]:
    with RelayAlone(folder / "site") as relay:
        url = f"wss://127.0.0.1:{relay.gateway}"
        relay.stop_relay()
        stores = await enrol(relay.relay, folder / "fleet", url, 1)
        relay.start_relay()
        async with running(stores, url, relay.relay / "ca.pem") as fleet:
            return await _measured(
                Load(None, fleet), stores, f"http://127.0.0.1:{relay.api}", relay.token, count
            )  # type: ignore[arg-type]


async def scaled(folder: Path, count: int, agents: int, batches: int) -> list[float]:
    with Scaled(folder / "scaled") as form:
        stores = await enrol(
            Path(form.relay_file("relay_a")), folder / "many", form.gateway_url, agents, prefix="bench"
        )
        async with running(stores, form.gateway_url, form.authority) as fleet:
            load = Load(form, fleet)
            return await _measured(load, stores, form.api_url, form.token, count, pause=agents / batches)


async def _measured(
    load: Load, stores: list, url: str, token: str, count: int, *, pause: float = 0.0
) -> list[float]:
    await known(load, stores)
    async with client(url, token) as asking:
        connections = list(await load.connections(asking))
        sending = asyncio.ensure_future(load.send(pause=pause)) if pause else None
        try:
            return await round_trips(asking, connections, count)
        finally:
            load.sending = False
            if sending is not None:
                await sending


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--commands", type=int, default=300)
    parser.add_argument("--agents", type=int, default=8)
    parser.add_argument("--batches", type=int, default=20, help="a second, of all agents together")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="groundwire-bench-") as name:
        found = {
            "embedded": asyncio.run(embedded(Path(name), arguments.commands)),
            "scaled": asyncio.run(
                scaled(Path(name), arguments.commands, arguments.agents, arguments.batches)
            ),
        }
    rows = [
        [
            form,
            str(len(took)),
            *(f"{value:.1f}" for value in (statistics.median(took), percentile(took, 0.99), max(took))),
        ]
        for form, took in found.items()
    ]
    print(table(["form", "commands", "p50 ms", "p99 ms", "longest ms"], rows))
    save("commands", {"machine": machine(), "arguments": vars(arguments), "milliseconds": found})


if __name__ == "__main__":
    main()
