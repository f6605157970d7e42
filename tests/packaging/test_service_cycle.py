"""The agent's package on a bare Debian with systemd: docs/install-linux.md word for word, and the whole life behind it.

`make service-cycle` runs it. The relay runs in the same machine, from a copy of the program that no package touches.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agent.version import VERSION
from tests.packaging.bare_machine import Machine, base, booted, cannot, eventually, layered
from tests.packaging.making import BUNDLE, NO_BUNDLE, blocks, package

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2_400),
    pytest.mark.skipif(bool(cannot() or NO_BUNDLE), reason=cannot() or NO_BUNDLE),
]
NEXT = "99.0.0"
DOWNTIME_SECONDS = (
    10.0  # of an upgrade under load, on a machine that does nothing else; see docs/benchmarks.md
)
ORDERS = 20_000
ANSWERS = """
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
STILL = f"""
[options]
size = {{ purchase_orders = {ORDERS} }}
changes_per_minute = 0
time = "fixed"
bad_records = 0
"""
PROGRAM = "/srv/program/groundwire"
PAGE = list(blocks("install-linux.md"))
INSTALL, SET_UP, LOOK, CHANGE, SEAL, UPGRADE, REMOVE, PURGE = PAGE


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("packages")
    return {version: package("linux", "deb", version, folder) for version in (VERSION, NEXT)}


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with layered(base(), tmp_path) as root:
        shutil.copytree(BUNDLE, root / "srv" / "program", symlinks=True)
        with (root / "etc" / "hosts").open("a") as hosts:
            hosts.write("127.0.0.1 relay.example\n")
        with booted(root, tmp_path / "console.log") as running:
            with_relay(running)
            yield running


def with_relay(machine: Machine) -> None:
    """And what its operator hands out: the authority, a code, and a token of the API."""
    made = json.loads(
        machine.said(f"{PROGRAM} relay init /srv/relay --host relay.example --api-port 8080 --json")
    )
    (machine.root / "root" / "token").write_text(made["token"])
    machine.run("cp /srv/relay/ca.pem relay-ca.pem")
    machine.run(f"systemd-run --quiet --unit=relay {PROGRAM} relay run /srv/relay --log-format json")
    machine.until("curl --silent --fail http://127.0.0.1:8080/readyz")
    machine.run(f"umask 077; {PROGRAM} relay code create /srv/relay > code")
    (machine.root / "root" / "answers.toml").write_text(ANSWERS)


def shown(machine: Machine, name: str) -> str:
    return machine.said(f"systemctl show groundwire --property={name} --value")


def page_of(machine: Machine, path: str) -> dict[str, Any]:
    found = json.loads(
        machine.said(
            f'curl --silent --fail -H "Authorization: Bearer $(cat token)" "http://127.0.0.1:8080/api/v1/{path}"'
        )
    )
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


def identity(machine: Machine) -> dict[str, Any]:
    """Name and key; the epoch grows with each connection."""
    found = json.loads((machine.root / "var/lib/groundwire/identity.json").read_text())
    return {name: value for name, value in found.items() if name != "epoch"}


def installed(machine: Machine, packages: dict[str, Path]) -> None:
    for old in (machine.root / "root").glob("*.deb"):
        old.unlink()
    shutil.copy(packages[VERSION], machine.root / "root")
    machine.run(INSTALL)


def running(machine: Machine) -> None:
    machine.until(
        "systemctl is-active --quiet groundwire && groundwire status --json | grep -q '\"connected\"'"
    )


def test_from_the_package_to_records_by_the_page(machine: Machine, packages: dict[str, Path]) -> None:
    installed(machine, packages)
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

    machine.run(SEAL)
    assert "systemd" in machine.said("groundwire secret list")
    machine.run("systemctl restart groundwire")
    running(machine)


def test_it_comes_back_after_a_kill_and_a_loop_that_stands_is_ended(
    machine: Machine, packages: dict[str, Path]
) -> None:
    installed(machine, packages)
    machine.run(SET_UP)
    running(machine)

    machine.run("systemctl kill --kill-whom=main --signal=KILL groundwire")
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
    installed(machine, packages)
    with (machine.root / "root" / "answers.toml").open("r+") as answers:
        answers.write(ANSWERS.replace("start = true", "start = false"))
    machine.run(SET_UP)
    with (machine.root / "etc/groundwire/connections/demo.toml").open("a") as file:
        file.write(STILL)
    machine.run("systemctl enable --now groundwire")
    running(machine)
    machine.run("groundwire sync demo")
    machine.until("groundwire status --json | grep -q '\"pending_batches\": *0'")
    source = at_source(machine)
    eventually(lambda: len(records(machine)) == source, "every order at the relay")
    before = records(machine)
    whose = identity(machine)

    upgraded(machine, packages)

    machine.run("groundwire resync demo/purchase_orders")
    machine.until("groundwire status --json | grep -q '\"pending_batches\": *0'")
    assert records(machine) == before
    assert identity(machine) == whose
    assert at_source(machine) == source

    machine.run(REMOVE)
    assert machine.said("ls -d /opt/groundwire /usr/bin/groundwire 2>/dev/null || true") == ""
    assert machine.said("ls /var/lib/groundwire/outbox.db /etc/groundwire/agent.toml").count("\n") == 1
    installed(machine, packages)
    running(machine)  # by itself: it was enabled
    assert identity(machine) == whose
    assert records(machine) == before

    machine.run("systemctl stop groundwire")
    assert_stays_stopped(machine, packages)
    machine.run(PURGE)
    left = machine.said(
        "find / -xdev -iname '*groundwire*' ! -path '/proc/*' ! -path '/sys/*' ! -path '/root/*' ! -path '/srv/*'"
    )
    assert left == ""
    assert machine.run("getent passwd groundwire || getent group groundwire", check=False).returncode != 0


def at_source(machine: Machine) -> int:
    """How many orders the source has, of which every one was sent, and as it is there."""
    compared = json.loads(machine.said("groundwire reconcile demo --json"))["runs"]
    assert all(run["differences"][kind] == 0 for run in compared for kind in ("missing", "changed", "gone"))
    return int(compared[0]["differences"]["atSource"])


def upgraded(machine: Machine, packages: dict[str, Path]) -> None:
    """In the middle of a run that reads everything again."""
    for old in (machine.root / "root").glob("*.deb"):
        old.unlink()
    shutil.copy(packages[NEXT], machine.root / "root")
    machine.run("systemd-run --quiet --unit=load groundwire resync demo/purchase_orders")
    machine.until("groundwire status --json | grep -q '\"running\"'")
    machine.run(UPGRADE)
    running(machine)
    seconds = downtime(machine)
    parts = machine.said(
        "journalctl --unit groundwire --no-pager --output=short-monotonic | grep 'systemd\\[' | tail -n 4"
    )
    print(f"\nupgrade under load: {seconds:.1f} s without a connection\n{parts}")
    assert seconds < DOWNTIME_SECONDS * slowness()


def downtime(machine: Machine) -> float:
    """From the last end of the agent's connection to the next beginning, as the relay saw it."""
    lines = machine.said("journalctl --unit relay --no-pager --output=cat").splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    ended = [one for one in events if one.get("event") == "agent_disconnected"][-1]
    begun = [one for one in events if one.get("event") == "agent_connected"][-1]
    apart = datetime.fromisoformat(_stamp(begun)) - datetime.fromisoformat(_stamp(ended))
    assert apart.total_seconds() > 0
    return apart.total_seconds()


def _stamp(event: dict[str, Any]) -> str:
    return str(event.get("timestamp") or event["time"])


def slowness() -> float:
    """How much slower this machine is than one at rest, by what it has to do beside."""
    load = float(Path("/proc/loadavg").read_text().split()[0])
    return max(1.0, load)


def assert_stays_stopped(machine: Machine, packages: dict[str, Path]) -> None:
    shutil.copy(packages[NEXT], machine.root / "root")
    (machine.root / "root" / packages[VERSION].name).unlink()
    machine.run(UPGRADE)
    assert shown(machine, "ActiveState") == "inactive"


@pytest.mark.skipif(shutil.which("rpm") is None, reason="no rpm here")
def test_the_rpm_installs_upgrades_and_keeps_its_state(tmp_path: Path) -> None:
    """With Debian's rpm, which knows no dependencies: what RHEL alone has is not tried."""
    made = {version: package("linux", "rpm", version, tmp_path) for version in (VERSION, NEXT)}
    with layered(base(), tmp_path / "machine") as root:
        install = ["apt-get", "-qq", "install", "--yes", "--no-install-recommends", "rpm"]
        subprocess.run(["chroot", str(root), *install], check=True, stdout=subprocess.DEVNULL)
        shutil.copytree(BUNDLE, root / "srv" / "program", symlinks=True)
        with (root / "etc" / "hosts").open("a") as hosts:
            hosts.write("127.0.0.1 relay.example\n")
        with booted(root, tmp_path / "console.log") as machine:
            with_relay(machine)
            rpm(machine, "--install", made[VERSION])
            machine.run(SET_UP)
            running(machine)
            whose = identity(machine)
            rpm(machine, "--upgrade", made[NEXT])
            running(machine)
            rpm_erased(machine)
            assert identity(machine) == whose
            assert machine.said("ls /opt/groundwire 2>/dev/null || true") == ""


def rpm(machine: Machine, verb: str, made: Path) -> None:
    """Debian's own rpm, with the machine as its root: the scripts run in a chroot, and ask the machine's systemd."""
    inside = machine.root / "root" / made.name
    shutil.copy(made, inside)
    machine.run(f"rpm --nodeps {verb} /root/{made.name}")


def rpm_erased(machine: Machine) -> None:
    machine.run("rpm --nodeps --erase groundwire")
    assert machine.said("systemctl is-enabled groundwire 2>/dev/null || true") in {
        "",
        "not-found",
        "disabled",
    }


def test_every_block_of_the_page_is_typed() -> None:
    assert len(PAGE) == 8
    assert subprocess.run(["sh", "-n"], input="\n".join(PAGE), text=True, check=False).returncode == 0
