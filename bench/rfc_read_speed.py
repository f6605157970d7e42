"""How the RFC driver reads a wide table while it is written to: speed, memory, and whether every row is whole.

    python -m bench.rfc_read_speed [--rows 1000000] [--reader plain|sorted] [--page-rows 2000]

Starts the tests' SAP in a process of its own, which fills a table of 60 columns and goes on writing to it, reads it
over SOAP, and checks that all keys are distinct and each row is one version of itself. The stand-in formats every row
in Python, so the speed says more about it than about the driver; the driver's own processor time is printed beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil
import pyarrow as pa
import pyarrow.compute as pc

from drivers.contract import KEY_COLUMN, ReadMode, ReadRequest, StreamSpec
from drivers.rfc.driver import RfcDriver

COLUMNS = 58  # beside client and key
WIDTH = 12
MIB = 1024 * 1024
FLAT_BELOW = 300  # MiB
WRITES_PER_TURN = 20


def serve(rows: int, reader: str) -> None:
    """The system in this process: prints its address, writes until its input ends, prints how often it wrote."""
    from tests.sap.dictionary import Column, Definition
    from tests.sap.soap import SoapServer
    from tests.sap.system import Profile, System

    system = System(Profile(et_data=reader == "sorted", scrambled=False))
    columns = [Column("MANDT", "CLNT", 3, key=True), Column("ID", "CHAR", 10, key=True)]
    system.add_table(
        Definition("ZWIDE", columns + [Column(f"C{n:02d}", "CHAR", WIDTH) for n in range(COLUMNS)])
    )
    system.put_many("ZWIDE", (_row(number, 0) for number in range(rows)))
    server = SoapServer(system)
    print(server.url, flush=True)
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    chance, version = random.Random(1), 0
    while not stop.wait(0.05):
        version += 1
        system.put_many(
            "ZWIDE", iter([_row(chance.randrange(rows), version) for _ in range(WRITES_PER_TURN)])
        )
    print(version * WRITES_PER_TURN, flush=True)
    server.close()


def _row(number: int, version: int) -> tuple[str, ...]:
    return ("100", f"{number:010d}", *([f"{number % 1000}:{version}"] * COLUMNS))


async def read(url: str, rows: int, page_rows: int) -> None:
    options = {
        "client": "100",
        "user": "RFCUSER",
        "way": "soap",
        "http": {"url": url},
        "rows_per_call": 5_000,
    }
    driver = RfcDriver("bench", options, {"password": "secret"})
    stream = StreamSpec("wide", "vendor", {"table": "ZWIDE"})
    process = psutil.Process()
    count, last, changed = 0, "", 0
    memory: list[float] = []
    started, used = time.perf_counter(), time.process_time()
    async for page in driver.read(ReadRequest(stream, ReadMode.SCAN, page_rows=page_rows)):
        count += page.table.num_rows
        last, versions = _checked(page.table, last)
        changed += versions
        memory.append(process.memory_info().rss / MIB)
        if len(memory) % 50 == 0:
            print(f"  {count:>9} rows, {memory[-1]:.0f} MiB", flush=True)
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    await driver.aclose()
    assert count == rows, f"{count} rows of {rows}"
    print(
        f"{count} rows of {COLUMNS + 1} columns in {seconds:.0f} s: {count / seconds:,.0f} rows/s, "
        f"{cpu / count * 1e6:.0f} us of the driver's CPU per row"
    )
    print(
        f"memory: {memory[0]:.0f} MiB at the first page, {max(memory):.0f} at most, {memory[-1]:.0f} at the last"
    )
    print(f"all keys distinct, all rows whole; {changed} of them were written while they were read")
    assert max(memory) < FLAT_BELOW


def _checked(table: pa.Table, last: str) -> tuple[str, int]:
    keys = table.column(KEY_COLUMN).combine_chunks()
    if not len(keys):
        return last, 0
    assert keys[0].as_py() > last, "a key came twice"
    assert pc.all(pc.less(keys[:-1], keys[1:])).as_py() is not False, "keys are not distinct"
    first = table.column("C00")
    for number in range(1, COLUMNS):
        assert pc.all(pc.equal(first, table.column(f"C{number:02d}"))).as_py(), (
            "a row is made of two versions"
        )
    expected = pc.utf8_slice_codeunits(keys, 7)
    mine = pc.utf8_lpad(pc.list_element(pc.split_pattern(first, ":"), 0), 3, "0")
    assert pc.all(pc.equal(expected, mine)).as_py(), "a row has another row's values"
    changed = pc.sum(pc.invert(pc.ends_with(first, ":0"))).as_py() or 0
    return str(keys[-1].as_py()), changed


def lines_of(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout
    yield from process.stdout


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--reader", choices=["plain", "sorted"], default="plain")
    parser.add_argument("--page-rows", type=int, default=2_000)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.rows, given.reader)
        return
    command = [
        sys.executable,
        "-m",
        "bench.rfc_read_speed",
        "--serve",
        "--rows",
        str(given.rows),
        "--reader",
        given.reader,
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        lines = lines_of(server)
        try:
            url = next(lines).strip()
            asyncio.run(read(url, given.rows, given.page_rows))
        finally:
            assert server.stdin
            server.stdin.close()
        print(f"{next(lines).strip()} rows were written meanwhile")


if __name__ == "__main__":
    main()
