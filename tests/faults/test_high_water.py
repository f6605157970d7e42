"""F10, K26, K32: the relay is away and the outbox is at its mark, with real processes, TLS and a real ODBC driver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tomlkit

from tests.faults.order_book import OrderBook
from tests.faults.site import Site

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

HIGH, LOW = 12_000, 6_000
ORDERS = 600  # some 26,000 bytes
BESIDE_BYTES = 6_000  # one page, and the reports of runs: what may lie above the mark
TRIES = 3  # of the link, for what must not happen to happen


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    import pyodbc

    if "SQLite3" not in pyodbc.drivers():
        pytest.skip("the ODBC driver SQLite3 (package libsqliteodbc) is not installed")
    with Site(tmp_path) as site:
        yield site


def test_at_the_high_mark_reading_pauses_also_under_half_of_it_after_a_restart_and_drops_nothing(
    site: Site,
) -> None:
    site.kill_relay()
    set_marks(site, high=HIGH, low=LOW)
    book = OrderBook(site.folder / "erp.db", orders=ORDERS)
    site.connect("erp", book.connection())
    site.launch_agent()
    site.wait_until_up()
    held = held_at_the_mark(site, book)
    assert HIGH <= held < HIGH + BESIDE_BYTES
    assert site.end_agent() == 0, site.log_tail()

    set_marks(site, high=HIGH // 2, low=LOW // 2)
    site.launch_agent()
    site.wait_until_up()
    still = held_at_the_mark(site, book)
    assert held <= still < held + BESIDE_BYTES

    site.start_relay()
    site.settle("erp", book)
    assert not site.call("outbox")["reading_paused"]


def held_at_the_mark(site: Site, book: OrderBook) -> int:
    """How many bytes wait once a run has been held back for a while, during which the source changed."""
    site.wait_until("reading is not paused", lambda: site.call("status")["outbox"]["reading_paused"])
    site.wait_until("no run is under way", lambda: is_running(site))
    tries = site.call("status")["relay"]["failures"] + TRIES
    book.change()
    site.wait_until("the link does not try", lambda: site.call("status")["relay"]["failures"] >= tries)

    assert is_running(site), site.log_tail()
    assert site.call("outbox")["reading_paused"]
    return int(site.call("outbox")["pending_bytes"])


def is_running(site: Site) -> bool:
    (connection,) = site.call("status")["connections"]
    return any(stream["state"] == "running" for stream in connection["streams"])


def set_marks(site: Site, *, high: int, low: int) -> None:
    file = site.config / "agent.toml"
    document = tomlkit.parse(file.read_text())
    document["outbox"] = {"high_water": high, "low_water": low}
    file.write_text(tomlkit.dumps(document))
