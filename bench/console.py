"""How long the console's overview takes with many connections and very many records waiting.

    .venv/bin/python -m bench.console [--connections 50] [--records 10000000] [--records-per-batch 2000]

A real agent whose relay is away, with an outbox that holds the records; a real Chromium where there is one. Batches hold
random bytes of a real batch's size in place of records: nothing on the way to the overview reads them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.app import OUTBOX_FILE
from agent.clock import SystemClock
from agent.control import ControlClient, NoAgentRunning
from agent.identity import Identity, IdentityStore
from agent.outbox.store import BatchDraft, BatchKind, Entry, Limits, Outbox
from agent.telemetry.logging import configure_logging
from tests.permissive import allow_everything
from tests.servers import free_port

STREAMS = ("purchase_orders", "work_orders", "inventory_items", "vendors", "assets")
BATCH_BYTES = 24 * 1024
AT_ONCE = 20  # batches of one page
READY_SECONDS = 300.0
GIB = 1024**3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--records-per-batch", type=int, default=2_000)
    parser.add_argument("--times", type=int, default=50)
    arguments = parser.parse_args()
    configure_logging(level="error")
    with tempfile.TemporaryDirectory(prefix="groundwire-bench-") as folder:
        config = Path(folder)
        names = [f"erp-{number:02}" for number in range(arguments.connections)]
        configure(config, names)
        batches = asyncio.run(fill(config / "state", names, arguments.records, arguments.records_per_batch))
        print(f"{len(names)} connections, {arguments.records:,} records in {batches:,} batches", flush=True)
        agent = subprocess.Popen(
            [sys.executable, "-m", "agent.cli", "run", "--config", str(config)], stderr=subprocess.DEVNULL
        )
        try:
            link = wait_for_link(agent, config / "state", len(names))
            measure(link, arguments.times)
            measure_in_browser(wait_for_link(agent, config / "state", len(names)), arguments.times)
        finally:
            agent.terminate()
            agent.wait()


def configure(config: Path, names: list[str]) -> None:
    (config / "connections").mkdir()
    (config / "agent.toml").write_text(
        '[agent]\nname = "bench"\nstate_dir = "state"\n[outbox]\nhigh_water = "64GiB"\n'
        '[limits]\ndriver_idle = "1s"\n'
    )
    for name in names:
        (config / "connections" / f"{name}.toml").write_text('system = "sandbox"\n[sync]\nmanual = true\n')
    allow_everything(config, names)
    (config / "state").mkdir(mode=0o700)
    relay = f"wss://127.0.0.1:{free_port()}"
    IdentityStore(config / "state").save(
        Identity("agt_bench", "bench", relay, 1, Ed25519PrivateKey.generate())
    )


async def fill(state: Path, names: list[str], records: int, per_batch: int) -> int:
    payload, count = random.Random(1).randbytes(BATCH_BYTES), records // per_batch
    addresses = [f"{name}/{stream}" for name in names for stream in STREAMS]
    limits = Limits(high_water_bytes=64 * GIB, low_water_bytes=32 * GIB)
    async with await Outbox.open(state / OUTBOX_FILE, clock=SystemClock(), limits=limits) as outbox:
        for first in range(0, count, AT_ONCE):
            stream = addresses[first // AT_ONCE % len(addresses)]
            drafts = tuple(
                BatchDraft(BatchKind.RECORDS, per_batch, payload) for _ in range(min(AT_ONCE, count - first))
            )
            await outbox.append(Entry(stream, "run", "vendor", batches=drafts))
    return count


def wait_for_link(agent: subprocess.Popen[bytes], state: Path, connections: int) -> str:
    """Asked for once every connection is in force and the drivers that say what can be written have ended."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            status = asyncio.run(ControlClient(state).ask("status"))
            if len(status["connections"]) == connections and not has_drivers(agent):
                return str(asyncio.run(ControlClient(state).ask("console_link"))["url"])
        except NoAgentRunning:
            assert agent.poll() is None, "the agent ended"
        time.sleep(0.5)
    raise SystemExit("the agent did not become ready")


def has_drivers(agent: subprocess.Popen[bytes]) -> bool:
    return bool(psutil.Process(agent.pid).children(recursive=True))


def measure(link: str, times: int) -> None:
    url = httpx.URL(link)
    origin = f"http://{url.host}:{url.port}"
    with httpx.Client(timeout=60) as client:
        answer = client.post(
            f"{origin}{url.path}", data={"link": url.params["link"]}, headers={"origin": origin}
        )
        overview = origin + answer.headers["location"]
        took = []
        for _ in range(times):
            began = time.perf_counter()
            page = client.get(overview)
            took.append(time.perf_counter() - began)
        assert page.status_code == 200
        assert "erp-00" in page.text
        print(f"overview, {len(page.content):,} bytes: {said(took)}")


def measure_in_browser(link: str, times: int) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        print("no chromium here: not measured in a browser")
        return
    from playwright.sync_api import sync_playwright

    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=sandbox)
        page = browser.new_page()
        page.goto(link)
        page.wait_for_selector("main h1:has-text('Overview')")
        took = []
        for _ in range(times):
            page.reload(wait_until="load")
            took.append(
                page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd") / 1e3
            )
        browser.close()
    print(f"ready in Chromium: {said(took)}")


def said(took: list[float]) -> str:
    ordered = sorted(took)
    return (
        f"median {statistics.median(took) * 1e3:.0f} ms, 95 % {ordered[int(len(took) * 0.95)] * 1e3:.0f} ms, "
        f"slowest {ordered[-1] * 1e3:.0f} ms, {len(took)} times"
    )


if __name__ == "__main__":
    main()
