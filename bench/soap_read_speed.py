"""How fast replies of NAV pages become Arrow, beside zeep's own deserialisation of the same replies.

    python -m bench.soap_read_speed [--records 20000] [--page-rows 500] [--rounds 3]

One reply of `--page-rows` records of the captured ItemCard (99 fields) and one of purchase orders with lines are made
by the tests' NAV server and then read again and again: by the driver (all fields; only those of the shipped profile)
and by zeep, from the bytes of the reply to values. Nothing is sent: the server's own time and the network are left out.
A last line reads over HTTP, memory beside it. Without the captured WSDL a page of as many fields is made up.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil
import zeep
from lxml import etree
from zeep.transports import Transport

from agent.mapping.compile import compile_mapping
from agent.systems import profile
from drivers.contract import ReadMode, ReadRequest, StreamSpec
from drivers.http.client import HttpClient
from drivers.http.options import HttpOptions
from drivers.soap.channel import Channel
from drivers.soap.driver import soap_driver
from drivers.soap.pages.days import DayForms
from drivers.soap.pages.options import parse_connection, parse_stream
from drivers.soap.pages.reading import Fetched, PageReader
from drivers.soap.pages.service import PageService, model_of
from drivers.soap.pages.shape import shape_of
from drivers.soap.store import WsdlStore
from drivers.soap.wsdl import read_definitions
from drivers.soap.xml import parsed
from tests.nav.company import ORDERS, connection, nav, order
from tests.nav.server import NavServer, Page
from tests.nav.wsdls import CAPTURED, PageDefinition, page_wsdl

MIB = 1024 * 1024
URL = "http://nav.example/WS"


def item_page() -> Page:
    path = CAPTURED / "ItemCard.wsdl"
    if path.is_file():
        return Page("ItemCard", path.read_bytes(), ("No",))
    kinds = itertools.cycle(("string", "decimal", "boolean", "date"))
    fields = {"No": "string", **{f"F{number:02d}": next(kinds) for number in range(98)}}
    return Page("ItemCard", page_wsdl(PageDefinition("ItemCard", fields, ["No"])).encode(), ("No",))


def filled(page: Page, rows: int) -> Page:
    for number in range(rows):
        row: dict[str, Any] = {"_v": 1, "_lines": {}}
        for name, kind in page.members[1:]:
            if kind in page.options:
                row[name] = page.options[kind][number % len(page.options[kind])]
            elif kind != "date":
                row[name] = {"decimal": "1234.56789", "boolean": True, "int": 7}.get(
                    kind, f"{name[:12]} {number % 50}"
                )
        row["No"] = f"{100_000 + number}"
        page.rows[(row["No"],)] = row
    return page


def reply_of(server: NavServer, page: Page, rows: int) -> bytes:
    inner = "".join(server.element(page, row) for row in itertools.islice(page.rows.values(), rows))
    return (
        '<Soap:Envelope xmlns:Soap="http://schemas.xmlsoap.org/soap/envelope/"><Soap:Body><ReadMultiple_Result '
        f'xmlns="{page.space}"><ReadMultiple_Result>{inner}</ReadMultiple_Result></ReadMultiple_Result></Soap:Body>'
        "</Soap:Envelope>"
    ).encode()


def by_driver(page: Page, stream: StreamSpec) -> Callable[[bytes], int]:
    definitions = read_definitions({URL: page.wsdl}, URL, where="bench")
    client = HttpClient(HttpOptions(url=URL), {})
    options = parse_connection({"services": "nav-pages", "url": URL})
    service = PageService(Channel(client), WsdlStore(client, URL, None), options)
    shape = shape_of("s", parse_stream("s", stream.options), model_of(definitions, page.name, where="bench"))
    reader = PageReader(
        service, DayForms(service), shape, ReadRequest(stream, ReadMode.SCAN, page_rows=10_000)
    )

    def read(reply: bytes) -> int:
        body = parsed(reply)[0][0]
        return reader.finish(Fetched(list(body[0]), None, complete=True)).table.num_rows

    return read


def by_zeep(page: Page, folder: Path) -> Callable[[bytes], int]:
    path = folder / f"{page.name}.wsdl"
    path.write_bytes(page.wsdl)
    client = zeep.Client(str(path), transport=Transport())
    operation = next(iter(client.wsdl.bindings.values())).get("ReadMultiple")
    parser = etree.XMLParser(remove_comments=True)
    return lambda reply: len(operation.process_reply(etree.fromstring(reply, parser)))


def speed(read: Callable[[bytes], int], reply: bytes, records: int) -> float:
    """Records per second of processor time: what else runs on the machine says nothing of either."""
    done, begin = 0, time.process_time()
    while done < records:
        done += read(reply)
    return done / (time.process_time() - begin)


def compared(server: NavServer, page: Page, stream: StreamSpec, mapped: StreamSpec, options: Any) -> None:
    reply = reply_of(server, page, options.page_rows)
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "zeep": by_zeep(page, Path(folder)),
            "driver, all fields": by_driver(page, stream),
            "driver, the profile's fields": by_driver(page, mapped),
        }
        found: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, read in ways.items():
                count = options.records // 10 if name == "zeep" else options.records
                found[name].append(speed(read, reply, count))
    base = statistics.median(found["zeep"])
    print(
        f"{page.name}: replies of {options.page_rows} records, {len(reply) / options.page_rows / 1024:.1f} KiB each"
    )
    for name, rates in found.items():
        rate = statistics.median(rates)
        print(f"  {name:30} {rate:10,.0f} records/s   {rate / base:5.1f} times zeep")


async def over_http(server: NavServer, options: Any) -> None:
    server.start()
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        driver = soap_driver("nav", *connection(server, folder, page_size=options.page_rows))
        stream = StreamSpec(
            "s", "purchase_order", {"page": "PurchaseOrder", "lines": {"l": {"part": "PurchLines"}}}
        )
        rows, peaks, begin = 0, [], time.perf_counter()
        async for page in driver.read(ReadRequest(stream, ReadMode.SCAN, page_rows=options.page_rows)):
            rows += page.table.num_rows
            peaks.append(process.memory_info().rss / MIB)
        await driver.aclose()
    server.stop()
    took = time.perf_counter() - begin
    quarter = max(1, len(peaks) // 4)
    print(
        f"over HTTP: {rows:,} orders with lines in {took:.1f} s, the stand-in's own time included; resident memory"
    )
    print(
        f"  {peaks[quarter]:.0f} MiB after a quarter, {peaks[-1]:.0f} MiB at the end (server and driver in one process)"
    )


def streams() -> dict[str, tuple[StreamSpec, StreamSpec]]:
    found = {}
    for name, table in profile("dynamics-nav")["streams"].items():
        mapping = compile_mapping(table["map"], entity=table["entity"], where=name)
        plain = StreamSpec(name, table["entity"], table["read"])
        found[name] = (
            plain,
            StreamSpec(name, table["entity"], table["read"], tuple(sorted(mapping.source_columns))),
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--page-rows", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    server, chosen = nav(0), streams()
    items = filled(item_page(), options.page_rows)
    orders = server.pages["PurchaseOrder"]
    for number in range(max(options.page_rows, options.records // 4)):
        row = order(number, 5, No=f"{number:07d}")
        orders.rows[(row["No"],)] = row
    if not (CAPTURED / "ItemCard.wsdl").is_file():
        plain = StreamSpec("items", "inventory_item", {"page": "ItemCard"})
        chosen["inventory_items"] = plain, plain
    compared(server, items, *chosen["inventory_items"], options)
    compared(server, orders, *chosen["purchase_orders"], options)
    assert ORDERS.name in server.pages
    asyncio.run(over_http(server, options))


if __name__ == "__main__":
    main()
