"""A mapping that changes while records flow: by the command line and by the platform, with nothing lost or doubled."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.deployment import READY_SECONDS, Deployment

pyodbc = pytest.importorskip("pyodbc", reason="needs unixODBC", exc_type=ImportError)
pytestmark = pytest.mark.skipif("SQLite3" not in pyodbc.drivers(), reason="needs the SQLite ODBC driver")

COUNT = 300
ORDERS = 'create table orders ("no" text, total text, region text, remark text, changed integer)'


class Books:
    """The source: orders that somebody goes on changing."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.stamp = COUNT
        self._stop = threading.Event()
        self.run(ORDERS)
        rows = [(str(n), f"{n}.50", f"R{n % 5}", f"remark {n}", n) for n in range(1, COUNT + 1)]
        with closing(sqlite3.connect(file)) as source, source:
            source.executemany("insert into orders values (?, ?, ?, ?, ?)", rows)

    def run(self, sql: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(self.file, timeout=30)) as source, source:
            return source.execute(sql, values).fetchall()

    def change(self, number: int) -> None:
        self.stamp += 1
        total = f"{self.stamp}.25"
        self.run('update orders set total = ?, changed = ? where "no" = ?', total, self.stamp, str(number))

    def totals(self) -> dict[str, str]:
        return {number: total.rstrip("0") for number, total in self.run('select "no", total from orders')}

    def go_on_changing(self) -> threading.Thread:
        def work() -> None:
            number = 0
            while not self._stop.wait(0.01):
                number = number % COUNT + 1
                self.change(number)

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    def stop(self) -> None:
        self._stop.set()


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(tmp_path / "books.db")


@pytest.fixture
def site(tmp_path: Path, books: Books) -> Iterator[Deployment]:
    with Deployment(tmp_path) as site:
        site.connect(
            "erp",
            {
                "driver": "odbc",
                "options": {"connection": {"Driver": "SQLite3", "Database": str(books.file)}},
                "sync": {"every": "1s", "initial_window": "everything", "page_rows": 20},
                "streams": {
                    "orders": {
                        "entity": "purchase_order",
                        "read": {
                            "query": "select * from orders",
                            "key": ["no"],
                            "replication_key": "changed",
                        },
                        "map": {"orderNo": "no", "totalNetValue": {"from": "total", "as": "decimal"}},
                    }
                },
            },
        )
        site.start_agent()
        site.wait_for("purchase-orders", COUNT)
        yield site


def at_relay(site: Deployment) -> dict[str, dict[str, Any]]:
    found = list(site.records("purchase-orders"))
    records = {record["key"]: record for record in found}
    assert len(records) == len(found), "a record is there twice"
    return records


def stream_status(site: Deployment) -> dict[str, Any]:
    (connection,) = site.call("status")["connections"]
    (stream,) = connection["streams"]
    return dict(stream)


def until(condition: Any, what: str, site: Deployment) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what}\n{site.log_tail()}"
        time.sleep(0.1)


def command(site: Deployment, verb: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    (connection,) = (one for one in site.get("/connections")["items"] if one["name"] == "erp")
    send = site.patch if verb == "PATCH" else site.post
    sent = send(f"/connections/{connection['id']}/streams/orders/mapping{path}", body)
    return site.wait_for_command(sent["id"])


def mapping(site: Deployment, *words: str) -> Any:
    return json.loads(site.command_line("mapping", *words, "--json"))


def test_a_mapping_changes_while_syncs_run_and_no_record_is_lost_or_doubled(
    site: Deployment, books: Books
) -> None:
    changing = books.go_on_changing()
    try:
        by_hand = mapping(site, "set", "erp/orders", "customFields.region", "region", "--note", "asked for")
        assert (by_hand["version"], by_hand["changed"], by_hand["remap"]) == (
            1,
            ["customFields.region"],
            "offered",
        )
        by_platform = command(
            site,
            "PATCH",
            "",
            {"changes": [{"path": ["custom", "remark"], "spec": "remark"}], "basedOn": 1},
        )
        assert by_platform["state"] == "succeeded", by_platform
        assert by_platform["result"]["version"] == 2
        # What is read next has the new fields; nobody had to tell the relay of them.
        until(
            lambda: any(
                set(record["customFields"]) == {"region", "remark"} for record in at_relay(site).values()
            ),
            "no record has the new fields",
            site,
        )
        assert stream_status(site)["remap"] == "offered"
        assert "groundwire resync erp/orders" in site.command_line("status")
        site.call("resync", {"streams": ["erp/orders"]})
    finally:
        books.stop()
        changing.join()
    site.sync("erp")

    expected = books.totals()
    until(
        lambda: {key: record["totalNetValue"] for key, record in at_relay(site).items()} == expected,
        "the relay is no exact copy",
        site,
    )
    assert {key: record["customFields"] for key, record in at_relay(site).items()} == {
        str(n): {"region": f"R{n % 5}", "remark": f"remark {n}"} for n in range(1, COUNT + 1)
    }
    assert stream_status(site)["remap"] is None

    versions = mapping(site, "history", "erp/orders")["versions"]
    assert [(one["version"], one["origin"], one["note"]) for one in versions] == [
        (2, "relay", ""),
        (1, "local", "asked for"),
    ]
    back = mapping(site, "revert", "erp/orders", "--to", "0", "--resync")
    assert back["runs"][0]["status"] == "succeeded"
    until(
        lambda: all(record["customFields"] == {} for record in at_relay(site).values()),
        "the reverted mapping is not in force",
        site,
    )
    assert mapping(site, "history", "erp/orders")["version"] == 3
    lines = [file.read_text() for file in (site.state / "audit").glob("*.jsonl")]
    assert sum(text.count("mapping_changed") for text in lines) == 3


def test_the_platform_is_told_what_a_change_would_do_and_why_it_is_refused(site: Deployment) -> None:
    read = command(site, "POST", "/read", {})
    assert read["state"] == "succeeded", read
    fields = {line["field"]: line for line in read["result"]["fields"]}
    assert fields["totalNetValue"]["columns"] == ["total"]

    tried = command(site, "POST", "/preview", {"changes": [{"path": ["title"], "spec": "region"}], "rows": 2})
    assert tried["result"]["after"]["rejected"] == 0
    assert tried["result"]["rows"][0]["differences"] == [{"field": "title", "before": None, "after": "R1"}]
    assert mapping(site, "history", "erp/orders")["version"] == 0, "a preview changes nothing"

    def refused(spec: Any, path: str = "title", based_on: int = 0) -> tuple[str, str]:
        answer = command(
            site, "PATCH", "", {"changes": [{"path": [path], "spec": spec}], "basedOn": based_on}
        )
        return answer["state"], answer["result"]["code"]

    assert refused({"frm": "region"}) == ("refused", "bad_mapping")
    assert refused("region", based_on=7) == ("refused", "stale")
    assert refused("regon") == ("failed", "source_changed")
    assert refused({"from": "region", "as": "decimal"}, path="totalNetValue") == ("failed", "more_rejects")
    assert mapping(site, "history", "erp/orders")["version"] == 0


def test_a_new_column_of_the_source_is_offered_until_it_is_mapped(site: Deployment, books: Books) -> None:
    until((site.state / "columns" / "erp.json").exists, "nobody asked for the columns", site)
    books.run("alter table orders add column project text default 'apollo'")
    site.stop_agent()
    site.start_agent()

    until(lambda: stream_status(site)["newColumns"] == ["project"], "the column is not noticed", site)
    assert "new in the source: project" in site.command_line("status")
    assert "project" in site.command_line("mapping", "show", "erp/orders", "--samples", "1")
    site.command_line("mapping", "set", "erp/orders", "customFields.project", "project", "--resync")

    until(
        lambda: all(record["customFields"] == {"project": "apollo"} for record in at_relay(site).values()),
        "the new column does not arrive",
        site,
    )
    assert stream_status(site)["newColumns"] == []


def test_a_change_made_while_no_agent_runs_is_in_force_when_it_starts(site: Deployment, books: Books) -> None:
    site.stop_agent()
    made = mapping(site, "set", "erp/orders", "customFields.region", '{ from = "region", lower = true }')
    assert (made["version"], made["remap"]) == (1, "offered")
    books.change(7)

    site.start_agent()

    until(lambda: at_relay(site)["7"]["customFields"] == {"region": "r2"}, "it is not in force", site)
    assert stream_status(site)["remap"] == "offered"
    exported = site.command_line("mapping", "export", "erp/orders")
    file = site.config / "connections" / "erp.toml"
    text = file.read_text()
    file.write_text(text[: text.index("[streams.orders.map]")] + exported)
    adopted = mapping(site, "adopt", "erp/orders")
    assert (adopted["adopted"], adopted["left"]) == (["customFields.region"], 0)
    assert mapping(site, "show", "erp/orders")["fields"][-1]["origin"] == "file"
