"""A machine with a relay, for the agent's package to live on: made here, asked here, looked at here.

The relay runs from a copy of the program in /srv, which no package touches.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from agent.clock import SystemClock
from tests.packaging.bare_machine import Machine, booted, layered
from tests.packaging.making import BUNDLE, blocks

NEXT: Final = "99.0.0"  # the version that is upgraded to
PROGRAM: Final = "/srv/program/groundwire"
INSTALL, SET_UP, LOOK, CHANGE, SEAL, UPGRADE, REMOVE, PURGE = blocks("install-linux.md")
ANSWERS: Final = """
[relay]
url = "wss://relay.example:8443"
code = "file:/root/code"
name = "plant"
ca_file = "/etc/groundwire/relay-ca.pem"

[connections.demo]
system = "sandbox"
streams = "all"
leave = "everything"

[service]
start = true
"""
STILL: Final = """
[options]
size = {{ purchase_orders = {orders} }}
changes_per_minute = 0
time = "fixed"
bad_records = 0
"""  # of the connection's file: a source that stands still, to be compared with


@contextmanager
def with_relay(below: Path, work: Path) -> Iterator[Machine]:
    """With what the relay's operator hands out in /root: the authority, a code, and a token of the API."""
    with layered(below, work) as root:
        shutil.copytree(BUNDLE, root / "srv" / "program", symlinks=True)
        named(root)
        with booted(root, work / "console.log") as machine:
            made = json.loads(
                machine.said(f"{PROGRAM} relay init /srv/relay --host relay.example --api-port 8080 --json")
            )
            (machine.root / "root" / "token").write_text(made["token"])
            machine.run("cp /srv/relay/ca.pem relay-ca.pem")
            # Not with the machine: a test that restarts it starts the relay by `start_relay`.
            start_relay(machine)
            machine.run(f"umask 077; {PROGRAM} relay code create /srv/relay > code")
            (machine.root / "root" / "answers.toml").write_text(ANSWERS)
            yield machine


def named(root: Path) -> None:
    """The relay's name, which is the machine itself."""
    with (root / "etc" / "hosts").open("a") as hosts:
        hosts.write("127.0.0.1 relay.example\n")


def start_relay(machine: Machine) -> None:
    machine.run(f"systemd-run --quiet --unit=relay {PROGRAM} relay run /srv/relay --log-format json")
    machine.until("curl --silent --fail http://127.0.0.1:8080/readyz")


def install(machine: Machine, made: Path) -> None:
    """With the page's own words, which name no version."""
    for old in (machine.root / "root").glob("*.deb"):
        old.unlink()
    shutil.copy(made, machine.root / "root")
    machine.run(INSTALL)


def running(machine: Machine) -> None:
    machine.until(
        "systemctl is-active --quiet groundwire && groundwire status --json | grep -q '\"connected\"'"
    )


def sent(machine: Machine) -> None:
    """Nothing waits any more."""
    machine.until("groundwire status --json | grep -q '\"pending_batches\": *0'")


def standing_still(machine: Machine, orders: int) -> None:
    """Its source from the next start on."""
    with (machine.root / "etc/groundwire/connections/demo.toml").open("a") as file:
        file.write(STILL.format(orders=orders))


def shown(machine: Machine, name: str, unit: str = "groundwire") -> str:
    return machine.said(f"systemctl show {unit} --property={name} --value")


def page_of(machine: Machine, path: str) -> dict[str, Any]:
    asked = 'curl --silent --fail -H "Authorization: Bearer $(cat token)"'
    found = json.loads(machine.said(f'{asked} "http://127.0.0.1:8080/api/v1/{path}"'))
    assert isinstance(found, dict)
    return found


def records(machine: Machine, entity: str = "purchase-orders") -> dict[str, str]:
    """What the relay has: the hash of each record's content by its key."""
    found: dict[str, str] = {}
    cursor = ""
    while True:
        page = page_of(machine, f"{entity}?limit=500{cursor}")
        for one in page["items"]:
            assert one["key"] not in found
            found[one["key"]] = one["contentHash"]
        if not page["hasMore"]:
            return found
        cursor = f"&cursor={page['nextCursor']}"


def at_source(machine: Machine) -> int:
    """How many orders the source has, of which every one was sent, and as it is there."""
    compared = json.loads(machine.said("groundwire reconcile demo --json"))["runs"]
    assert all(run["differences"][kind] == 0 for run in compared for kind in ("missing", "changed", "gone"))
    return int(compared[0]["differences"]["atSource"])


def identity(machine: Machine) -> dict[str, Any]:
    """Name and key; the epoch grows with each connection."""
    found = json.loads((machine.root / "var/lib/groundwire/identity.json").read_text())
    return {name: value for name, value in found.items() if name != "epoch"}


def downtime(machine: Machine) -> tuple[float, str]:
    """Of the last exchange of the program: from the word to stop to the next connection, and in words by its parts."""
    steps = _exchange(machine)
    parts = [
        f"{later} {(steps[later] - steps[earlier]).total_seconds():.2f} s"
        for earlier, later in pairwise(steps)
    ]
    seconds = (steps["connected"] - steps["told to stop"]).total_seconds()
    return seconds, f"{seconds:.2f} s, of that until: {', '.join(parts)}"


def _exchange(machine: Machine) -> dict[str, datetime]:
    """Step by step: as systemd saw the service, and the relay the connection."""
    names = {"ActiveExit": "told to stop", "InactiveEnter": "ended", "InactiveExit": "started", "ActiveEnter": "ready"}  # fmt: skip
    asked = " ".join(f"--property={name}TimestampMonotonic" for name in names)
    lines = machine.said(f"systemctl show groundwire {asked}").splitlines()
    at = dict(line.split("=", 1) for line in lines)
    clock = SystemClock()  # of this machine, and so of the one in it
    began = clock.utcnow() - timedelta(seconds=clock.monotonic())
    steps = {
        step: began + timedelta(microseconds=int(at[f"{name}TimestampMonotonic"]))
        for name, step in names.items()
    }
    return {**steps, "connected": _connections(machine)[-1]}


def _connections(machine: Machine) -> list[datetime]:
    """When the relay took the agent in, in order."""
    lines = machine.said("journalctl --unit relay --no-pager --output=cat").splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    return [
        datetime.fromisoformat(str(one.get("timestamp") or one["time"]))
        for one in events
        if one.get("event") == "agent_connected"
    ]
