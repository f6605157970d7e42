"""A switch to another version under load with a real relay: it is kept when it works, and gone back from when it does not."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.control import ControlClient
from agent.settings import load
from agent.upgrade import copying
from agent.upgrade.plan import Phase, read_plan
from agent.upgrade.rule import Verdict
from agent.upgrade.switching import Switch, UpgradeFailed
from tests.faults.order_book import OrderBook
from tests.faults.site import Site

pyodbc = pytest.importorskip("pyodbc", reason="needs unixODBC", exc_type=ImportError)
pytestmark = [
    pytest.mark.skipif("SQLite3" not in pyodbc.drivers(), reason="needs the SQLite ODBC driver"),
    pytest.mark.timeout(600),
]

PATIENCE_SECONDS = 120.0


@pytest.fixture
def book(tmp_path: Path) -> OrderBook:
    return OrderBook(tmp_path / "erp.db", orders=150)


@pytest.fixture
def site(tmp_path: Path, book: OrderBook) -> Iterator[Site]:
    """An agent that has synced everything and is stopped, as it is when a package replaces the program."""
    with Site(tmp_path) as site:
        site.connect("erp", book.connection(every="1s"))
        site.start_agent()
        site.sync("erp")
        assert site.end_agent() == 0
        yield site


@dataclass
class Hands:
    """The service manager's part."""

    site: Site
    stopped: Callable[[], Any]

    def stop(self) -> None:
        self.stopped()

    def start(self) -> None:
        self.site.launch_agent()

    def is_wanted(self) -> bool:
        return True


def switch_of(site: Site, program: Path | None = None, stopped: Callable[[], Any] = lambda: None) -> Switch:
    async def ask() -> Any:
        return await ControlClient(site.state).ask("status")

    return Switch(load(site.config), SystemClock(), Hands(site, stopped), ask, program)


def run(work: Any) -> Any:
    return asyncio.run(work)


@pytest.mark.slow
def test_a_version_that_works_is_kept_and_nothing_of_the_old_one_stays(site: Site, book: OrderBook) -> None:
    switch = switch_of(site)
    run(switch.prepare())
    for _ in range(5):
        book.change()
    site.launch_agent()

    found = run(switch.watch(PATIENCE_SECONDS))

    assert found.verdict is Verdict.WELL
    assert not (site.state / copying.COPY).exists()
    plan = read_plan(site.state)
    assert plan is not None
    assert plan.phase is Phase.CONFIRMED
    site.settle("erp", book)


def test_a_version_that_does_not_come_up_is_gone_back_from(
    site: Site, book: OrderBook, tmp_path: Path
) -> None:
    program = tmp_path / "groundwire"
    program.mkdir()
    (program / "groundwire").write_text("old")
    switch = switch_of(site, program)
    run(switch.prepare())
    (program / "new").write_text("does not start")
    (program / "new").replace(program / "groundwire")
    book.change()

    with pytest.raises(UpgradeFailed, match="does not answer"):
        run(switch.watch(0.0))

    assert (program / "groundwire").read_text() == "old"
    site.settle("erp", book)  # the old one was started
    assert "upgrade_rolled_back" in site.command_line("audit", "show", "--json")


@pytest.mark.slow
def test_what_the_new_version_sent_before_it_was_gone_back_from_is_neither_lost_nor_doubled(
    site: Site, book: OrderBook
) -> None:
    """The form of the files is the same: they stay, and with them the knowledge of what was acked."""
    switch = switch_of(site, stopped=site.end_agent)
    run(switch.prepare())
    site.launch_agent()
    with book.churning():
        site.wait_until_connected()
        site.sync("erp")

    plan = run(switch.roll_back("asked for by hand"))

    assert plan.restored == ()
    site.settle("erp", book)


def test_files_that_the_old_version_cannot_read_are_put_back_and_nothing_is_lost(
    site: Site, book: OrderBook
) -> None:
    """The new version has brought the outbox forward and gone on: the old one goes on from the copy, under the new epoch."""
    switch = switch_of(site)
    run(switch.prepare())
    site.start_agent()
    for _ in range(5):
        book.change()
    site.sync("erp")
    command = site.post("/connections/erp/syncs", {})["id"]
    assert site.wait_for_command(command)["state"] == "succeeded"
    assert site.end_agent() == 0
    epoch = json.loads((site.state / "identity.json").read_text())["epoch"]
    with closing(sqlite3.connect(site.state / "outbox.db")) as outbox:
        outbox.execute("pragma user_version = 99")
    book.change()

    plan = run(switch.roll_back("asked for by hand"))

    assert plan.restored == ("outbox",)
    assert (site.state / copying.ASIDE / "outbox.db").exists()
    site.settle("erp", book, repeats=True)
    known = json.loads(site.command_line("commands", "list", "--json"))
    assert command in json.dumps(known)  # else it could be done a second time
    assert json.loads((site.state / "identity.json").read_text())["epoch"] > epoch


@pytest.mark.slow
def test_an_identity_of_a_newer_form_is_put_back_under_its_newest_epoch(site: Site, book: OrderBook) -> None:
    switch = switch_of(site)
    run(switch.prepare())
    site.start_agent()
    assert site.end_agent() == 0
    file = site.state / "identity.json"
    newer = json.loads(file.read_text())
    file.write_text(json.dumps(newer | {"format": 99, "key": "another form"}))

    plan = run(switch.roll_back("asked for by hand"))

    assert plan.restored == ("identity",)
    site.settle("erp", book)
