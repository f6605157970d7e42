"""The policy changes while records wait and after they have left; a whole agent and a whole relay."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from agent.errors import Restarting
from tests.deployment import POLL_SECONDS, READY_SECONDS, Deployment
from tests.permissive import permissive_rule

pytestmark = pytest.mark.timeout(300)

SANDBOX = {
    "system": "sandbox",
    "options": {"time": "fixed", "size": 400},
    "sync": {"manual": True},
}
MASKED = {"fields": "all", "mask": ["name", "legalName"], "except": ["emailAddress", "website"]}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Deployment]:
    with Deployment(tmp_path) as deployment:
        deployment.connect("box", SANDBOX)
        deployment.start_agent()
        yield deployment


def allow(site: Deployment, **leave: Any) -> None:
    """Of vendors what `vendor` says, of the rest everything; None: no table."""
    rule = permissive_rule()
    rule["leave"] = {name: one for name, one in (rule["leave"] | leave).items() if one is not None}
    write(site, tomlkit.dumps({"connections": {"box": rule}}))


def write(site: Deployment, text: str) -> None:
    file = site.config / "policy.toml"
    file.write_text(text)
    await_policy(site, hashlib.sha256(text.encode()).hexdigest())


def await_policy(site: Deployment, digest: str) -> None:
    """Until the running agent has put what the file says in force, or has refused it."""
    deadline = time.monotonic() + READY_SECONDS
    while not _is_in_force(site.call("policy_state"), digest):
        assert time.monotonic() < deadline, site.log_tail()
        time.sleep(POLL_SECONDS)


def _is_in_force(state: dict[str, Any], digest: str) -> bool:
    return bool(state["sha256"] == digest or state["fault"])


def read(site: Deployment, stream: str = "box") -> None:
    """Sync without waiting for acks; a connection that its policy concerns is put in force anew first."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with suppress(Restarting):
            site.call("sync", {"streams": [stream]})
            return
        time.sleep(POLL_SECONDS)
    raise AssertionError(site.log_tail())


def take_the_relay_away(site: Deployment) -> None:
    site.stop_relay()
    deadline = time.monotonic() + READY_SECONDS
    while site.call("status")["relay"]["phase"] == "connected":
        assert time.monotonic() < deadline
        time.sleep(POLL_SECONDS)


def names_ever_seen(site: Deployment) -> set[str | None]:
    """Of vendors, in everything that the relay has ever stored."""
    changes = map(json.loads, site.feed())
    return {
        change["document"]["name"]
        for change in changes
        if change["type"] == "record" and change["entity"] == "vendor"
    }


def test_what_waits_under_an_earlier_policy_never_arrives(site: Deployment) -> None:
    take_the_relay_away(site)
    read(site)
    assert site.call("outbox")["pending_batches"] > 5

    allow(site, vendor=MASKED, asset=None)
    site.start_relay()
    read(site, "box/vendors")
    site.wait_until_acked()

    site.wait_for("vendors", 60)
    assert names_ever_seen(site) == {"***"}
    assert list(site.records("assets")) == []
    assert len(list(site.records("purchase-orders"))) > 0


def test_what_has_arrived_is_sent_again_as_it_may_leave_now(site: Deployment) -> None:
    read(site)
    site.wait_until_acked()
    site.wait_for("vendors", 60)
    keys = sorted(vendor["key"] for vendor in site.records("vendors"))

    allow(site, vendor={**MASKED, "rows": {"key": keys[:20]}})
    read(site)
    site.wait_until_acked()
    site.wait_for("vendors", 20)
    assert {vendor["name"] for vendor in site.records("vendors")} == {"***"}
    assert sorted(vendor["key"] for vendor in site.records("vendors")) == keys[:20]


def test_while_the_file_is_wrong_nothing_leaves_and_then_everything_goes_on(site: Deployment) -> None:
    take_the_relay_away(site)
    read(site)
    waiting = site.call("outbox")["pending_batches"]
    right = (site.config / "policy.toml").read_text()
    write(site, right + "\n[connections.box.lave.vendor]\n")
    site.start_relay()
    deadline = time.monotonic() + READY_SECONDS
    while site.call("status")["relay"]["phase"] != "connected":
        assert time.monotonic() < deadline
        time.sleep(POLL_SECONDS)
    time.sleep(1)  # as long as it takes to send everything several times over
    assert site.call("outbox")["pending_batches"] >= waiting
    assert list(site.feed()) == []

    (site.config / "policy.toml").write_text(right)
    site.wait_until_acked()
    site.wait_for("vendors", 60)
