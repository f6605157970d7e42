"""A relay that is away for a week: nothing is dropped, memory stays, and it all arrives, oldest first.

GROUNDWIRE_OUTAGE says how many records queue meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from agent.clock import ManualClock
from agent.model.payload import decode
from tests.faults.fleet import enrol
from tests.faults.outage import HOURS, pages
from tests.faults.test_fleet import RelayAlone
from tests.life import ROOT

OUTAGE = os.environ.get("GROUNDWIRE_OUTAGE")
RECORDS = int(OUTAGE or 200_000)
WEEK_SECONDS = HOURS * 3_600
AGENT_MIB = 150
GROWTH_MIB = 8.0  # of the second half of the week over the first

pytestmark = pytest.mark.timeout(0 if OUTAGE else 300)


class Agent:
    """The process of tests/faults/outage.py."""

    def __init__(self, state: Path, url: str, ca_file: str) -> None:
        self._errors = (state / "agent.log").open("wb")
        command = [sys.executable, "-m", "tests.faults.outage", str(state), "--records", str(RECORDS)]
        self._process = subprocess.Popen(
            [*command, "--url", url, "--ca-file", ca_file],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=ROOT,
        )

    def figures(self) -> dict[str, Any]:
        """Of the half that ends now."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, Path(self._errors.name).read_text()
        print(line.decode().strip())
        found: dict[str, Any] = json.loads(line)
        return found

    def send(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    def end(self) -> int:
        return self._process.wait(120)

    def kill(self) -> None:
        self._errors.close()
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.stdout.close()  # type: ignore[union-attr]
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RelayAlone]:
    with RelayAlone(tmp_path / "site") as relay:
        relay.stop_relay()
        yield relay


def stored(relay: RelayAlone) -> Iterator[Any]:
    """The records of each batch at the relay, in the order in which they were stored."""
    with closing(sqlite3.connect(relay.relay / "data" / "relay.db")) as db:
        for kind, payload, count in db.execute("select kind, payload, count from batches order by position"):
            table = decode(kind, payload, count=count).table
            assert table is not None
            yield table


def test_a_week_without_a_relay_drops_nothing_keeps_memory_flat_and_ends_oldest_first(
    relay: RelayAlone, tmp_path: Path
) -> None:
    url = f"wss://127.0.0.1:{relay.gateway}"
    (store,) = asyncio.run(enrol(relay.relay, tmp_path / "agents", url, 1))
    agent = Agent(store.path.parent, url, relay._authority)
    try:
        waited = agent.figures()
        relay.start_relay()
        began = time.monotonic()
        agent.send()
        sent = agent.figures()
        seconds = time.monotonic() - began
        assert agent.end() == 0
    finally:
        agent.kill()
    relay.stop_relay()

    hours: Counter[int] = Counter()
    numbers, newest, start = 0, 0, ManualClock().utcnow()
    for table in stored(relay):
        hour = int((pc.min(table.column("updated_at")).as_py() - start).total_seconds() // 3_600)
        assert hour >= newest
        newest = hour
        hours[hour] += table.num_rows
        numbers += sum(map(int, table.column("order_no").to_pylist()))
    enqueued: Counter[int] = Counter()
    for hour, _, rows in pages(RECORDS):
        enqueued[hour] += rows
    assert hours == enqueued
    assert numbers == RECORDS * (RECORDS - 1) // 2  # every number from 0 on, once
    assert waited["pending_batches"] == len(list(pages(RECORDS)))
    assert max(waited["peak_mib"], sent["peak_mib"]) <= AGENT_MIB
    assert waited["second_half_mib"] - waited["first_half_mib"] <= GROWTH_MIB
    assert WEEK_SECONDS / seconds >= 5  # times the rate at which it came
