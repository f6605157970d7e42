"""The source that everything in this folder reads: a PostgreSQL server with a ledger in NAV's shape."""

from __future__ import annotations

import argparse
import os
import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.servers import PostgresServer

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent
RESULTS: Final = ROOT / ".bench" / "results"
DATABASE: Final = "nav"
CONNECTION: Final = "nav"
STREAM: Final = "purchase_orders"
FULL_ORDERS: Final = 200_000
LINES_PER_ORDER: Final = 5  # on average: ten orders have fifty lines

# What bench/connection.toml maps. With `--columns mapped` every contender reads these and no others.
MAPPED: Final = {
    "purchase_header": [
        "no_",
        "your_reference",
        "status",
        "order_date",
        "due_date",
        "expected_receipt_date",
        "buy_from_vendor_no_",
        "buy_from_vendor_name",
        "location_code",
        "purchaser_code",
        "currency_code",
        "currency_factor",
        "payment_terms_code",
        "shipment_method_code",
        "ship_to_name",
        "ship_to_city",
        "ship_to_post_code",
        "amount",
        "vat_amount",
        "amount_including_vat",
        "modified_at",
    ],
    "purchase_line": [
        "document_no_",
        "line_no_",
        "type",
        "no_",
        "description",
        "unit_of_measure_code",
        "location_code",
        "bin_code",
        "quantity",
        "quantity_received",
        "direct_unit_cost",
        "line_discount_pct",
        "amount",
        "expected_receipt_date",
        "planned_receipt_date",
        "completely_received",
        "job_no_",
    ],
}


def rounds(description: str | None, contenders: Iterable[str]) -> tuple[argparse.Namespace, list[str]]:
    """What the command line asks for (`orders`, `runs`, `columns`), and the contenders it names, in their order."""
    names = list(contenders)
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=FULL_ORDERS)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--columns", choices=("all", "mapped"), default="all")
    parser.add_argument("--only", default="", help=f"some of {','.join(names)}")
    arguments = parser.parse_args()
    return arguments, [name for name in names if not arguments.only or name in arguments.only.split(",")]


class Workload:
    def __init__(self, orders: int) -> None:
        if orders % 10:
            raise SystemExit("the number of orders must be a multiple of ten")
        self.orders = orders
        self.lines = orders * LINES_PER_ORDER
        self.server = PostgresServer()

    @property
    def rows(self) -> int:
        return self.orders + self.lines

    @property
    def environment(self) -> dict[str, str]:
        return {"BENCH_PASSWORD": self.server.password, "PGPASSWORD": self.server.password}

    @property
    def url(self) -> str:
        return f"postgresql+psycopg2://{self.server.user}@{self.server.host}:{self.server.port}/{DATABASE}"

    def __enter__(self) -> Self:
        self.server.__enter__()
        try:
            self.server.create_database(DATABASE)
            self.psql(f"\\set orders {self.orders}\n" + (HERE / "source.sql").read_text())
        except BaseException:
            self.server.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.stop()

    def psql(self, sql: str) -> str:
        return self.server.psql(sql, DATABASE)

    def copy_out(self, query: str) -> subprocess.Popen[bytes]:
        """psql's COPY of a query: PostgreSQL's text format, one row a line, on the process's stdout."""
        where = ["-h", self.server.host, "-p", str(self.server.port), "-U", self.server.user, "-d", DATABASE]
        return subprocess.Popen(
            [self.server.client_path, "-X", "-q", *where, "-c", f"copy ({query}) to stdout"],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
        )

    def connection(self, columns: str) -> dict[str, Any]:
        document = tomllib.loads((HERE / "connection.toml").read_text())
        document["options"]["connection"] |= self.server.odbc_attributes(DATABASE)
        read = document["streams"][STREAM]["read"]
        read["query"] = f"select {selected('purchase_header', columns)} from purchase_header"
        read["lines"]["lines"]["query"] = f"select {selected('purchase_line', columns)} from purchase_line"
        return document


def selected(table: str, columns: str) -> str:
    return ", ".join(MAPPED[table]) if columns == "mapped" else "*"
