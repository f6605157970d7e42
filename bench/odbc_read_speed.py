"""How fast the ODBC driver alone reads nested pages.

    python -m bench.odbc_read_speed [--orders 40000] [--page-rows 3000]

Starts a PostgreSQL of its own from Debian's packages, fills it with orders of 5 lines of 25 columns, reads them all,
and prints source rows (orders and lines) per second and this process's CPU time per row.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pyarrow.compute as pc

from drivers.contract import ReadMode, ReadRequest, StreamSpec
from drivers.odbc.driver import OdbcDriver
from tests.servers import PostgresServer

LINES_PER_ORDER = 5
SCHEMA = f"""
create table orders as select 'PO' || lpad(i::text, 8, '0') as doc_no, 'V' || i % 1000 as vendor,
  date '2025-01-01' + i % 365 as order_date, i % 4 as status, 'EUR' as currency, (i * 1.23)::numeric(38,20) as amount,
  'note ' || i as note, timestamp '2025-01-01' + i * interval '1 second' as changed, i % 7 = 0 as blocked
  from generate_series(1, ORDERS) i;
alter table orders add primary key (doc_no);
create table lines as select 'PO' || lpad(i::text, 8, '0') as doc_no, j * 10000 as line_no, j % 3 as type,
  'ITEM' || (i * 7 + j) % 5000 as item, 'Description of the item ' || (i * 7 + j) % 5000 as descr, '' as descr2,
  'L' || i % 9 as loc, 'BIN' || j as bin, 'PCS' as uom, (i % 100 + j * 0.5)::numeric(38,20) as qty,
  (12.345678901 * j)::numeric(38,20) as price, 0::numeric(38,20) as disc, (123.45 * j)::numeric(38,20) as amount,
  (23.45 * j)::numeric(38,20) as vat, 0::numeric(38,20) as received, 0::numeric(38,20) as invoiced,
  date '2025-03-01' + i % 365 as expected, date '2025-03-02' + i % 365 as planned,
  date '2025-03-03' + i % 365 as requested, '' as job, '6100' as gl, 'DEP' || i % 20 as dim1, 'PRJ' || i % 100 as dim2,
  timestamp '2025-01-01' + i * interval '1 second' as changed, j = 3 as closed
  from generate_series(1, ORDERS) i, generate_series(1, {LINES_PER_ORDER}) j;
alter table lines add primary key (doc_no, line_no);
create index on orders (changed, doc_no);
vacuum analyze;
"""
STREAM = StreamSpec(
    "orders",
    "purchase_order",
    {
        "query": "select * from orders",
        "key": ["doc_no"],
        "replication_key": "changed",
        "lines": {
            "lines": {"query": "select * from lines", "parent": ["doc_no"], "order_by": ["line_no"]},
        },
    },
)


async def read(driver: OdbcDriver, mode: ReadMode, page_rows: int) -> int:
    count = 0
    async for page in driver.read(ReadRequest(STREAM, mode, page_rows=page_rows)):
        lines = pc.sum(pc.list_value_length(page.table.column("lines"))).as_py() or 0
        count += page.table.num_rows + lines
    return count


async def measure(server: PostgresServer, orders: int, page_rows: int) -> None:
    server.create_database("speed")
    server.execute(SCHEMA.replace("ORDERS", str(orders)), "speed")
    driver = OdbcDriver("speed", {"connection": server.odbc_attributes("speed")}, server.odbc_secrets())
    for mode in (ReadMode.SCAN, ReadMode.CHANGES):
        started, used = time.perf_counter(), time.process_time()
        rows = await read(driver, mode, page_rows)
        seconds, cpu = time.perf_counter() - started, time.process_time() - used
        assert rows == orders * (1 + LINES_PER_ORDER)
        print(
            f"{mode:8} {rows:>9} rows  {seconds:6.2f} s  {rows / seconds:>9,.0f} rows/s  {cpu / rows * 1e6:5.2f} us CPU/row"
        )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")
    await driver.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=40_000)
    parser.add_argument("--page-rows", type=int, default=3_000)
    arguments = parser.parse_args()
    with PostgresServer() as server:
        asyncio.run(measure(server, arguments.orders, arguments.page_rows))


if __name__ == "__main__":
    main()
