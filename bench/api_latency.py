"""How long the API takes for a list of 100 records, or another read, while batches are being stored.

    python -m bench.api_latency [--seconds 20] [--orders 20000] [--batch 500] [--clients 4] [--rate 10000] [--ask lists]

The relay is a process of its own (`groundwire relay run`), and so is the agent, reduced to its session: it sends
batches of orders with five lines each, `--rate` orders a second, or with `--rate 0` as fast as its credit allows. The clients ask for pages of 100, at random places
of the list and by random filters, one request after the other; with `--ask feed`, `events`, `health` or `fleet` for
those instead.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx
import psutil
import pyarrow as pa

from agent.model.payload import encode_records
from bench.figures import machine, save, table
from relay import commands
from relay.settings import load_settings
from relay.store.base import Agent
from tests.integration.relay_peer import Peer
from tests.servers import free_port
from tests.unit.relay.making import Sender

LINES = 5
LIMIT = 100
START_SECONDS = 180.0
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def payload(first: int, count: int) -> bytes:
    """Orders as an agent maps them: some twenty columns, with lines inside."""
    numbers = range(first, first + count)
    line = [
        {"line_no": str(n), "material_key": f"M{n}", "quantity": Decimal(3), "price": Decimal("18.6400")}
        for n in range(LINES)
    ]
    texts = ("title", "description", "terms", "shipping_method", "site_key", "organization_key", "notes")
    columns: dict[str, Any] = {
        "key": [str(n) for n in numbers],
        "order_no": [f"PO-{n}" for n in numbers],
        "status": [("approved", "ordered", "received")[n % 3] for n in numbers],
        "vendor_key": [f"V{n % 97}" for n in numbers],
        "currency_key": ["EUR"] * count,
        "total_net_value": [Decimal("279.6000")] * count,
        "line_items": [line] * count,
        **{name: [f"{name} of the order {n}" for n in numbers] for name in texts},
    }
    table_of = {name: pa.array(values) for name, values in columns.items()}
    stamps = [EPOCH + timedelta(seconds=n) for n in numbers]
    table_of["updated_at"] = pa.array(stamps, pa.timestamp("us", "UTC"))
    return encode_records(pa.table(table_of), {"entity": "purchase_order", "connection": "erp"})


async def deliver(url: str, code: str, batch: int, loaded: int, rate: int, ready: Any, stop: Any) -> int:
    peer = Peer(url)
    assert await peer.enrol(code, "bench") == ""
    payloads = [payload(n * batch, batch) for n in range(max(loaded // batch, 1))]
    sender = Sender(_agent(peer.agent))
    sent = 0
    async with peer.connected():
        for one in payloads:
            await peer.send(sender.batch(one, stream="erp/orders"))
        await peer.acked("erp/orders", sender.seq)
        ready.set()
        begun = time.monotonic()
        while not stop.is_set():
            if rate and (early := sent / rate - (time.monotonic() - begun)) > 0:
                await asyncio.sleep(early)
            await peer.send(sender.batch(random.choice(payloads), stream="erp/orders"))
            peer.events.clear()
            sent += batch
    return sent


def _agent(agent: str) -> Agent:
    return Agent(agent, "default", "bench", b"", 0, None, 1, "bench", EPOCH, None)


def ingest(*of: Any) -> None:
    *delivery, told = of
    begun = time.monotonic()
    sent = asyncio.run(deliver(*delivery))
    told.put((sent, time.monotonic() - begun))


class Client:
    """One connection that is asked again and again. It takes the bytes of an answer and does nothing with them: a
    library's client costs as much for each answer as the relay does, and several in one process wait for each other.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        self._reader = reader
        self._writer = writer
        self._token = token

    @classmethod
    async def connected(cls, api: str, token: str) -> Client:
        host, _, port = api.removeprefix("http://").partition(":")
        return cls(*await asyncio.open_connection(host, int(port), limit=2**20), token)

    async def get(self, path: str) -> float:
        """The seconds until its last byte."""
        head = f"GET /api/v1{path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self._token}\r\n\r\n"
        begun = time.perf_counter()
        self._writer.write(head.encode())
        answer = await self._reader.readuntil(b"\r\n\r\n")
        body = await self._body(answer.lower())
        seconds = time.perf_counter() - begun
        assert answer.startswith(b"HTTP/1.1 200"), answer + body
        return seconds

    async def _body(self, head: bytes) -> bytes:
        if b"transfer-encoding: chunked" not in head:
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            return await self._reader.readexactly(length)
        last = b""
        while length := int(await self._reader.readline(), 16):
            last = (await self._reader.readexactly(length + 2))[:-2]
        await self._reader.readline()
        return last

    async def aclose(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


def paths_of(kind: str, cursors: Sequence[str]) -> Iterator[str]:
    same = {
        "events": f"/events?limit={LIMIT}",
        "health": "/connections/erp/health",
        "fleet": "/fleet",
    }
    while kind != "lists":
        yield same.get(kind) or f"/feed/erp/purchase_order?limit={LIMIT}&cursor={random.choice(cursors)}"
    while True:
        query: dict[str, Any] = {"limit": LIMIT, "cursor": random.choice(cursors)}
        drawn = random.random()
        if drawn < 0.2:
            query["status"] = "ordered"
        elif drawn < 0.3:
            query = {"limit": LIMIT, "updated_after": "2026-01-01T01:00:00Z"}
        yield f"/purchase-orders?{urlencode(query)}"


async def ask(client: Client, until: float, paths: Iterator[str]) -> list[float]:
    found: list[float] = []
    while time.monotonic() < until:
        found.append(await client.get(next(paths)))
    await client.aclose()
    return found


async def places(client: httpx.AsyncClient, orders: int) -> list[str]:
    """Cursors all over the list."""
    found, cursor = [""], ""
    async with asyncio.timeout(START_SECONDS * 5):
        while len(found) * 500 < orders:
            page = (await client.get("/purchase-orders", params={"limit": 500, "cursor": cursor})).json()
            if page["items"]:
                cursor = page["nextCursor"]
                found.append(cursor)
            else:
                await asyncio.sleep(0.2)
    return found[:-1]


async def feed_places(client: httpx.AsyncClient, orders: int) -> list[str]:
    """Cursors all over the feed."""
    found = [""]
    while len(found) * 500 < orders:
        answer = await client.get("/feed/erp/purchase_order", params={"limit": 500, "cursor": found[-1]})
        found.append(json.loads(answer.text.splitlines()[-1])["cursor"])
    return found[:-1]


async def measure(
    api: str, token: str, options: argparse.Namespace, ready: Any, relay: psutil.Process
) -> tuple[list[float], float]:
    """How long each request took, shortest first, and the relay's seconds of processor time meanwhile."""
    headers = {"Authorization": f"Bearer {token}"}
    assert await asyncio.to_thread(ready.wait, START_SECONDS), "the agent delivers nothing"
    async with httpx.AsyncClient(
        base_url=f"{api}/api/v1", headers=headers, trust_env=False, timeout=60
    ) as client:
        cursors = await places(client, options.orders)
        if options.ask == "feed":
            cursors = await feed_places(client, options.orders)
    clients = [await Client.connected(api, token) for _ in range(options.clients)]
    until, before = time.monotonic() + options.seconds, _worked(relay)
    times = await asyncio.gather(*(ask(one, until, paths_of(options.ask, cursors)) for one in clients))
    worked = _worked(relay) - before
    return sorted(seconds for one in times for seconds in one), worked


def _worked(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def made_relay(folder: Path) -> tuple[Path, str, str]:
    done = commands.initialise(folder, gateway_port=free_port(), api_port=free_port())
    text = done.config.read_text()
    text = text.replace('tls = { certificate = "server.pem", key = "server.key" }\n', "", 1)
    done.config.write_text(text.replace("[api]", "[api]\nrequests_per_second = 100000"))
    return done.config, done.token.text, commands.add_code(done.config)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--orders", type=int, default=20_000, help="stored before the first request")
    parser.add_argument("--batch", type=int, default=500, help="records in each batch")
    parser.add_argument("--clients", type=int, default=4, help="requests at once")
    parser.add_argument("--rate", type=int, default=10_000, help="orders stored a second; 0: all that can be")
    parser.add_argument("--ask", choices=("lists", "feed", "events", "health", "fleet"), default="lists")
    parser.add_argument("--quiet", action="store_true", help="nothing is stored meanwhile")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        config, token, code = made_relay(Path(scratch) / "relay")
        settings = load_settings(config)
        api = f"http://127.0.0.1:{settings.api.port}"
        gateway = f"ws://127.0.0.1:{settings.gateway.port}"
        with (Path(scratch) / "relay.log").open("wb") as log:
            relay = subprocess.Popen(
                [sys.executable, "-m", "agent.cli", "relay", "run", str(config)], stdout=log, stderr=log
            )
        ready, stop = multiprocessing.Event(), multiprocessing.Event()
        told: Any = multiprocessing.Queue()
        try:
            await_start(api, relay)
            sending = (gateway, code, options.batch, options.orders, options.rate, ready, stop, told)
            agent = multiprocessing.Process(target=ingest, args=sending)
            before = machine()
            agent.start()
            if options.quiet:
                ready.wait(START_SECONDS)
                stop.set()
            times, worked = asyncio.run(measure(api, token, options, ready, psutil.Process(relay.pid)))
            stop.set()
            sent, seconds = told.get(timeout=60)
            agent.join(30)
        finally:
            relay.terminate()
            relay.wait(40)
    show(times, worked, sent / seconds, options, before)


def await_start(api: str, relay: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert relay.poll() is None, "the relay has ended"
        try:
            httpx.get(f"{api}/healthz", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the relay does not answer")


def show(
    times: list[float], worked: float, rate: float, options: argparse.Namespace, before: dict[str, Any]
) -> None:
    def share(part: float) -> float:
        return times[min(int(len(times) * part), len(times) - 1)] * 1_000

    figures = {
        "requests": len(times),
        "requests_per_second": round(len(times) / options.seconds, 1),
        "p50_ms": round(statistics.median(times) * 1_000, 1),
        "p90_ms": round(share(0.9), 1),
        "p99_ms": round(share(0.99), 1),
        "slowest_ms": round(times[-1] * 1_000, 1),
        "records_stored_per_second": round(rate),
        "relay_ms_of_processor_time_per_request": round(worked / len(times) * 1_000, 2),
    }
    print(table(["what", "measured"], [[name, str(value)] for name, value in figures.items()]))
    print(save("api_latency", {"figures": figures, "options": vars(options), "machine": before}))
    print(json.dumps(before))


if __name__ == "__main__":
    main()
