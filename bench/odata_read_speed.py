"""How fast the OData driver alone reads nested pages, and what memory it takes.

    python -m bench.odata_read_speed [--orders 40000] [--page-rows 2000] [--version 4] [--parquet FILE] [--serve]

Starts a service of its own in another process. Its records (40 properties an order, 5 lines of 60 properties) are
rendered once, and an answer is put together from them, so that next to nothing of the time is the service's. With
`--parquet` the pages are written down, too. With `--serve` it only serves, for a peer that reads the same pages by
their links: it prints its root.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import re
import resource
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import unquote

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pyarrow.compute as pc
import pyarrow.parquet as pq

from drivers.contract import ReadMode, ReadRequest, StreamSpec
from drivers.odata.driver import ODataDriver

LINES_PER_ORDER = 5
KINDS = ("Edm.String", "Edm.Decimal", "Edm.DateTimeOffset", "Edm.Boolean", "Edm.Int32")
HEADER, LINE = 38, 58  # properties besides the key
POOL = 5_000  # orders that are rendered; those behind them are the same under another key


def properties(prefix: str, count: int) -> str:
    return "".join(f'<Property Name="{prefix}{n}" Type="{KINDS[n % 5]}"/>' for n in range(count))


def metadata(version: int) -> bytes:
    if version == 4:
        edmx, edm = "http://docs.oasis-open.org/odata/ns/edmx", "http://docs.oasis-open.org/odata/ns/edm"
        navigation, association = '<NavigationProperty Name="Lines" Type="Collection(B.Line)"/>', ""
    else:
        edmx, edm = (
            "http://schemas.microsoft.com/ado/2007/06/edmx",
            "http://schemas.microsoft.com/ado/2008/09/edm",
        )
        navigation = '<NavigationProperty Name="Lines" Relationship="B.A" FromRole="F" ToRole="T"/>'
        association = (
            '<Association Name="A"><End Type="B.Order" Multiplicity="1" Role="F"/>'
            '<End Type="B.Line" Multiplicity="*" Role="T"/></Association>'
        )
    return (
        f'<edmx:Edmx Version="{"4.0" if version == 4 else "1.0"}" xmlns:edmx="{edmx}"><edmx:DataServices>'
        f'<Schema Namespace="B" xmlns="{edm}"><EntityType Name="Order"><Key><PropertyRef Name="DocNo"/></Key>'
        f'<Property Name="DocNo" Type="Edm.String" Nullable="false"/><Property Name="Changed" Type="Edm.DateTimeOffset"/>'
        f"{properties('H', HEADER)}{navigation}</EntityType>"
        f'<EntityType Name="Line"><Key><PropertyRef Name="DocNo"/><PropertyRef Name="LineNo"/></Key>'
        f'<Property Name="DocNo" Type="Edm.String" Nullable="false"/><Property Name="LineNo" Type="Edm.Int32" Nullable="false"/>'
        f"{properties('L', LINE)}</EntityType>{association}"
        '<EntityContainer Name="C"><EntitySet Name="Orders" EntityType="B.Order"/>'
        '<EntitySet Name="Lines" EntityType="B.Line"/></EntityContainer></Schema></edmx:DataServices></edmx:Edmx>'
    ).encode()


def value(kind: str, number: int, version: int) -> Any:
    match kind:
        case "Edm.String":
            return f"Some text {number % 9973}"
        case "Edm.Decimal":
            return f"{number % 99991}.{number % 1000:03}"
        case "Edm.DateTimeOffset":
            stamp = 1_700_000_000 + number
            return (
                f"/Date({stamp}000+0000)/"
                if version == 2
                else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(stamp))
            )
        case "Edm.Boolean":
            return number % 3 == 0
        case _:
            return number % 100_000


def order(number: int, version: int) -> bytes:
    key = f"45{number:08}"
    lines = [
        {"DocNo": key, "LineNo": line}
        | {f"L{n}": value(KINDS[n % 5], number * 31 + line + n, version) for n in range(LINE)}
        for line in range(1, LINES_PER_ORDER + 1)
    ]
    record = {"DocNo": key, "Changed": value("Edm.DateTimeOffset", number // 3, version)}
    record |= {f"H{n}": value(KINDS[n % 5], number * 17 + n, version) for n in range(HEADER)}
    record["Lines"] = {"results": lines} if version == 2 else lines
    return json.dumps(record).encode()


def serve(orders: int, version: int, ready: Connection) -> None:
    pool = [order(number, version) for number in range(min(orders, POOL))]

    def record(number: int) -> bytes:
        like = number % POOL
        return pool[like] if like == number else pool[like].replace(b'"45%08d"' % like, b'"45%08d"' % number)

    document = metadata(version)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if path.endswith("$metadata"):
                self.answer(document, "application/xml")
                return
            asked = unquote(query)
            top = re.search(r"\$top=(\d+)", asked)
            behind = re.search(r"DocNo gt '45(\d+)'", asked)
            token = re.search(r"\$skiptoken=(\d+)", asked)
            begin = int(behind.group(1)) + 1 if behind else int(token.group(1)) if token else 0
            end = begin + (int(top.group(1)) if top else 2_000)
            link = f"http://127.0.0.1:{self.server.server_port}/s/Orders?$skiptoken={end}"
            rows = b",".join(record(number) for number in range(begin, min(end, orders)))
            more = not top and end < orders
            if version == 2:
                self.answer(
                    b'{"d":{"results":['
                    + rows
                    + b"]"
                    + (f',"__next":"{link}"'.encode() if more else b"")
                    + b"}}"
                )
            else:
                self.answer(
                    b'{"value":['
                    + rows
                    + b"]"
                    + (f',"@odata.nextLink":"{link}"'.encode() if more else b"")
                    + b"}"
                )

        def answer(self, body: bytes, kind: str = "application/json") -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    ready.send((http.server_port, sum(len(pool[number % POOL]) for number in range(orders))))
    http.serve_forever()


async def measure(url: str, size: int, arguments: argparse.Namespace) -> None:
    driver = ODataDriver("speed", {"url": url, "service": "s"}, {})
    options = {"entity_set": "Orders", "lines": {"lines": {"expand": "Lines"}}}
    half = [f"H{n}" for n in range(HEADER // 2)] + [f"lines.L{n}" for n in range(LINE // 2)]
    for name, columns in (("all columns", None), ("half of them", half)):
        stream = StreamSpec("orders", "purchase_order", options, columns=columns)
        started, used, count = time.perf_counter(), time.process_time(), 0
        writer: pq.ParquetWriter | None = None
        async for page in driver.read(ReadRequest(stream, ReadMode.SCAN, page_rows=arguments.page_rows)):
            count += page.table.num_rows + len(pc.list_flatten(page.table.column("lines")))
            if arguments.parquet:
                writer = writer or pq.ParquetWriter(arguments.parquet, page.table.schema)
                writer.write_table(page.table)
        if writer is not None:
            writer.close()
        seconds, cpu = time.perf_counter() - started, time.process_time() - used
        assert count == arguments.orders * (1 + LINES_PER_ORDER)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"V{arguments.version} {name:12} {count:>9} rows  {seconds:6.2f} s  {count / seconds:>9,.0f} rows/s"
            f"  {size / seconds / 1e6:6.1f} MB/s  {cpu / count * 1e6:5.1f} us CPU/row  peak {peak} MiB"
        )
    await driver.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=40_000)
    parser.add_argument("--page-rows", type=int, default=2_000)
    parser.add_argument("--version", type=int, choices=(2, 4), default=4)
    parser.add_argument("--parquet", default="")
    parser.add_argument("--serve", action="store_true")
    arguments = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(arguments.orders, arguments.version, theirs), daemon=True
    )
    process.start()
    port, size = ours.recv()
    url = f"http://127.0.0.1:{port}"
    if arguments.serve:
        print(f"{url}/s", flush=True)
        process.join()
    else:
        asyncio.run(measure(url, size, arguments))
    process.terminate()
    process.join()


if __name__ == "__main__":
    main()
