"""One small order book with awkward content, laid into each database that the ODBC tests read."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from drivers.contract import StreamSpec
from drivers.odbc.connection_string import build
from drivers.odbc.driver import OdbcDriver

AWKWARD_KEYS = (
    "O'Brien",
    'say "when"',
    "a~b",
    "100%",
    "semi;colon--",
    "😀 ü ß",
    "back\\slash",
    "{brace}",
    "what?",
)
ORDER_KEYS = [*AWKWARD_KEYS, *(f"PO{number:04d}" for number in range(51))]
AMOUNTS = ("123456789012345678.12345678901234567890", "-0.00000000000000000001", "0", "1.10")
TIE = "2026-03-01 12:00:00.123456"

TYPES = {
    "postgres": {"amount": "numeric(38,20)", "stamp": "timestamp", "long": "text"},
    "mariadb": {"amount": "decimal(38,20)", "stamp": "datetime(6)", "long": "longtext"},
    "sqlite": {"amount": "text", "stamp": "timestamp", "long": "text"},
}


@contextmanager
def listening(name: str) -> Iterator[list[str]]:
    """What a room of the driver says into the log, whatever other tests made of the root of all logs."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


@dataclass(frozen=True, slots=True)
class Source:
    kind: str
    attributes: Mapping[str, Any]
    secrets: Mapping[str, str]

    def driver(self, **options: Any) -> OdbcDriver:
        return OdbcDriver(f"test-{self.kind}", {"connection": dict(self.attributes), **options}, self.secrets)

    def connect(self) -> Any:
        import pyodbc

        return pyodbc.connect(build(self.attributes, self.secrets), autocommit=True)

    def run(self, *statements: str) -> None:
        connection = self.connect()
        for statement in statements:
            connection.execute(statement)
        connection.close()


def lay_out(source: Source) -> None:
    """Create and fill the tables; amounts and stamps go in as texts, so that nothing is rounded on the way."""
    types = TYPES[source.kind]
    connection = source.connect()
    connection.execute(
        f"create table orders (order_no varchar(40) not null primary key, vendor varchar(40),"
        f" amount {types['amount']}, note {types['long']}, changed {types['stamp']}, rev bigint)"
    )
    connection.execute(
        f"create table order_lines (order_no varchar(40), line_no integer, qty {types['amount']},"
        " descr varchar(60), primary key (order_no, line_no))"
    )
    connection.execute(
        f"create table ties (a integer not null, b varchar(10) not null, changed {types['stamp']}, primary key (a, b))"
    )
    for number, key in enumerate(ORDER_KEYS):
        stamp = f"2026-02-{1 + number % 20:02d} 08:00:00.{number:06d}"
        connection.execute(
            "insert into orders values (?, ?, "
            f"{_as(source, AMOUNTS[number % 4])}, ?, {_as_stamp(source, stamp)}, ?)",
            (key, f"V{number % 5}", f"note of {key}", number),
        )
        for line in range(number % 4):
            connection.execute(
                f"insert into order_lines values (?, ?, {_as(source, AMOUNTS[line])}, ?)",
                (key, (line + 1) * 10000, f"line {line} 😀"),
            )
    connection.autocommit = False
    for number in range(1_000):
        connection.execute(
            f"insert into ties values (?, ?, {_as_stamp(source, TIE)})", (number // 3, f"k{number % 3}")
        )
    connection.commit()
    connection.close()


def orders(**changes: Any) -> StreamSpec:
    options: dict[str, Any] = {
        "query": "select order_no, vendor, amount, note, changed, rev from orders",
        "key": ["order_no"],
        "replication_key": "changed",
        "lines": {
            "lines": {
                "query": "select order_no, line_no, qty, descr from order_lines",
                "parent": ["order_no"],
                "order_by": ["line_no"],
            }
        },
    }
    options.update(changes)
    return StreamSpec("orders", "purchase_order", options)


def ties() -> StreamSpec:
    return StreamSpec(
        "ties",
        "vendor",
        {"query": "select a, b, changed from ties", "key": ["a", "b"], "replication_key": "changed"},
    )


def _as(source: Source, amount: str) -> str:
    return f"cast('{amount}' as {TYPES[source.kind]['amount']})"


def _as_stamp(source: Source, stamp: str) -> str:
    return f"'{stamp}'" if source.kind == "sqlite" else f"cast('{stamp}' as {TYPES[source.kind]['stamp']})"
