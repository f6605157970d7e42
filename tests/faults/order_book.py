"""A small ERP in a SQLite file, and a writer that keeps changing it while it is read."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

SCHEMA: Final = """
create table orders (order_no varchar(20) not null primary key, amount varchar(20), note varchar(60), rev bigint);
create table order_lines (order_no varchar(20), line_no integer, qty varchar(20), primary key (order_no, line_no));
create table vendors (code varchar(20) not null primary key, name varchar(60), rev bigint);
create table clock (rev bigint not null);
insert into clock values (0);
"""
CHURN_PAUSE_SECONDS: Final = 0.01
BUSY_SECONDS: Final = 30.0  # the reader holds the file for a page at a time


class OrderBook:
    """Every change raises one counter, which the changed rows keep: it is the order of all versions."""

    def __init__(self, path: Path, *, orders: int, vendors: int = 40, seed: int = 1) -> None:
        self.path = path
        self._dice = random.Random(seed)
        self._numbers = 0
        with self._connected() as db:
            db.executescript("pragma journal_mode = wal;" + SCHEMA)
            db.execute("begin")
            for _ in range(orders):
                self._add_order(db)
            for number in range(vendors):
                db.execute("insert into vendors values (?, ?, ?)", (f"V{number}", "vendor", self._tick(db)))
            db.execute("commit")

    @classmethod
    def found(cls, path: Path) -> OrderBook:
        """A book that was written before."""
        book = cls.__new__(cls)
        book.path, book._dice = path, random.Random(2)
        with book._connected() as db:
            book._numbers = db.execute("select count(*) + 1000 from orders").fetchone()[0]
        return book

    def connection(self, *, every: str | None = "1s", page_rows: int = 40) -> Mapping[str, Any]:
        """The connection file for it: one stream with a counter and lines, one that is compared whole."""
        when = {"manual": True} if every is None else {"every": every}
        return {
            "driver": "odbc",
            "options": {"connection": {"Driver": "SQLite3", "Database": str(self.path)}},
            "sync": {**when, "page_rows": page_rows, "initial_window": "everything", "max_delete_share": 1.0},
            "streams": {
                "orders": {
                    "entity": "purchase_order",
                    "read": {
                        "query": "select order_no, amount, note, rev from orders",
                        "key": ["order_no"],
                        "replication_key": "rev",
                        "lines": {
                            "lines": {
                                "query": "select order_no, line_no, qty from order_lines",
                                "parent": ["order_no"],
                                "order_by": ["line_no"],
                            }
                        },
                    },
                    "map": {
                        "orderNo": "order_no",
                        "notes": "note",
                        "totalNetValue": {"from": "amount", "as": "decimal"},
                        "custom": {"rev": "rev"},
                        "lineItems": {
                            "lines": "lines",
                            "map": {"lineNo": "line_no", "quantity": {"from": "qty", "as": "decimal"}},
                        },
                    },
                },
                "vendors": {
                    "entity": "vendor",
                    "read": {"query": "select code, name, rev from vendors", "key": ["code"]},
                    "map": {"code": "code", "name": "name", "custom": {"rev": "rev"}},
                },
            },
        }

    def change(self) -> None:
        """One transaction, as an ERP makes it."""
        with self._connected() as db:
            db.execute("begin immediate")
            for _ in range(self._dice.randrange(1, 4)):
                self._change_one(db)
            db.execute("commit")

    def touch(self) -> None:
        """Change one order that was there, and nothing else."""
        with self._connected() as db:
            rev = self._tick(db)
            db.execute("update orders set note = ?, rev = ? where order_no = (select min(order_no) from orders)",
                       (f"note {rev}", rev))  # fmt: skip

    @contextmanager
    def churning(self) -> Iterator[None]:
        """Change the book all the while, in a thread of its own."""
        stopping = threading.Event()
        failures: list[BaseException] = []

        def work() -> None:
            try:
                while not stopping.wait(CHURN_PAUSE_SECONDS):
                    self.change()
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=work, name="churn")
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()
        assert not failures, failures

    def contents(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Entity to key to what a document of it has to say; read without the product."""
        with self._connected() as db:
            lines: dict[str, list[tuple[str, str]]] = {}
            for order, line, quantity in db.execute("select * from order_lines order by order_no, line_no"):
                lines.setdefault(order, []).append((str(line), quantity))
            orders = {
                number: {"amount": amount, "note": note, "rev": rev, "lines": lines.get(number, [])}
                for number, amount, note, rev in db.execute("select * from orders")
            }
            vendors = {
                code: {"name": name, "rev": rev} for code, name, rev in db.execute("select * from vendors")
            }
        return {"purchase_order": orders, "vendor": vendors}

    def _change_one(self, db: sqlite3.Connection) -> None:
        luck = self._dice.random()
        order = db.execute("select order_no from orders order by random() limit 1").fetchone()
        if order is None or luck < 0.15:
            self._add_order(db)
        elif luck < 0.25:
            db.execute("delete from orders where order_no = ?", order)
            db.execute("delete from order_lines where order_no = ?", order)
        elif luck < 0.35:
            name = f"vendor {self._dice.random()}"
            code = f"V{self._dice.randrange(40)}"
            db.execute("insert or replace into vendors values (?, ?, ?)", (code, name, self._tick(db)))
        elif luck < 0.40:
            db.execute("delete from vendors where code = ?", (f"V{self._dice.randrange(40)}",))
        else:
            rev = self._tick(db)
            db.execute("update orders set note = ?, rev = ? where order_no = ?", (f"note {rev}", rev, *order))
            db.execute(
                "update order_lines set qty = ? where order_no = ? and line_no = 1", (f"{rev}", *order)
            )

    def _add_order(self, db: sqlite3.Connection) -> None:
        self._numbers += 1
        rev = self._tick(db)
        order = f"PO{self._numbers:06d}"
        db.execute("insert into orders values (?, ?, ?, ?)", (order, f"{rev}.25", f"note {rev}", rev))
        for line in range(self._dice.randrange(3)):
            db.execute("insert into order_lines values (?, ?, ?)", (order, line + 1, f"{line + 1}.5"))

    @staticmethod
    def _tick(db: sqlite3.Connection) -> int:
        return int(db.execute("update clock set rev = rev + 1 returning rev").fetchone()[0])

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        db.execute("pragma synchronous = off")
        try:
            yield db
        finally:
            db.close()
