"""Deliveries of webhooks a second, with one endpoint that hangs: relay and receivers in processes of their own.

.venv/bin/python -m bench.webhooks [--events 10000] [--endpoints 4] [--runs 3] [--ordered]

The events are written into the store as other parts of the relay write them, in groups of a hundred, at once; what is
measured is from then to the last request at a receiver. Each receiver checks nothing and answers 200.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from agent.clock import SystemClock
from bench.figures import machine, median, save, table
from bench.watch import Watch
from relay import commands
from relay.events import Event, EventType, event_id
from relay.settings import load_settings
from relay.store.storage import open_storage
from relay.webhooks.store import EventStore

ROOT = Path(__file__).resolve().parents[1]
GROUP = 100
CONNECTIONS = 20
PATIENCE_SECONDS = 600.0
SETTINGS = '\n[webhooks]\nallow_http = true\nallow_networks = ["127.0.0.0/8"]\n'
RELAY = "import sys; from pathlib import Path; from relay import commands; commands.run(Path(sys.argv[1]))"
# Counts requests and says how many there were; `hang` takes connections and never answers.
RECEIVER = r"""
import asyncio, sys
hang, wanted = sys.argv[1] == "hang", int(sys.argv[2])
seen = 0
class Protocol(asyncio.Protocol):
    def connection_made(self, transport): self.transport, self.data = transport, b""
    def data_received(self, data):
        global seen
        self.data += data
        while True:
            head, end, rest = self.data.partition(b"\r\n\r\n")
            if not end: return
            size = next(int(l.split(b":")[1]) for l in head.split(b"\r\n") if l.lower().startswith(b"content-length"))
            if len(rest) < size: return
            self.data = rest[size:]
            if hang: return
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            seen += 1
            if seen == wanted: print("done", flush=True)
async def main():
    server = await asyncio.get_running_loop().create_server(Protocol, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--endpoints", type=int, default=4, help="that answer; one more hangs")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--ordered", action="store_true", help="in order per connection")
    arguments = parser.parse_args()
    per_endpoint = arguments.events // arguments.endpoints
    runs = []
    for number in range(arguments.runs):
        with tempfile.TemporaryDirectory(prefix="groundwire-bench-") as folder:
            runs.append(
                asyncio.run(one(Path(folder), arguments.endpoints, per_endpoint, ordered=arguments.ordered))
            )
        print(f"run {number + 1}: {runs[-1]}", file=sys.stderr)
    found = median(runs)
    print(table(["what", "measured"], [[name, f"{value:.1f}"] for name, value in found.items()]))
    save("webhooks", {"machine": machine(), "arguments": vars(arguments), "runs": runs})


async def one(folder: Path, endpoints: int, events: int, *, ordered: bool) -> dict[str, float]:
    made = await asyncio.to_thread(commands.initialise, folder / "relay", gateway_port=0, api_port=0)
    text = made.config.read_text().replace("tls = {", "# tls = {")
    made.config.write_text(text + SETTINGS)
    receivers = [start(RECEIVER, "well", str(events)) for _ in range(endpoints)]
    hanging = start(RECEIVER, "hang", "0")
    ports = [int(line(process)) for process in (*receivers, hanging)]
    relay = start(RELAY, str(made.config))
    try:
        api = address(relay)
        await create(api, made.token.text, ports, ordered=ordered)
        stop(relay)
        await write(made.config, endpoints, events)
        relay = start(RELAY, str(made.config), quiet=True)
        begun = time.perf_counter()
        with Watch([relay.pid]) as watch:
            for process in receivers:
                assert line(process) == "done"
            seconds = time.perf_counter() - begun
        total = endpoints * events
        return {
            "deliveries a second, from the relay's start": total / seconds,
            "seconds": seconds,
            "relay's processor, ms a delivery": watch.processor_seconds / total * 1_000,
            "relay's memory, MiB": watch.peak_mib,
        }
    finally:
        for process in (*receivers, hanging, relay):
            process.kill()
            process.wait()


async def create(api: str, token: str, ports: list[int], *, ordered: bool) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"{api}/api/v1", headers=headers, trust_env=False) as client:
        for number, port in enumerate(ports):
            body: dict[str, Any] = {
                "url": f"http://127.0.0.1:{port}/hook",
                "types": ["record.updated"],
                "ordered": ordered,
            }
            if number < len(ports) - 1:  # the one that hangs wants everything
                body["connections"] = [f"c{number}-{one}" for one in range(CONNECTIONS)]
            answer = await client.post("/webhook-endpoints", json=body)
            assert answer.status_code == 201, answer.text


async def write(config: Path, endpoints: int, events: int) -> None:
    """While the relay is stopped, so that everything waits at its start."""
    storage = await open_storage(load_settings(config))
    clock = SystemClock()
    try:
        store = EventStore(storage.store.engine)
        keys = [str(4_000 + number) for number in range(20)]
        made = [
            Event(
                event_id("default", endpoint, number),
                "default",
                clock.utcnow(),
                EventType.RECORD_UPDATED,
                {"entity": "purchase_order", "syncRun": "run", "count": 20, "keys": keys, "allKeys": True},
                f"c{endpoint}-{number % CONNECTIONS}",
                subject="purchase_order",
            )
            for number in range(events)
            for endpoint in range(endpoints)
        ]
        for first in range(0, len(made), GROUP):
            await store.tell(made[first : first + GROUP], clock.utcnow())
    finally:
        await storage.aclose()


def start(code: str, *arguments: str, quiet: bool = False) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL if quiet else subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"},
    )


def stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.communicate(timeout=PATIENCE_SECONDS)


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def address(relay: subprocess.Popen[str]) -> str:
    while (match := re.search(r"api=(\S+)", text := line(relay))) is None:
        assert text or relay.poll() is None, "the relay did not start"
    return match[1]


if __name__ == "__main__":
    main()
