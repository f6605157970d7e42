"""The drill: a relay at work is backed up, goes on, is lost, and comes back from the backup. Real processes, real TLS."""

from __future__ import annotations

import json
import os
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.oracle import PATHS
from tests.faults.order_book import OrderBook
from tests.faults.site import Site
from tests.feed_reader import FeedReader

LONG = os.environ.get("GROUNDWIRE_KILLS")  # the long fault suite
pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture(scope="module", autouse=True)
def odbc() -> None:
    import pyodbc

    if "SQLite3" not in pyodbc.drivers():
        pytest.skip("the ODBC driver SQLite3 (package libsqliteodbc) is not installed")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        yield made


def follow(site: Site, readers: dict[str, FeedReader]) -> None:
    """Each reader one entity of the connection, to the end of its feed."""
    for entity, reader in readers.items():
        reader.more = True
        while reader.more:
            query = f"cursor={reader.cursor}&" if reader.cursor else ""
            reader.read(site._request(f"/api/v1/feed/erp/{entity}?{query}limit=200")[0])


def copies_are_exact(site: Site, readers: dict[str, FeedReader]) -> None:
    follow(site, readers)
    for entity, path in PATHS.items():
        listed = {record["key"]: record for record in site.records(path, connection="erp")}
        assert {key: document for (_, _, key), document in readers[entity].copy.items()} == listed


@pytest.mark.parametrize(
    "forgotten", [True, *([False] if LONG else [])], ids=lambda f: "forgotten" if f else "kept"
)
def test_a_relay_from_an_older_backup_ends_with_an_exact_copy_and_so_do_its_readers(
    site: Site, tmp_path: Path, *, forgotten: bool
) -> None:
    """Whether the agent still keeps what it had delivered behind the backup, or has to read its streams again."""
    site.start_agent()
    book = OrderBook(site.folder / "erp.db", orders=80)
    site.connect("erp", book.connection(every=None))
    site.call("reload")
    site.settle("erp", book)
    readers = {entity: FeedReader() for entity in PATHS}
    copies_are_exact(site, readers)
    in_time = {entity: FeedReader(dict(reader.copy), reader.cursor) for entity, reader in readers.items()}

    with book.churning():
        made = json.loads(
            site._groundwire("relay", "backup", str(site.relay), str(tmp_path / "backup"), "--json")
        )
    site.settle("erp", book)
    site.stop_relay()  # a session of its own behind the backup, whose epoch the backup does not know
    site.start_relay()
    site.wait_until_connected()
    for _ in range(10):
        book.change()
    site.settle("erp", book)
    copies_are_exact(site, readers)
    site.kill_relay()
    if forgotten:
        forget_the_delivered(site)

    site._groundwire("relay", "restore", str(tmp_path / "backup"), str(site.relay), "--replace")
    site.start_relay()
    site.wait_until_connected()
    for _ in range(5):
        book.change()

    site.settle("erp", book, repeats=True)
    assert made["position"] > 0
    assert "agent_ahead_of_store" in site.log_tail() or "relay_behind_outbox" in site.log_tail()
    with pytest.raises(urllib.error.HTTPError) as refused:
        follow(site, readers)
    assert refused.value.code == 410
    for reader in readers.values():
        reader.begin_anew()
    copies_are_exact(site, readers)
    copies_are_exact(site, in_time)


def forget_the_delivered(site: Site) -> None:
    """As after a long time: of what was delivered nothing is left at the agent."""
    import apsw

    site.end_agent()
    outbox = apsw.Connection(str(site.state / "outbox.db"))
    outbox.execute(
        "DELETE FROM payload WHERE seq IN (SELECT seq FROM batch WHERE settled_at IS NOT NULL)"
    ).fetchall()
    outbox.execute("DELETE FROM batch WHERE settled_at IS NOT NULL").fetchall()
    outbox.close()
    site.launch_agent()
    site.wait_until_up()
