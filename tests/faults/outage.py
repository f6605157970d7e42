"""An agent whose relay is away for a week: records queue by the hour, then everything is sent. Run as a process.

The week is the outbox's clock; the file, its commits, the tunnel and the relay are real. It reads one line to begin
with the sending, and writes a line of JSON behind each half.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
import pyarrow as pa
import structlog

from agent.clock import ManualClock, SystemClock
from agent.identity import IdentityStore
from agent.mapping.hashes import key_hashes
from agent.memory import give_back_what_is_freed
from agent.model.payload import encode_records
from agent.outbox.store import BatchDraft, BatchKind, Entry, Limits, Outbox, Segment
from agent.protocol.frames import Command
from agent.tunnel.endpoint import make_endpoint
from agent.tunnel.link import Link

HOURS: Final = 7 * 24
STREAMS: Final = 10
PAGE_ROWS: Final = 1_000
KEYS_OF_A_STREAM: Final = 100_000  # they change again and again
MIB: Final = 1024 * 1024
GIB: Final = 1024 * MIB


class Nobody:
    """Gives no commands and has no connections. The tests' own have a server with them, which takes memory."""

    async def handle(self, command: Command) -> None:
        raise AssertionError(command)

    async def result_acked(self, command: str, state: str) -> None:
        raise AssertionError(command, state)

    def connections(self) -> list[dict[str, Any]]:
        return []


def pages(records: int) -> Iterator[tuple[int, int, int]]:
    """Hour, first record and number of records of each page."""
    done = 0
    for hour in range(HOURS):
        due = records * (hour + 1) // HOURS
        while done < due:
            rows = min(PAGE_ROWS, due - done)
            yield hour, done, rows
            done += rows


def page_of(number: int, first: int, rows: int, keys: int, clock: ManualClock) -> Entry:
    """Record n is told by its order number; its moment says in which hour it changed."""
    stream, run = f"erp{number % STREAMS}/orders", f"run-{number:08}"
    numbers = np.arange(first, first + rows)
    turn = number // STREAMS * PAGE_ROWS
    texts = pa.array(np.arange(turn, turn + rows) % keys, pa.int64()).cast(pa.string())
    cents = np.random.default_rng(first).integers(0, 10**7, rows)
    records = pa.table(
        {
            "key": texts,
            "content_hash": pa.array(numbers, pa.uint64()),
            "order_no": pa.array(numbers, pa.int64()).cast(pa.string()),
            "total_net_value": pa.array(cents, pa.int64()).cast(pa.decimal128(38, 0)).cast(pa.decimal128(38, 10)),
            "updated_at": pa.array([clock.utcnow()] * rows, pa.timestamp("us", "UTC")),
        }
    )  # fmt: skip
    payload = encode_records(
        records, {"entity": "purchase_order", "connection": stream.partition("/")[0], "sync_run": run}
    )
    return Entry(
        stream,
        run,
        "purchase_order",
        (BatchDraft(BatchKind.RECORDS, rows, payload),),
        checkpoint=str(first + rows),
        segment=Segment(key_hashes(texts), numbers.astype(np.uint64) + np.uint64(1), texts),
    )


def peak_bytes() -> int:
    """Of this program alone: what `getrusage` tells begins with the process that started it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return int(psutil.Process().memory_info().rss)
    (peak,) = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(peak) * 1024


class Memory:
    def __init__(self) -> None:
        self._process = psutil.Process()
        self._of_hours: list[int] = []

    def note(self) -> None:
        self._of_hours.append(self._process.memory_info().rss)

    def figures(self) -> dict[str, float]:
        half = len(self._of_hours) // 2
        return {
            "first_half_mib": max(self._of_hours[:half]) / MIB,
            "second_half_mib": max(self._of_hours[half:]) / MIB,
            "peak_mib": peak_bytes() / MIB,
        }


async def fill(outbox: Outbox, clock: ManualClock, records: int, keys: int) -> dict[str, Any]:
    memory, began, seen = Memory(), SystemClock().monotonic(), -1
    for number, (hour, first, rows) in enumerate(pages(records)):
        if hour != seen:
            clock.advance(timedelta(hours=hour - max(seen, 0)).total_seconds())
            seen = hour
            await outbox.prune()
            memory.note()
        await outbox.wait_for_room()
        await outbox.append(page_of(number, first, rows, keys, clock))
    stats = await outbox.stats()
    return {
        "pending_batches": stats.pending_batches,
        "pending_bytes": stats.pending_bytes,
        "file_bytes": stats.file_bytes,
        "seconds": SystemClock().monotonic() - began,
        **memory.figures(),
    }


async def send(outbox: Outbox, state: Path, url: str, ca_file: Path) -> dict[str, Any]:
    """The link was there all the week; now its relay is."""
    memory, began = Memory(), SystemClock().monotonic()
    link = Link(
        make_endpoint(url, ca_file=ca_file),
        IdentityStore(state),
        outbox,
        sink=Nobody(),
        status=Nobody(),
        clock=SystemClock(),
        software="outage",
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(link.run())
        while outbox.pending_bytes:
            await SystemClock().sleep(0.1)
            memory.note()
        seconds = SystemClock().monotonic() - began
        await link.drain()
    memory.note()
    return {"seconds": seconds, "failures": link.state.failures, **memory.figures()}


async def run(arguments: argparse.Namespace) -> None:
    give_back_what_is_freed()  # as an agent does when it starts
    clock = ManualClock()
    limits = Limits(high_water_bytes=arguments.high_water)
    async with await Outbox.open(arguments.state / "outbox.db", clock=clock, limits=limits) as outbox:
        keys = arguments.keys
        print(json.dumps(await fill(outbox, clock, arguments.records, keys)), flush=True)
        if not arguments.url:
            return
        await asyncio.to_thread(sys.stdin.readline)
        print(json.dumps(await send(outbox, arguments.state, arguments.url, arguments.ca_file)), flush=True)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--keys", type=int, default=KEYS_OF_A_STREAM)
    parser.add_argument("--high-water", type=int, default=4 * GIB)
    parser.add_argument("--url", default="")
    parser.add_argument("--ca-file", type=Path)
    asyncio.run(run(parser.parse_args()))
