"""Real processes, real TLS, a real ODBC driver, and everything that can end in the middle ends in the middle.

The oracle knows the source's content and what the relay shows, and nothing of what happened in between.
GROUNDWIRE_KILLS sets how often each test kills.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.faults.fault_proxy import FaultProxy
from tests.faults.order_book import OrderBook
from tests.faults.site import Site

KILLS = os.environ.get("GROUNDWIRE_KILLS")
pytestmark = [pytest.mark.integration, pytest.mark.timeout(0 if KILLS else 180)]

NEEDS_PERSON = 4
STOP_SECONDS = 25.0
_NUMBERS = count(1)


def kills(usual: int) -> range:
    return range(int(KILLS) if KILLS else usual)


@pytest.fixture(scope="module", autouse=True)
def odbc() -> None:
    import pyodbc

    if "SQLite3" not in pyodbc.drivers():
        pytest.skip("the ODBC driver SQLite3 (package libsqliteodbc) is not installed")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("site")) as site:
        site.start_agent()
        yield site


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    """The shared one; every test brings a connection of its own, which leaves with it."""
    yield running
    running.disconnect()
    running.call("reload")


def add_book(site: Site, *, orders: int = 600, every: str | None = "1s") -> tuple[str, OrderBook]:
    name = f"erp{next(_NUMBERS)}"
    book = OrderBook(site.folder / f"{name}.db", orders=orders)
    site.connect(name, book.connection(every=every))
    return name, book


def test_an_agent_that_is_killed_again_and_again_loses_and_repeats_nothing(site: Site) -> None:
    dice = random.Random(11)
    site.end_agent()
    name, book = add_book(site)
    with book.churning():
        for _ in kills(15):
            site.launch_agent()
            site.wait_until_up()
            time.sleep(dice.random() * 0.6)
            site.kill_agent()
    site.launch_agent()

    site.settle(name, book)


def test_a_relay_that_is_killed_again_and_again_loses_and_repeats_nothing(site: Site) -> None:
    dice = random.Random(12)
    name, book = add_book(site)
    with book.churning():
        for _ in kills(4):
            site.wait_until_connected()
            time.sleep(dice.random() * 0.8)
            site.kill_relay()
            site.start_relay()

    site.settle(name, book)


def test_both_sides_killed_in_turn_lose_and_repeat_nothing(site: Site) -> None:
    dice = random.Random(13)
    name, book = add_book(site)
    with book.churning():
        for _ in kills(3):
            site.wait_until_connected()
            time.sleep(dice.random() * 0.5)
            site.kill_agent()
            site.kill_relay()
            site.launch_agent()
            time.sleep(dice.random())
            site.start_relay()

    site.settle(name, book)


def test_an_initial_sync_without_a_relay_arrives_whole_and_in_order_once_there_is_one(site: Site) -> None:
    site.kill_relay()
    name, book = add_book(site, every=None)
    site.call("reload")
    runs = site.call("sync", {"streams": [name]})["runs"]
    assert [run["error"] for run in runs] == [None, None]
    pending = site.call("outbox")["streams"][f"{name}/orders"]
    assert pending["acked_seq"] == 0
    assert pending["pending_batches"] > 600 / 40

    site.start_relay()

    site.settle(name, book)


def test_a_line_that_breaks_in_the_middle_of_frames_delays_and_nothing_else(site: Site) -> None:
    with FaultProxy(site.gateway) as proxy:
        site.end_agent()
        site.point_at(proxy.port)
        name, book = add_book(site)
        proxy.cut_after_bytes = (3_000, 60_000)
        proxy.delay_seconds = 0.004
        site.launch_agent()
        with book.churning():
            site.wait_until("too few cuts", lambda: proxy.cuts >= 6)
        proxy.heal()
        site.settle(name, book)

        before = proxy.connections
        proxy.silent = True  # both ends think they are connected
        site.wait_until("silence was not noticed", lambda: proxy.connections > before)
        proxy.heal()
        proxy.cut_all()
        book.change()
        site.settle(name, book)
        site.end_agent()
    site.point_at(site.gateway)
    site.start_agent()


def test_a_polite_stop_in_an_initial_sync_is_quick_clean_and_resumed(site: Site) -> None:
    name, book = add_book(site, orders=3_000)
    site.call("reload")
    site.wait_until("the sync did not begin", lambda: site.enqueued(name) > 0)

    began = time.monotonic()
    code = site.end_agent()
    assert code == 0, site.log_tail()
    assert time.monotonic() - began < STOP_SECONDS, site.log_tail()

    site.start_agent()
    site.settle(name, book)


def test_a_full_sync_of_one_stream_leaves_the_others_alone(site: Site) -> None:
    name, book = add_book(site)
    other, other_book = add_book(site)
    site.call("reload")
    site.settle(name, book)
    site.settle(other, other_book)

    with other_book.churning():
        runs = site.call("resync", {"streams": [f"{name}/orders"]})["runs"]

    assert [run["counts"]["enqueued"] for run in runs] == [600]
    site.settle(name, book, repeats=True)
    site.settle(other, other_book)


def test_of_two_copies_of_one_agent_exactly_one_goes_on(site: Site, tmp_path: Path) -> None:
    name, book = add_book(site, orders=200)
    site.call("reload")
    site.settle(name, book)
    copy = copied(site, tmp_path / "copy")

    first, second = site.take_agent(), site.spawn_agent(copy)
    both = (first, second)
    site.wait_until("both go on", lambda: any(process.poll() is not None for process in both))
    time.sleep(1.0)  # for the other one to end as well, if it is going to

    left = [process for process in both if process.poll() is None]
    assert len(left) == 1, site.log_tail()
    assert [process.returncode for process in both if process not in left] == [NEEDS_PERSON], site.log_tail()
    assert "another copy of this agent has connected since" in site.log_tail()
    book.change()
    site.adopt(left[0], site.config if left[0] is first else copy)
    site.settle(name, book, repeats=True)


def test_a_state_folder_from_a_backup_that_ran_on_alone_ends_with_everything_at_the_relay(
    site: Site, tmp_path: Path
) -> None:
    """The worst backup: taken within the session that is in force, and put back while the relay is away."""
    name, book = add_book(site, orders=200, every=None)
    site.call("reload")
    site.settle(name, book)
    backup = copied(site, tmp_path / "backup")
    for _ in range(5):
        book.change()
    site.settle(name, book)
    site.kill_agent()
    site.kill_relay()

    site.restore(backup)
    site.launch_agent()
    site.wait_until_up()
    for _ in range(4):  # numbers that the relay knows, for records that it does not
        book.change()
        site.call("sync", {"streams": [name]})
    site.start_relay()

    site.settle(name, book, repeats=True)


def test_an_agent_from_an_older_backup_is_refused_and_enrolled_anew_completes_the_relay(
    site: Site, tmp_path: Path
) -> None:
    name, book = add_book(site, orders=200)
    site.call("reload")
    site.settle(name, book)
    backup = copied(site, tmp_path / "backup")
    site.end_agent()
    book.change()
    site.start_agent()
    site.settle(name, book)
    site.kill_agent()

    site.restore(backup)
    site.launch_agent()
    assert site.await_exit() == NEEDS_PERSON, site.log_tail()
    assert "enrol it anew" in site.log_tail()

    book.change()
    site.enrol_again()
    site.start_agent()
    site.settle(name, book, repeats=True)


def copied(site: Site, folder: Path) -> Path:
    """The agent's folder as a backup takes it: while it runs."""
    return Path(shutil.copytree(site.config, folder, ignore=shutil.ignore_patterns("*.sock")))
