"""The bundle and the MSI under Wine: docs/install-windows.md from an installation to its removal. `make windows` runs it.

The service is the one that the MSI makes; the relay runs on this machine, behind TLS.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agent.version import VERSION
from tests.deployment import Deployment
from tests.packaging.windows_bundle import bundle, package
from tests.packaging.windows_machine import EVENT_SOURCE_KEY, SECONDS, SERVICE_KEY, Machine, until
from tests.packaging.wine import Wine, cannot

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(14_400),
    pytest.mark.skipif(bool(cannot()), reason=cannot()),
]
NEXT = "99.0.0"
UNDER_WAY = {"queued", "sent", "received", "running"}
REFUSED = 1603 % 256  # the installer's code, as Wine hands it on
FAILED = 1627 % 256  # Wine's code for an action that failed, where Windows says 1603
ORDERS = 20_000
ANSWERS = """
[relay]
url = "wss://127.0.0.1:{port}"
code = "file:C:/handed/code"
name = "plant"
ca_file = "{ca_file}"

[connections.demo]
system = "sandbox"
streams = "all"
leave = "everything"
"""
STILL = f"""
[options]
size = {{ purchase_orders = {ORDERS} }}
changes_per_minute = 0
time = "fixed"
bad_records = 0
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("packages")
    return {version: package(version, folder) for version in (VERSION, NEXT)}


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Deployment]:
    with Deployment(tmp_path / "relay") as running:
        yield running


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with Wine(tmp_path / "prefix") as wine:
        yield Machine(wine)


def test_the_bundle_is_whole(tmp_path: Path) -> None:
    with Wine(tmp_path / "prefix") as wine:
        said = wine.run(
            str(bundle() / "groundwire.exe"), "selfcheck", "--json", "--patience", "20", seconds=SECONDS
        )

    found = [(one["code"], one["level"]) for one in json.loads(said)["findings"]]
    assert [one for one in found if one[1] != "ok"] == [("manager.no_drivers", "notice")]


def test_from_the_package_to_records_by_the_page(
    machine: Machine, packages: dict[str, Path], relay: Deployment
) -> None:
    machine.install(packages[VERSION])

    assert (machine.program / "groundwire.exe").exists()
    service = machine.values(SERVICE_KEY)
    assert r'"C:\Program Files\Groundwire\groundwire.exe" service run' in service
    assert r"NT SERVICE\Groundwire" in service
    assert "EventMessageFile" in machine.values(EVENT_SOURCE_KEY)
    assert sorted(one.name for one in machine.data.iterdir()) == ["connections", "install.log", "state"]
    assert machine.document("service", "status") == {"state": "stopped", "exit_code": 0}  # it is not enrolled

    set_up(machine, relay)
    start(machine)
    until(lambda: len(records(relay)) > 300, lambda: f"{machine.events()[-20:]}")

    machine.groundwire("service", "stop")
    assert machine.document("service", "status") == {"state": "stopped", "exit_code": 0}
    assert [one for one in machine.events() if one.startswith("agent_")] == [
        "agent_started", "agent_stopping", "agent_stopped",
    ]  # fmt: skip


def test_a_file_of_answers_sets_up_in_one_step_and_the_same_line_upgrades(
    machine: Machine, packages: dict[str, Path], relay: Deployment
) -> None:
    answers = f"ANSWERS={handed_out(machine, relay, 'C:/handed/ca.pem')}"

    machine.install(packages[VERSION], answers.replace("answers.toml", "missing.toml"), code=FAILED)
    assert "the file of answers is not taken: it cannot be read" in machine.journal()

    machine.install(packages[VERSION], answers, "START=no")
    assert "The agent was set up from the file of answers." in machine.journal()
    assert machine.document("service", "status")["state"] == "stopped"
    whose = identity(machine)
    start(machine)
    until(lambda: len(records(relay)) > 300, lambda: f"{machine.events()[-20:]}")

    machine.install(packages[NEXT], answers)  # its code works once: it is not set up again
    running(machine)
    assert identity(machine) == whose


def test_an_upgrade_under_load_loses_nothing_and_a_removal_keeps_what_a_reinstallation_goes_on_with(
    machine: Machine, packages: dict[str, Path], relay: Deployment
) -> None:
    machine.install(packages[VERSION])
    set_up(machine, relay)
    with (machine.data / "connections" / "demo.toml").open("a") as file:
        file.write(STILL)
    start(machine)
    machine.groundwire("sync", "demo")
    source = at_source(machine)
    until(lambda: len(records(relay)) == source, lambda: f"{len(records(relay))} of {source}")
    before, whose = records(relay), identity(machine)
    assert all(before.values())

    upgraded(machine, packages[NEXT], relay)

    machine.groundwire("resync", "demo/purchase_orders")
    assert at_source(machine) == source
    until(lambda: records(relay) == before, lambda: "other records than before")
    assert identity(machine) == whose

    machine.install(packages[VERSION], code=REFUSED)
    running(machine)

    machine.remove(packages[NEXT])
    assert not machine.program.exists()
    assert "Groundwire" not in machine.values(SERVICE_KEY) + machine.values(EVENT_SOURCE_KEY)
    assert identity(machine) == whose

    machine.install(packages[NEXT])
    running(machine)  # by itself: it is enrolled
    assert at_source(machine) == source
    assert records(relay) == before
    assert identity(machine) == whose


def handed_out(machine: Machine, relay: Deployment, ca_file: str) -> str:
    """What the relay's operator hands out, for a set-up; the path of its file of answers."""
    handed = machine.drive / "handed"
    handed.mkdir(mode=0o700)
    shutil.copy(relay.relay / "ca.pem", machine.drive / ca_file.removeprefix("C:/"))
    code = handed / "code"
    code.write_text(relay.post("/enrolment-codes", {"agentName": "plant"})["code"])
    code.chmod(0o600)
    (handed / "answers.toml").write_text(ANSWERS.format(port=relay.gateway, ca_file=ca_file))
    return r"C:\handed\answers.toml"


def set_up(machine: Machine, relay: Deployment) -> None:
    answers = handed_out(machine, relay, "C:/ProgramData/Groundwire/relay-ca.pem")
    machine.groundwire("setup", "--from", answers)


def start(machine: Machine) -> None:
    machine.groundwire(
        "service", "start", code=None
    )  # gives up after two minutes: this machine may be busier
    running(machine)


def running(machine: Machine) -> None:
    """As its manager and it itself say; while it starts it does not answer."""
    until(
        lambda: (
            machine.document("service", "status")["state"] == "running"
            and '"connected"' in machine.groundwire("status", "--json", code=None)
        ),
        lambda: f"{machine.document('service', 'status')} {machine.events()[-20:]}",
    )


def upgraded(machine: Machine, made: Path, relay: Deployment) -> None:
    """While everything is read again, and again: the relay asks for it, since a command would hold the program's files."""
    with everything_again(relay):
        until(lambda: '"running"' in machine.groundwire("status", "--json"), lambda: "no run")
        machine.install(made)
        running(machine)
    print(f"\nupgrade under load, under Wine: {downtime(relay):.1f} s without a connection")


@contextmanager
def everything_again(relay: Deployment) -> Iterator[None]:
    over = threading.Event()

    def ask() -> None:
        everything = {"full": True, "streams": ["purchase_orders"]}
        while not over.is_set():
            with suppress(OSError):  # also what the relay refuses while the agent is away
                asked = relay.post("/connections/demo/syncs", everything)["id"]
                while relay.get(f"/commands/{asked}")["state"] in UNDER_WAY:
                    time.sleep(1.0)
            over.wait(1.0)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        over.set()
        asking.join()


def downtime(relay: Deployment) -> float:
    """From the last end of the agent's connection to the next beginning, as the relay saw it."""
    lines = (relay.folder / "relay.log").read_text().splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    ended, begun = (
        [datetime.fromisoformat(one["timestamp"]) for one in events if one["event"] == name][-1]
        for name in ("agent_disconnected", "agent_connected")
    )
    assert begun > ended
    return (begun - ended).total_seconds()


def records(relay: Deployment) -> dict[str, str]:
    """What the relay has: the hash of each record's content by its key. Empty for what it names twice.

    At rest that is nothing; a list in change order names again what changes while it is read.
    """
    found: dict[str, str] = {}
    for one in relay.records("purchase-orders"):
        found[one["key"]] = "" if one["key"] in found else one["contentHash"]
    return found


def at_source(machine: Machine) -> int:
    """How many orders the source has, of which every one was sent, and as it is there."""
    compared = machine.document("reconcile", "demo")["runs"]
    assert all(run["differences"][kind] == 0 for run in compared for kind in ("missing", "changed", "gone"))
    return int(compared[0]["differences"]["atSource"])


def identity(machine: Machine) -> dict[str, Any]:
    """Name and key; the epoch grows with each connection."""
    found = json.loads((machine.data / "state" / "identity.json").read_text())
    return {name: value for name, value in found.items() if name != "epoch"}
