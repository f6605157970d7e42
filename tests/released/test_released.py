"""Files of every released version in the hands of the present one: nothing is lost, doubled or forgotten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.console.password import Password
from agent.credentials.refused import Offered, RefusedCredentials
from agent.identity import IdentityStore
from agent.upgrade.kinds import KINDS, newer_files
from agent.vault.store import Vault
from agent.version import VERSION
from tests.canaries import canary
from tests.faults.oracle import judge_feed, parsed
from tests.released.golden import CONNECTION, VERSIONS, ReleasedSite, expected_of, released_site, unpack

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def odbc() -> None:
    pyodbc = pytest.importorskip("pyodbc", reason="needs unixODBC", exc_type=ImportError)
    if "SQLite3" not in pyodbc.drivers():
        pytest.skip("the ODBC driver SQLite3 (package libsqliteodbc) is not installed")


def test_the_version_at_hand_has_its_files_here() -> None:
    """A release without them: `python -m tests.released.make`."""
    assert VERSIONS[-1] == VERSION


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_released_version_left_is_gone_on_with(version: str, tmp_path: Path) -> None:
    with released_site(tmp_path, version) as site:
        identity = IdentityStore(site.state).load()
        assert (identity.agent, identity.epoch) == (site.expected["agent"], site.expected["epoch"])

        site.start_agent()
        site.wait_until_acked()

        everything_arrived_once(site)
        what_was_set_holds(site)
        what_is_new_is_read_from_where_it_was(site)
        assert site.end_agent() == 0, site.log_tail()
        assert json.loads(site.command_line("audit", "verify", "--json"))["ok"]


def everything_arrived_once(site: ReleasedSite) -> None:
    assert site.expected["pending_batches"] > 0
    contents = site.book().contents()
    for key in site.expected["dead_letters"]:
        del contents["purchase_order"][key]
    assert judge_feed(parsed(site.feed(), CONNECTION), contents) == []
    agents = site.get("/agents")["items"]
    assert [one["id"] for one in agents] == [site.expected["agent"]]


def what_was_set_holds(site: ReleasedSite) -> None:
    """Dead letters, a pause, a mapping changed at run time, the outcome of a command."""
    status = site.call("status")
    paused = [one["name"] for one in status["connections"] if one["state"] == "paused"]
    assert paused == site.expected["paused"]
    letters = json.loads(site.command_line("outbox", "dead-letters", "--json"))
    assert site.expected["dead_letters"][0] in json.dumps(letters)
    shown = json.loads(site.command_line("mapping", "show", f"{CONNECTION}/vendors", "--json"))
    assert shown["version"] == 1
    command = site.get(f"/commands/{site.expected['command']['id']}")
    assert command["state"] == site.expected["command"]["state"]


def what_is_new_is_read_from_where_it_was(site: ReleasedSite) -> None:
    """Behind the checkpoint and with the fingerprints of before: one changed order is one record."""
    book = site.book()
    book.touch()
    runs: list[dict[str, Any]] = site.sync(CONNECTION)
    counts = {run["stream"]: run["counts"]["enqueued"] for run in runs}
    assert sorted(counts.values()) == [0, 1], site.log_tail()
    contents = book.contents()
    del contents["purchase_order"][site.expected["dead_letters"][0]]
    assert judge_feed(parsed(site.feed(), CONNECTION), contents) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_secrets_and_memories_of_a_released_version_can_be_read(version: str, tmp_path: Path) -> None:
    expected = expected_of(version)
    state = unpack(version, tmp_path) / "agent" / "state"

    vault = Vault(state, environ={})
    assert {name: value.reveal() for name, value in vault.values().items()} == {
        name: canary(end) for name, end in expected["secrets"].items()
    }
    assert Password(state).fits(canary(expected["console_password"]))
    pending = IdentityStore(state).load_pending()
    assert pending is not None
    old = Offered(expected["refused"]["connection"], "odbc", {}, {"password": canary("-old")})
    assert RefusedCredentials(state).find(old) is not None


@pytest.mark.parametrize("version", VERSIONS)
def test_no_kind_of_file_of_a_released_version_is_taken_for_a_newer_one(version: str, tmp_path: Path) -> None:
    state = unpack(version, tmp_path) / "agent" / "state"

    assert newer_files(state) == []
    silent = [kind.name for kind in KINDS if not list(kind.find(state))]
    assert silent == [], "the golden files hold nothing of these kinds"
