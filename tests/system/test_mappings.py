"""A mapping that changes while records flow: by the command line and by the platform, with nothing lost or doubled."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from agent.errors import ConfigurationError
from tests.deployment import READY_SECONDS, Deployment

pyodbc = pytest.importorskip("pyodbc", reason="needs unixODBC", exc_type=ImportError)
pytestmark = [
    pytest.mark.skipif("SQLite3" not in pyodbc.drivers(), reason="needs the SQLite ODBC driver"),
    pytest.mark.timeout(300),
]

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


def offered(site: Deployment) -> bool:
    """Whether some stream offers to map again; while a connection is put in force anew, none does."""
    found = site.call("status")["connections"]
    return any(stream["remap"] == "offered" for one in found for stream in one["streams"])


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


def told_of(site: Deployment) -> dict[str, Any]:
    """What the relay was told of the stream."""
    (connection,) = site.get("/connections")["items"]
    (stream,) = connection["toldStreams"]
    return dict(stream)


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
    read = command(site, "POST", "/read", {"samples": 2})
    assert read["state"] == "succeeded", read
    fields = {line["field"]: line for line in read["result"]["fields"]}
    total = fields["totalNetValue"]
    assert (total["columns"], total["samples"], total["origin"]) == (["total"], ["1.5", "10.5"], "file")

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
    books.run("alter table orders add column scratch text")
    site.stop_agent()
    site.start_agent()

    until(lambda: stream_status(site)["newColumns"] == ["project", "scratch"], "they are not noticed", site)
    assert "new in the source: project, scratch" in site.command_line("status")
    told = site.get("/connections")["items"][0]["toldStreams"][0]
    until(lambda: told_of(site)["newColumns"] == ["project", "scratch"], f"the relay is told {told}", site)
    shown = mapping(site, "show", "erp/orders", "--samples", "2")
    unused = {one["column"]: one for one in shown["unused"]}
    assert (unused["project"]["new"], unused["project"]["sources"]) == (True, [["apollo"], ["apollo"]])
    site.command_line("mapping", "set", "erp/orders", "customFields.project", "project", "--resync")

    until(
        lambda: all(record["customFields"] == {"project": "apollo"} for record in at_relay(site).values()),
        "the new column does not arrive",
        site,
    )
    assert stream_status(site)["newColumns"] == ["scratch"], (
        "what is mapped is no news, and the rest still is"
    )
    dismissed = mapping(site, "dismiss", "erp/orders")
    assert set(dismissed["new_columns"]) == {"project", "scratch"}
    assert stream_status(site)["newColumns"] == []
    site.stop_agent()
    site.start_agent()
    site.sync("erp")
    assert stream_status(site)["newColumns"] == [], "it is told once"


def test_what_the_policy_keeps_stays_here_whatever_the_platform_makes_of_the_mapping(
    site: Deployment, books: Books
) -> None:
    """It may change the mapping; `remark` feeds a field that the policy keeps, `region` chooses the records."""
    mapping(site, "set", "erp/orders", "notes", "remark")
    mapping(site, "set", "erp/orders", "organizationKey", "region", "--resync")
    allow(site, leave={"fields": "all", "except": ["notes"], "rows": {"organizationKey": ["R1", "R2"]}})
    until(lambda: offered(site), "nobody is offered to read again what leaves in another form", site)
    canary = "remark "

    def refused(verb: str, path: str, *changes: dict[str, Any], **more: Any) -> list[str]:
        answer = command(site, verb, path, {"changes": list(changes), **more})
        assert answer["state"] == "refused", answer
        assert answer["result"]["code"] == "field_not_allowed"
        assert canary not in json.dumps(answer)
        return [fault["field"] for fault in answer["fieldFaults"]]

    moved = {"path": ["custom", "x"], "spec": "remark"}
    assert refused("POST", "/preview", moved) == ["customFields.x"]
    assert refused("PATCH", "", moved, basedOn=2) == ["customFields.x"]
    assert refused("PATCH", "", {"path": ["notes"], "remove": True}, basedOn=2) == ["notes"]
    everybody = {"path": ["organizationKey"], "spec": {"const": "R1"}}
    assert refused("PATCH", "", everybody, basedOn=2) == ["organizationKey"]

    read = command(site, "POST", "/read", {"samples": 20})
    samples = {line["field"]: line.get("samples") for line in read["result"]["fields"]}
    assert set(samples["organizationKey"]) == {"R1", "R2"}
    assert set(samples["notes"]) == {None}
    tried = command(site, "POST", "/preview", {"changes": [{"path": ["title"], "spec": "no"}], "rows": 10})
    assert (tried["result"]["tried"], tried["result"]["withheld"]) == (5, 5)
    done = command(site, "PATCH", "", {"changes": [{"path": ["title"], "spec": "no"}], "basedOn": 2})
    assert (done["state"], done["result"]["version"]) == ("succeeded", 3)
    assert canary not in json.dumps([read, tried, done])

    # At the host the same change is somebody's own word.
    assert mapping(site, "set", "erp/orders", "customFields.x", "remark")["version"] == 4


def test_without_the_policys_word_the_platform_neither_looks_nor_changes(site: Deployment) -> None:
    allow(site, commands=["sync", "resync", "read_record"])
    change = {"changes": [{"path": ["title"], "spec": "region"}]}

    for verb, path, body in (
        ("POST", "/read", {}),
        ("POST", "/preview", change),
        ("PATCH", "", {**change, "basedOn": 0}),
        ("POST", "/revert", {"to": 0}),
    ):
        answer = command(site, verb, path, body)
        assert (answer["state"], answer["result"]["code"]) == ("refused", "not_allowed"), path
    assert mapping(site, "history", "erp/orders")["version"] == 0
    assert mapping(site, "set", "erp/orders", "title", "region")["version"] == 1, (
        "the host decides for itself"
    )


def allow(site: Deployment, **rules: Any) -> None:
    """Narrow the policy of the connection, and wait until that is in force."""
    file = site.config / "policy.toml"
    document = tomlkit.parse(file.read_text()).unwrap()
    rule = document["connections"]["erp"]
    rule |= {"leave": {"purchase_order": rules.pop("leave")}} if "leave" in rules else {}
    file.write_text(tomlkit.dumps({**document, "connections": {"erp": {**rule, **rules}}}))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    log = site.folder / "agent.log"
    until(lambda: f'"sha256": "{digest}"' in log.read_text(), "the policy is not in force", site)


def test_a_run_under_way_ends_at_its_last_page_and_the_relay_is_offered_one_form(
    site: Deployment, books: Books
) -> None:
    """The change does not wait for the run, and nobody is told that a run succeeded which did not."""
    rows = [(f"L{n}", "1.50", "R9", "late", COUNT + n) for n in range(2_000)]
    with closing(sqlite3.connect(books.file)) as source, source:
        source.executemany("insert into orders values (?, ?, ?, ?, ?)", rows)
    (connection,) = site.get("/connections")["items"]
    sent = site.post(f"/connections/{connection['id']}/syncs", {"full": True})
    until(lambda: site.get(f"/commands/{sent['id']}")["state"] == "running", "it does not begin", site)

    changed = mapping(site, "set", "erp/orders", "title", "region")
    ended = site.wait_for_command(sent["id"])

    assert changed["version"] == 1
    assert (ended["state"], ended["result"].get("code")) in (("failed", "interrupted"), ("succeeded", None))
    until(lambda: stream_status(site)["state"] == "idle", "the run does not go on", site)
    site.sync("erp", full=stream_status(site)["remap"] == "offered")
    titles = dict(books.run('select "no", region from orders'))
    until(
        # While records change places in the list, a page may show one again.
        lambda: (
            Counter((one["key"], one["title"]) for one in site.records("purchase-orders"))
            == Counter(titles.items())
        ),
        "the relay is no exact copy in the new form",
        site,
    )
    assert stream_status(site)["remap"] is None


def test_an_edit_of_the_file_that_a_change_covers_is_told_where_people_look(site: Deployment) -> None:
    mapping(site, "set", "erp/orders", "title", "region")
    file = site.config / "connections" / "erp.toml"
    text = file.read_text()
    file.write_text(text.replace('orderNo = "no"', 'orderNo = "no"\ntitle = "remark"'))

    log = site.folder / "agent.log"
    until(lambda: "mapping_edits_without_effect" in log.read_text(), "the log does not say it", site)
    assert mapping(site, "show", "erp/orders")["edited"] == ["title"]
    assert 'title: the file says "remark"' in site.command_line("mapping", "show", "erp/orders")
    mapping(site, "reset", "erp/orders", "title")
    (title,) = (line for line in mapping(site, "show", "erp/orders")["fields"] if line["field"] == "title")
    assert (title["origin"], title["columns"]) == ("file", ["remark"])


def test_a_connection_that_rests_is_told_as_such_and_not_as_missing(site: Deployment) -> None:
    file = site.config / "connections" / "erp.toml"
    document = tomlkit.parse(file.read_text())
    document["enabled"] = False
    file.write_text(tomlkit.dumps(document))
    site.call("reload")

    with pytest.raises(ConfigurationError, match="'erp' is not enabled") as caught:
        site.call("mapping_preview", {"connection": "erp", "stream": "orders"})

    assert caught.value.where.endswith("erp.toml")


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
