"""docs/upgrade.md's switch that goes back by itself, with real packages in a real systemd; `make service-cycle` runs it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.version import VERSION
from tests.packaging.agent_machine import (
    NEXT,
    SET_UP,
    downtime,
    install,
    records,
    running,
    sent,
    standing_still,
    start_relay,
    with_relay,
)
from tests.packaging.bare_machine import Machine, base, cannot
from tests.packaging.making import NO_BUNDLE, package
from tests.packaging_scripts import ROOT, script

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2_400),
    pytest.mark.skipif(bool(cannot() or NO_BUNDLE), reason=cannot() or NO_BUNDLE),
]
ORDERS = 2_000
GATE = '\n[upgrade]\ngate = true\nwithin = "5m"\n'


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """An agent from a package that has sent everything, with the gate asked for."""
    with with_relay(base(), tmp_path) as machine:
        install(machine, package("linux", "deb", VERSION, tmp_path / "made"))
        machine.run(SET_UP)
        standing_still(machine, ORDERS)
        with (machine.root / "etc/groundwire/agent.toml").open("a") as file:
            file.write(GATE)
        machine.run("systemctl restart groundwire")
        running(machine)
        machine.run("groundwire resync demo/purchase_orders")
        sent(machine)
        yield machine


def until_phase(machine: Machine, phase: str) -> None:
    machine.until(f"groundwire upgrade status --json | grep -q '\"{phase}\"'")


def within(machine: Machine, span: str) -> None:
    machine.run(f"sed -i 's/within = .*/within = \"{span}\"/' /etc/groundwire/agent.toml")


def broken(into: Path) -> Path:
    """A package whose program does not start."""
    bundle = into / "broken"
    bundle.mkdir(parents=True)
    (bundle / "groundwire").write_text("#!/bin/sh\nexit 1\n")
    (bundle / "groundwire").chmod(0o755)
    shutil.copytree(ROOT / "packaging" / "linux", into / "packaging" / "linux")
    shutil.copytree(ROOT / "config", into / "config", ignore=shutil.ignore_patterns("systems"))
    build: Callable[..., Path] = script("linux_package").build
    return build(into / "packaging" / "linux", bundle, into, "deb", version=NEXT, epoch=1_767_225_600)


def test_a_new_version_that_works_is_confirmed_and_one_that_does_not_is_gone_back_from(
    machine: Machine, tmp_path: Path
) -> None:
    before = records(machine)

    install(machine, package("linux", "deb", NEXT, tmp_path / "next"))
    until_phase(machine, "confirmed")
    running(machine)
    print(f"\ndowntime of an upgrade with the gate: {downtime(machine)[1]}")
    machine.until("test ! -e /opt/groundwire.previous")
    assert machine.said("ls /var/lib/groundwire").count("before-upgrade") == 0
    assert records(machine) == before

    within(machine, "30s")
    machine.run("dpkg --remove groundwire")  # so that the next one is an upgrade from the first
    install(machine, next((tmp_path / "made").glob("*.deb")))
    running(machine)
    install(machine, broken(tmp_path / "bad"))
    until_phase(machine, "rolled_back")
    running(machine)
    machine.run("groundwire resync demo/purchase_orders")
    sent(machine)
    assert records(machine) == before
    told = json.loads(machine.said("groundwire upgrade status --json"))
    assert "does not answer" in told["reason"]
    assert machine.said("cat /opt/groundwire.failed/groundwire").startswith("#!/bin/sh")


def test_a_restart_of_the_machine_ends_no_watch(machine: Machine, tmp_path: Path) -> None:
    before = records(machine)

    machine.run("systemctl stop relay")  # the new version cannot show that it works
    install(machine, package("linux", "deb", NEXT, tmp_path / "next"))
    machine.end()
    machine.start()
    machine.until("systemctl is-active --quiet groundwire-upgrade")
    until_phase(machine, "prepared")
    start_relay(machine)
    until_phase(machine, "confirmed")
    machine.until("test ! -e /opt/groundwire.previous")

    within(machine, "45s")
    install(machine, broken(tmp_path / "bad"))
    machine.end(power_cut=True)
    machine.start()
    start_relay(machine)
    until_phase(machine, "rolled_back")
    running(machine)
    assert records(machine) == before
    told = json.loads(machine.said("groundwire upgrade status --json"))
    assert "does not answer" in told["reason"]
