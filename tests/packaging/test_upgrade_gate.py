"""docs/upgrade.md's switch that goes back by itself, with real packages in a real systemd; `make service-cycle` runs it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.version import VERSION
from tests.packaging.bare_machine import Machine, base, booted, cannot, layered
from tests.packaging.making import BUNDLE, NO_BUNDLE, package
from tests.packaging.test_service_cycle import (
    NEXT,
    SET_UP,
    STILL,
    UPGRADE,
    records,
    running,
    with_relay,
)
from tests.packaging_scripts import ROOT, script

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2_400),
    pytest.mark.skipif(bool(cannot() or NO_BUNDLE), reason=cannot() or NO_BUNDLE),
]
GATE = '\n[upgrade]\ngate = true\nwithin = "5m"\n'


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """An agent from a package that has sent everything, with the gate asked for."""
    with layered(base(), tmp_path) as root:
        shutil.copytree(BUNDLE, root / "srv" / "program", symlinks=True)
        with (root / "etc" / "hosts").open("a") as hosts:
            hosts.write("127.0.0.1 relay.example\n")
        with booted(root, tmp_path / "console.log") as machine:
            with_relay(machine)
            install(machine, package("linux", "deb", VERSION, tmp_path / "made"))
            machine.run(SET_UP)
            with (machine.root / "etc/groundwire/connections/demo.toml").open("a") as file:
                file.write(STILL)
            with (machine.root / "etc/groundwire/agent.toml").open("a") as file:
                file.write(GATE)
            machine.run("systemctl restart groundwire")
            running(machine)
            machine.run("groundwire resync demo/purchase_orders")
            machine.until("groundwire status --json | grep -q '\"pending_batches\": *0'")
            yield machine


def install(machine: Machine, made: Path) -> None:
    for old in (machine.root / "root").glob("*.deb"):
        old.unlink()
    shutil.copy(made, machine.root / "root")
    machine.run(UPGRADE)


def until_phase(machine: Machine, phase: str) -> None:
    machine.until(f"groundwire upgrade status --json | grep -q '\"{phase}\"'")


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
    machine.until("test ! -e /opt/groundwire.previous")
    assert machine.said("ls /var/lib/groundwire").count("before-upgrade") == 0
    assert records(machine) == before

    machine.run("sed -i 's/within = .*/within = \"30s\"/' /etc/groundwire/agent.toml")
    machine.run("dpkg --remove groundwire")  # so that the next one is an upgrade from the first
    install(machine, next((tmp_path / "made").glob("*.deb")))
    running(machine)
    install(machine, broken(tmp_path / "bad"))
    until_phase(machine, "rolled_back")
    running(machine)
    machine.run("groundwire resync demo/purchase_orders")
    machine.until("groundwire status --json | grep -q '\"pending_batches\": *0'")
    assert records(machine) == before
    told = json.loads(machine.said("groundwire upgrade status --json"))
    assert "does not answer" in told["reason"]
    assert machine.said("cat /opt/groundwire.failed/groundwire").startswith("#!/bin/sh")
