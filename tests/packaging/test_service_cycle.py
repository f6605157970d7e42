"""The agent's package on a bare Debian with systemd: docs/install-linux.md word for word, and the whole life behind it.

`make service-cycle` runs it.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.version import VERSION
from tests.packaging.agent_machine import (
    CHANGE,
    LOOK,
    NEXT,
    PURGE,
    REMOVE,
    SEAL,
    SET_UP,
    at_source,
    downtime,
    identity,
    install,
    records,
    running,
    sent,
    shown,
    standing_still,
    with_relay,
)
from tests.packaging.bare_machine import Machine, base, by_rpm, cannot, eventually
from tests.packaging.making import NO_BUNDLE, blocks, package

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2_400),
    pytest.mark.skipif(bool(cannot() or NO_BUNDLE), reason=cannot() or NO_BUNDLE),
]
ORDERS = 20_000
DOWNTIME_SECONDS = 10.0  # of an upgrade under load, on a machine at rest; see docs/benchmarks.md


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("packages")
    return {version: package("linux", "deb", version, folder) for version in (VERSION, NEXT)}


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with with_relay(base(), tmp_path) as machine:
        yield machine


def test_from_the_package_to_records_by_the_page(machine: Machine, packages: dict[str, Path]) -> None:
    install(machine, packages[VERSION])
    machine.run("systemctl start groundwire")
    assert (shown(machine, "ActiveState"), shown(machine, "ConditionResult")) == ("inactive", "no")

    machine.run(SET_UP)
    assert shown(machine, "ActiveState") == "active"
    assert machine.said("systemctl is-enabled groundwire") == "enabled"
    eventually(lambda: len(records(machine)) > 300, "records at the relay")
    for block in (LOOK, CHANGE):
        done = machine.run(block, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    running(machine)

    machine.until("systemctl show groundwire --property=StatusText | grep -q 'relay connected'")
    assert shown(machine, "User") == "groundwire"
    assert machine.said("find /var/lib/groundwire ! -user groundwire") == ""
    assert machine.said("find /etc/groundwire ! -user root") == ""
    assert machine.said("systemd-analyze verify groundwire.service 2>&1") == ""
    level = re.search(r"level for groundwire.service: (\S+)", machine.said("systemd-analyze security groundwire --no-pager"))  # fmt: skip
    assert level is not None
    assert float(level[1]) <= 1.5
    listening = machine.said("ss --listening --tcp --udp --numeric --processes | grep groundwire | grep -v relay || true")  # fmt: skip
    assert all("127.0.0.1" in line or ":8443" in line or ":8080" in line for line in listening.splitlines())

    if machine.run("command -v systemd-creds", check=False).returncode != 0:
        return  # Debian 11
    machine.run(SEAL)
    assert "systemd" in machine.said("groundwire secret list")
    machine.run("systemctl restart groundwire")
    running(machine)


def test_it_comes_back_after_a_kill_and_a_loop_that_stands_is_ended(
    machine: Machine, packages: dict[str, Path]
) -> None:
    install(machine, packages[VERSION])
    machine.run(SET_UP)
    running(machine)

    machine.run("systemctl kill --kill-who=main --signal=KILL groundwire")
    machine.until("test $(systemctl show groundwire --property=NRestarts --value) -ge 1")
    running(machine)

    machine.run("mkdir -p /etc/systemd/system/groundwire.service.d")
    # The time alone is another one than shipped; a stopped process is a loop that stands.
    machine.run("printf '[Service]\\nWatchdogSec=15\\n' > /etc/systemd/system/groundwire.service.d/soon.conf")
    machine.run("systemctl daemon-reload; systemctl restart groundwire")
    running(machine)
    time.sleep(20)  # it says that it lives: nothing ends it
    assert shown(machine, "NRestarts") == "0"
    machine.run("kill -STOP $(systemctl show groundwire --property=MainPID --value)")
    machine.until("test $(systemctl show groundwire --property=NRestarts --value) -ge 1")
    running(machine)

    assert "Watchdog timeout" in machine.said("journalctl --unit groundwire --no-pager --output=cat")


def test_an_upgrade_under_load_loses_nothing_and_a_removal_keeps_what_a_purge_deletes(
    machine: Machine, packages: dict[str, Path]
) -> None:
    install(machine, packages[VERSION])
    machine.run("sed -i 's/start = true/start = false/' answers.toml")
    machine.run(SET_UP)
    standing_still(machine, ORDERS)
    machine.run("systemctl enable --now groundwire")
    running(machine)
    machine.run("groundwire sync demo")
    sent(machine)
    source = at_source(machine)
    eventually(lambda: len(records(machine)) == source, "every order at the relay")
    before = records(machine)
    whose = identity(machine)

    upgraded_under_load(machine, packages[NEXT])

    machine.run("groundwire resync demo/purchase_orders")
    sent(machine)
    assert records(machine) == before
    assert identity(machine) == whose
    assert at_source(machine) == source

    machine.run(REMOVE)
    assert machine.said("ls -d /opt/groundwire /usr/bin/groundwire 2>/dev/null || true") == ""
    assert machine.said("ls /var/lib/groundwire/outbox.db /etc/groundwire/agent.toml").count("\n") == 1
    install(machine, packages[VERSION])
    running(machine)  # by itself: it was enabled
    assert identity(machine) == whose
    assert records(machine) == before

    machine.run("systemctl stop groundwire")
    install(machine, packages[NEXT])
    assert shown(machine, "ActiveState") == "inactive"
    machine.run(PURGE)
    left = machine.said(
        "find / -xdev -iname '*groundwire*' ! -path '/proc/*' ! -path '/sys/*' ! -path '/root/*' ! -path '/srv/*'"
    )
    assert left == ""
    assert machine.run("getent passwd groundwire || getent group groundwire", check=False).returncode != 0


def upgraded_under_load(machine: Machine, made: Path) -> None:
    """While everything is read again, and again."""
    again = "while :; do groundwire resync demo/purchase_orders || sleep 1; done"
    # Ends before the agent does: without one the command itself would hold the outbox.
    bound = "--property=BindsTo=groundwire.service --property=After=groundwire.service"
    machine.run(f"systemd-run --quiet --unit=load {bound} sh -c '{again}'")
    machine.until("groundwire status --json | grep -q '\"running\"'")
    install(machine, made)
    running(machine)
    machine.run("systemctl stop load", check=False)
    log = machine.said("journalctl --unit groundwire --no-pager --output=cat")
    assert "Traceback" not in log  # the old one found all of itself while its folder was exchanged
    assert "No module" not in log
    seconds, parts = downtime(machine)
    print(f"\ndowntime of an upgrade under load: {parts}")
    assert 0 < seconds < DOWNTIME_SECONDS * slowness()


def slowness() -> float:
    """How much slower this machine is than one at rest, by what it has to do beside."""
    load = float(Path("/proc/loadavg").read_text().split()[0])
    return max(1.0, load)


def test_the_rpm_installs_upgrades_and_keeps_its_state(tmp_path: Path) -> None:
    made = {version: package("linux", "rpm", version, tmp_path) for version in (VERSION, NEXT)}
    with with_relay(base("", "rpm"), tmp_path / "machine") as machine:
        by_rpm(machine, "--install", made[VERSION])
        machine.run(SET_UP)
        running(machine)
        whose = identity(machine)
        by_rpm(machine, "--upgrade", made[NEXT])
        running(machine)
        print(f"\ndowntime of an upgrade by rpm: {downtime(machine)[1]}")
        machine.run("rpm --nodeps --erase groundwire")
        enabled = machine.said("systemctl is-enabled groundwire 2>/dev/null || true")
        assert enabled in {"", "not-found", "disabled"}
        assert identity(machine) == whose
        assert machine.said("ls /opt/groundwire 2>/dev/null || true") == ""


def test_every_block_of_the_page_is_typed() -> None:
    page = "\n".join(blocks("install-linux.md"))
    assert subprocess.run(["sh", "-n"], input=page, text=True, check=False).returncode == 0
