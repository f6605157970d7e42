"""Order lines from memory to durable in PostgreSQL: by way of a relay, beside dlt into the same server.

    .venv/bin/python -m bench.relay_ingest --lines 1000000 --runs 3

Ours: an agent's session encodes the orders with their lines as an agent does, sends them over a websocket to a relay,
both in this process, and has the last ack, which follows the last commit. dlt: the same lines, flat, as an Arrow table.
The server syncs its disk at each commit. The rounds of both are in turn; each has a database of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from agent.model.entities import ENTITIES
from agent.model.payload import encode_records
from agent.model.schema import arrow_schema
from agent.protocol.frames import Batch
from bench.figures import save, table
from bench.workload import LINES_PER_ORDER, ROOT
from relay.app import RelayApp
from relay.identities import ALL_SCOPES, NewSecret, create_tenant, create_token
from relay.settings import RelaySettings
from relay.settings import Store as StoreSettings
from tests.integration.relay_peer import client_of, enrolled_peer, made, patient
from tests.servers import PostgresServer

ORDERS_PER_BATCH: Final = 1_000
STREAM: Final = "nav/purchase_orders"
SIZES: Final = """
VACUUM ANALYZE;
SELECT c.oid::regclass, pg_total_relation_size(c.oid), c.reltuples::bigint FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text LIKE 'groundwire%' AND c.reltuples > 0
AND pg_total_relation_size(c.oid) > 100000 ORDER BY 2 DESC;
"""


class SyncingServer(PostgresServer):
    """The tests' server trusts the machine; this one syncs."""

    def _command(self, port: int) -> Sequence[str]:
        syncing = {"fsync=off": "fsync=on", "synchronous_commit=off": "synchronous_commit=on"}
        syncing["full_page_writes=off"] = "full_page_writes=on"
        return [syncing.get(part, part) for part in super()._command(port)]


def orders_of(first: int, count: int) -> pa.Table:
    order = ENTITIES["purchase_order"]
    schema = arrow_schema(order)
    moment = datetime(2026, 1, 5, 12, tzinfo=UTC)
    rows = []
    for number in range(first, first + count):
        lines = [
            {
                "key": str(line * 10_000), "line_no": str(line * 10_000), "code": f"I{(number * 7 + line) % 50_000:06d}",
                "name": f"Part {(number * 7 + line) % 50_000} for line {line}", "quantity": Decimal(number % 97 + line),
                "uom_key": "PCS", "price": Decimal(number % 9_973) / 100, "currency_key": "EUR",
                "line_total_value": Decimal((number % 97 + line) * (number % 9_973)) / 100, "due_at": moment,
            }
            for line in range(1, LINES_PER_ORDER + 1)
        ]  # fmt: skip
        rows.append({
            "key": f"PO{number:08d}", "order_no": f"PO{number:08d}", "status": "approved",
            "vendor_key": f"V{number % 3_000:05d}", "currency_key": "EUR", "line_items": lines,
        })  # fmt: skip
    names = [field for field in schema if field.name in rows[0]]
    return pa.Table.from_pylist(rows, schema=pa.schema(names))


def flat(orders: pa.Table) -> pa.Table:
    """One row for each line, with its order's key."""
    lines = orders.column("line_items").combine_chunks()
    made = pa.Table.from_struct_array(lines.flatten())
    made = made.select([name for name in made.column_names if made.column(name).null_count < made.num_rows])
    return made.append_column("order_key", orders.column("key").take(pc.list_parent_indices(lines)))


def ours(pages: list[pa.Table], url: str, password: Path, *, indexed: bool) -> float:
    with tempfile.TemporaryDirectory() as folder:
        settings, _ = made(Path(folder))
        store = StoreSettings(url=url, password_file=password)
        return asyncio.run(
            sent(pages, patient(settings).model_copy(update={"store": store}), indexed=indexed)
        )


async def sent(pages: list[pa.Table], settings: RelaySettings, *, indexed: bool) -> float:
    async with RelayApp(settings) as relay:
        token = await first_token(relay)
        async with client_of(relay, token) as client:
            peer = await enrolled_peer(relay, client)
        async with peer.connected():
            started = time.perf_counter()
            await send(peer, pages)
            stored = time.perf_counter()
            while indexed and not await relay.caught_up():  # noqa: ASYNC110 - as a platform would look
                await asyncio.sleep(0.1)
            if indexed:
                print(f"indexed in {time.perf_counter() - stored:.1f} s")
            return stored - started


async def first_token(relay: RelayApp) -> NewSecret:
    now = datetime.now(UTC)
    await create_tenant(relay.store, "default", now)
    return await create_token(relay.store, "default", "bench", now, scopes=ALL_SCOPES)


async def send(peer: Any, pages: list[pa.Table]) -> None:
    meta = {"entity": "purchase_order", "connection": "nav", "system": "nav"}
    for number, page in enumerate(pages, start=1):
        payload = await asyncio.to_thread(encode_records, page, meta)
        digest = hashlib.sha256(payload).hexdigest()
        while peer.live.credit < 1:  # noqa: ASYNC110 - an agent of the tests has no event for it
            await asyncio.sleep(0.001)
        batch = Batch(
            STREAM, "purchase_order", number, number - 1, "run-1", "records", page.num_rows, digest,
            "2026-01-05T12:00:00Z", payload,
        )  # fmt: skip
        peer.live.send_batch(batch)
        await peer.flush()
    await peer.acked(STREAM, len(pages))


def dlts(lines: Path, url: str, server: PostgresServer) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                str(ROOT / ".bench/venv/bin/python"), str(ROOT / "bench/peer_dlt_postgres.py"), "--url", url, "--lines",
                str(lines), "--folder", folder,
            ],
            env={**os.environ, "PGPASSWORD": server.password},
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(done.stderr[-3000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--sizes", action="store_true", help="what it takes on the disk instead, without dlt")
    arguments = parser.parse_args()
    size = ORDERS_PER_BATCH
    pages = [orders_of(at, size) for at in range(0, arguments.lines // LINES_PER_ORDER, size)]
    rounds = []
    load = os.getloadavg()[0]
    with SyncingServer() as server, tempfile.TemporaryDirectory() as folder:
        lines, password = Path(folder) / "lines.parquet", Path(folder) / "database.secret"
        pq.write_table(flat(pa.concat_tables(pages)), lines)
        password.write_text(server.password)
        where = f"postgresql://{server.user}@{server.host}:{server.port}"
        for number in range(arguments.runs):
            server.create_database(f"ours_{number}")
            server.create_database(f"dlt_{number}")
            seconds = ours(pages, f"{where}/ours_{number}", password, indexed=arguments.sizes)
            if arguments.sizes:
                print(server.execute(SIZES, f"ours_{number}"))
                continue
            theirs = dlts(lines, f"{where}/dlt_{number}", server)
            stored = int(server.execute("SELECT sum(count) FROM groundwire.batches", f"ours_{number}"))
            if stored * LINES_PER_ORDER != arguments.lines or theirs["rows"] != arguments.lines:
                raise SystemExit(f"not all lines came: {stored} orders, {theirs['rows']} lines")
            rounds.append({"ours": seconds, "dlt": theirs["seconds"]})
            print(rounds[-1], file=sys.stderr)
    if not rounds:
        return
    medians = {name: median(each[name] for each in rounds) for name in ("ours", "dlt")}
    head = ["contender", "seconds", "order lines/s"]
    print(table(head, [[n, f"{s:.2f}", f"{arguments.lines / s:,.0f}"] for n, s in medians.items()]))
    print(f"\ndlt takes {medians['dlt'] / medians['ours']:.2f} times as long")
    save("relay_ingest", {"lines": arguments.lines, "rounds": rounds, "medians": medians, "load": load})


if __name__ == "__main__":
    main()
