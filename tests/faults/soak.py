"""A whole deployment under load for a long time, with faults that leave its processes alive, and what they take of memory.

Agent and relay are never started anew here: what they would leak has the whole time to grow. What is done to them every
few seconds is what a long life brings: lines that break or go silent, drivers that die, a source that is locked, streams
that are read again, settings that are read again, readers that come and go.
"""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

import psutil
import tomlkit

from tests.faults.fault_proxy import FaultProxy
from tests.faults.order_book import BUSY_SECONDS, OrderBook
from tests.faults.site import Site

BOOK: Final = "erp"
SANDBOX: Final = "sandbox"
MIB: Final = 1024 * 1024
SILENT_SECONDS: Final = 2.5  # longer than the heartbeat of a site lets pass
LOCKED_SECONDS: Final = 1.0
CACHE_MIB: Final = 16  # of batches that the relay keeps open: full soon, so that what still grows is no cache


@dataclass(frozen=True)
class Sample:
    seconds: float
    agent_mib: float
    agent_files: int
    agent_threads: int
    drivers: int
    drivers_mib: float
    relay_mib: float
    relay_files: int
    relay_threads: int
    outbox_mib: float
    store_mib: float


class Soak:
    """`pause` is the time between two changes of the book, `rest` between two faults, `every` between two samples."""

    def __init__(
        self, site: Site, book: OrderBook, proxy: FaultProxy, *, pause: float, rest: float, every: float
    ) -> None:
        self.samples: list[Sample] = []
        self.done: Counter[str] = Counter()
        self._site, self._book, self._proxy = site, book, proxy
        self._began = time.monotonic()
        self._stopping = threading.Event()
        self._failures: list[BaseException] = []
        self._dice = random.Random(1)
        self._threads = [
            threading.Thread(target=self._again, args=(work, seconds), name=name)
            for name, work, seconds in (
                ("churn", self._change, pause),
                ("faults", self._fault, rest),
                ("reader", self._read, rest / 3),
                ("samples", self._sample, every),
            )
        ]

    def run(self, seconds: float) -> None:
        for thread in self._threads:
            thread.start()
        self._stopping.wait(seconds)
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._proxy.heal()
        assert not self._failures, self._failures
        self._sample()

    def write(self, path: Path) -> None:
        path.write_text("".join(json.dumps(asdict(sample)) + "\n" for sample in self.samples))

    def sixth(self, number: int, of: Callable[[Sample], float]) -> float:
        """The median of one sixth of the time; the first is that of starting."""
        size = max(1, len(self.samples) // 6)
        return median(of(sample) for sample in self.samples[number * size : (number + 1) * size])

    def _again(self, work: Callable[[], None], seconds: float) -> None:
        try:
            while not self._stopping.wait(seconds):
                work()
        except BaseException as error:
            self._failures.append(error)
            self._stopping.set()

    def _change(self) -> None:
        self._book.change()
        self.done["changes"] += 1

    def _read(self) -> None:
        records = sum(1 for _ in self._site.records("purchase-orders", connection=SANDBOX))
        self.done["records read"] += records

    def _fault(self) -> None:
        name, fault = self._dice.choice(
            (
                ("lines cut", self._proxy.cut_all),
                ("lines silent", self._be_silent),
                ("drivers killed", self._kill_driver),
                ("sources locked", self._lock),
                ("streams read again", self._read_again),
                ("settings read again", lambda: self._site.call("reload")),
            )
        )
        fault()
        self.done[name] += 1

    def _be_silent(self) -> None:
        self._proxy.silent = True
        self._stopping.wait(SILENT_SECONDS)
        self._proxy.heal()

    def _kill_driver(self) -> None:
        for child in psutil.Process(self._site.agent_pid).children():
            with suppress(psutil.NoSuchProcess):
                child.kill()

    def _lock(self) -> None:
        with sqlite3.connect(self._book.path, timeout=BUSY_SECONDS) as db:
            db.execute("begin immediate")
            self._stopping.wait(LOCKED_SECONDS)
        db.close()

    def _read_again(self) -> None:
        self._site.call("resync", {"streams": [f"{SANDBOX}/vendors"]})

    def _sample(self) -> None:
        agent, relay = psutil.Process(self._site.agent_pid), psutil.Process(self._site.relay_pid)
        drivers = []
        for child in agent.children():
            with suppress(psutil.Error):
                drivers.append(child.memory_info().rss)
        self.samples.append(
            Sample(
                seconds=round(time.monotonic() - self._began, 1),
                agent_mib=_mib(agent),
                agent_files=agent.num_fds(),
                agent_threads=agent.num_threads(),
                drivers=len(drivers),
                drivers_mib=round(sum(drivers) / MIB, 1),
                relay_mib=_mib(relay),
                relay_files=relay.num_fds(),
                relay_threads=relay.num_threads(),
                outbox_mib=_size(self._site.state, "outbox.db*"),
                store_mib=_size(self._site.relay / "data", "*.db*"),
            )
        )


def soak(site: Site, seconds: float, *, every: float) -> Soak:
    """A started site, loaded for so long; the source and the relay are at rest and equal when this returns."""
    with ExitStack() as stack:
        proxy = stack.enter_context(FaultProxy(site.gateway))
        site.point_at(proxy.port)
        _keep_little(site)
        book = OrderBook(site.folder / "book.db", orders=1_000)
        site.connect(SANDBOX, _sandbox())
        site.connect(BOOK, book.connection())
        site.start_agent()
        load = Soak(site, book, proxy, pause=0.1, rest=min(10.0, seconds / 8), every=every)
        try:
            load.run(seconds)
            site.call("pause", {"connection": SANDBOX})  # which never rests by itself
            site.connect(BOOK, book.connection(every=None))
            site.call("reload")
            site.settle(BOOK, book)
        finally:
            load.write(site.folder / "soak.jsonl")
            site.end_agent()
    return load


def _keep_little(site: Site) -> None:
    file = site.relay / "relay.toml"
    document = tomlkit.parse(file.read_text())
    document["cache_mib"] = CACHE_MIB
    file.write_text(tomlkit.dumps(document))
    site.stop_relay()
    site.start_relay()


def _sandbox() -> dict[str, object]:
    return {
        "system": "sandbox",
        "options": {"size": 400, "changes_per_minute": 600},
        "sync": {"every": "5s", "initial_window": "everything"},
    }


def _mib(process: psutil.Process) -> float:
    return float(round(process.memory_info().rss / MIB, 1))


def _size(folder: Path, pattern: str) -> float:
    total = 0
    for path in folder.glob(pattern):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return round(total / MIB, 1)
