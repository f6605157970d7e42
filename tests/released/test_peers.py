"""A new agent with an old relay, and an old agent with the new relay: nothing is lost or doubled. `make compatibility`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.order_book import OrderBook
from tests.life import ROOT
from tests.released.peers import PREVIOUS, MixedSite, drop_tree, older_tree

ROUNDS = int(os.environ.get("GROUNDWIRE_COMPATIBILITY", "0"))
pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(1_800),
    pytest.mark.skipif(not ROUNDS, reason="takes minutes: `make compatibility`"),
]


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    tree = older_tree(tmp_path_factory.mktemp("older") / "tree")
    if tree is None:
        pytest.skip(f"this clone has no commit {PREVIOUS[:12]}: fetch its whole history")
    yield tree
    drop_tree(tree)


@pytest.mark.parametrize("side", ["agent", "relay"])
def test_with_one_side_of_the_version_before_nothing_is_lost_or_doubled(
    side: str, older: Path, tmp_path: Path
) -> None:
    with MixedSite(tmp_path, **{side: older}) as site:
        book = OrderBook(site.folder / "erp.db", orders=300)
        site.connect("erp", book.connection(every="1s"))
        site.start_agent()
        with book.churning():
            for _ in range(ROUNDS):
                site.wait_until_connected()
                site.kill_agent()
                site.launch_agent()
                site.wait_until_connected()
                site.kill_relay()
                site.start_relay()
        site.settle("erp", book)
        a_command_is_done(site)
        a_changed_mapping_is_followed(site, book)
        site.settle("erp", book, repeats=True)


@pytest.mark.parametrize("side", ["agent", "relay"])
def test_a_side_that_is_upgraded_under_load_and_put_back_on_its_old_files_loses_nothing(
    side: str, older: Path, tmp_path: Path
) -> None:
    """Upgraded alone: the other side stays as it is. There is a way back for the agent, whose files kept their form."""
    with MixedSite(tmp_path, agent=older, relay=older) as site:
        book = OrderBook(site.folder / "erp.db", orders=300)
        site.connect("erp", book.connection(every="1s"))
        site.start_agent()
        with book.churning():
            for tree in (ROOT, older) if side == "agent" else (ROOT,):
                site.wait_until_connected()
                switch(site, side, tree)
        site.settle("erp", book)


def switch(site: MixedSite, side: str, tree: Path) -> None:
    if side == "agent":
        site.end_agent()
    else:
        site.stop_relay()
    site.trees[side] = tree
    if side == "agent":
        site.launch_agent()
    else:
        site.start_relay()


def a_command_is_done(site: MixedSite) -> None:
    (connection,) = site.get("/connections")["items"]
    command = site.post(f"/connections/{connection['id']}/syncs", {})
    assert site.wait_for_command(command["id"])["state"] == "succeeded", site.log_tail()


def a_changed_mapping_is_followed(site: MixedSite, book: OrderBook) -> None:
    site.command_line("mapping", "set", "erp/vendors", "phone", '"code"')
    site.sync("erp", full=True)
    site.wait_until("the mapping is not followed", lambda: phones(site) == set(book.contents()["vendor"]))


def phones(site: MixedSite) -> set[Any]:
    return {one.get("phone") for one in site.records("vendors", connection="erp")}
