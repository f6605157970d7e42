"""The relay's package on a bare Debian with systemd: docs/install-relay.md word for word, and the life behind it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.version import VERSION
from tests.packaging.agent_machine import NEXT, named
from tests.packaging.bare_machine import Machine, base, booted, by_rpm, cannot, layered
from tests.packaging.making import NO_BUNDLE, blocks, package

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1_200),
    pytest.mark.skipif(bool(cannot() or NO_BUNDLE), reason=cannot() or NO_BUNDLE),
]
ANSWERS = """
[relay]
url = "wss://relay.example:8443"
code = "env:GROUNDWIRE_CODE"
name = "plant"
ca_file = "/etc/groundwire-relay/ca.pem"

[connections.demo]
system = "sandbox"
streams = "all"
leave = "everything"
"""
AGENT = "/opt/agent/groundwire"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("packages")
    return {version: package("relay", "deb", version, folder) for version in (VERSION, NEXT)}


@pytest.fixture
def machine(tmp_path: Path, packages: dict[str, Path]) -> Iterator[Machine]:
    with layered(base(), tmp_path) as root:
        shutil.copy(packages[VERSION], root / "root")
        named(root)
        with booted(root, tmp_path / "console.log") as running:
            yield running


def installed(machine: Machine) -> str:
    """Set up as the page says; the API token."""
    machine.run(next(blocks("install-relay.md")))
    return set_up(machine)


def set_up(machine: Machine) -> str:
    said = machine.said(list(blocks("install-relay.md"))[1])
    found = re.search(r"gwt_\S+", said)
    assert found is not None, said
    return found[0]


def shown(machine: Machine, *names: str) -> list[str]:
    asked = " ".join(f"--property={name}" for name in names)
    lines = machine.said(f"systemctl show groundwire-relay {asked}").splitlines()
    found = dict(line.split("=", 1) for line in lines)
    return [found[name] for name in names]


def asked(machine: Machine, token: str, path: str) -> dict[str, object]:
    answer = machine.said(
        f"curl --silent --fail -H 'Authorization: Bearer {token}' http://127.0.0.1:8080/api/v1/{path}"
    )
    document = json.loads(answer)
    assert isinstance(document, dict)
    return document


def test_the_page_word_for_word(machine: Machine) -> None:
    for block in blocks("install-relay.md"):
        machine.run(block)

    assert shown(machine, "ActiveState", "StatusText", "User") == [
        "active",
        "0 agents connected",
        "groundwire-relay",
    ]
    assert machine.said("systemctl is-enabled groundwire-relay") == "enabled"
    assert machine.said("systemd-analyze verify groundwire-relay.service 2>&1") == ""
    level = re.search(r"level for groundwire-relay.service: (\S+)", machine.said("systemd-analyze security groundwire-relay --no-pager"))  # fmt: skip
    assert level is not None
    assert float(level[1]) <= 1.5
    assert machine.said("find /var/lib/groundwire-relay ! -user groundwire-relay") == ""
    assert machine.said("find /etc/groundwire-relay ! -user root") == ""
    assert "files/ca.pem" in machine.said("cd /var/lib/groundwire-relay/backups/first && find . -type f")
    assert "data-files/webhooks.key" in machine.said(
        "cd /var/lib/groundwire-relay/backups/first && find . -type f"
    )
    secret = machine.run("su -s /bin/sh nobody -c 'cat /etc/groundwire-relay/server.key /var/lib/groundwire-relay/relay.db'", check=False)  # fmt: skip
    assert secret.returncode != 0


def test_it_comes_back_by_itself_and_starts_with_the_machine(machine: Machine) -> None:
    installed(machine)

    machine.run("systemctl kill --signal=KILL groundwire-relay")
    machine.until("test $(systemctl show groundwire-relay --property=NRestarts --value) -ge 1")
    machine.until("curl --silent --fail http://127.0.0.1:8080/readyz")

    assert "multi-user.target" in machine.said("systemctl show groundwire-relay --property=WantedBy --value")


def with_agent(machine: Machine, token: str) -> None:
    """An agent of the same bundle that reads a sandbox; its copy is no installed one."""
    code = machine.said("groundwire-relay code create /etc/groundwire-relay")
    (machine.root / "root" / "answers.toml").write_text(ANSWERS)
    machine.run("cp -r /opt/groundwire-relay /opt/agent; rm /opt/agent/installed; mkdir /root/agent")
    machine.run(f"GROUNDWIRE_CODE={code} {AGENT} setup --config /root/agent --from answers.toml")
    machine.run(f"systemd-run --quiet --unit=plant {AGENT} --config /root/agent run")
    machine.until(
        f"curl --silent --fail -H 'Authorization: Bearer {token}' http://127.0.0.1:8080/api/v1/purchase-orders | grep -q orderNo"
    )


def test_an_upgrade_lets_its_agents_finish_and_loses_no_record(
    machine: Machine, packages: dict[str, Path]
) -> None:
    token = installed(machine)
    with_agent(machine, token)
    before = asked(machine, token, "purchase-orders?limit=500")["items"]
    shutil.copy(packages[NEXT], machine.root / "root")

    machine.run(f"dpkg --install groundwire-relay_{NEXT}-1_amd64.deb")
    machine.until("curl --silent --fail http://127.0.0.1:8080/readyz")
    machine.until(
        "systemctl show groundwire-relay --property=StatusText --value | grep -q '^1 agent connected'"
    )

    after = asked(machine, token, "purchase-orders?limit=500")["items"]
    assert {one["key"] for one in before} <= {one["key"] for one in after}  # type: ignore[attr-defined]
    log = machine.said("journalctl --unit groundwire-relay --no-pager --output=cat")
    assert log.index('"relay_stopping"' if '"relay_stopping"' in log else "relay_stopping") < log.rindex(
        "relay_started"
    )
    assert "relay_stopped" in log
    assert shown(machine, "NRestarts") == ["0"]


def test_one_that_was_stopped_stays_stopped_over_an_upgrade(
    machine: Machine, packages: dict[str, Path]
) -> None:
    installed(machine)
    machine.run("systemctl stop groundwire-relay")
    shutil.copy(packages[NEXT], machine.root / "root")

    machine.run(f"dpkg --install groundwire-relay_{NEXT}-1_amd64.deb")

    assert shown(machine, "ActiveState") == ["inactive"]


def test_a_removal_keeps_what_a_purge_deletes(machine: Machine) -> None:
    token = installed(machine)
    asked(machine, token, "connections")

    machine.run("dpkg --remove groundwire-relay")
    assert machine.said("ls -d /opt/groundwire-relay /usr/bin/groundwire-relay 2>/dev/null || true") == ""
    assert machine.said("ls /etc/systemd/system/multi-user.target.wants | grep relay || true") == ""
    assert machine.said("ls /var/lib/groundwire-relay/relay.db") != ""

    machine.run(next(blocks("install-relay.md")))
    answers(machine, token)

    machine.run("dpkg --purge groundwire-relay")
    left = machine.said(
        "find / -xdev -name '*groundwire-relay*' ! -path '/proc/*' ! -path '/root/*' ! -path '/var/log/*'"
    )
    assert left == ""
    assert machine.run("getent passwd groundwire-relay", check=False).returncode != 0


def test_the_rpm_installs_upgrades_and_keeps_its_records(tmp_path: Path) -> None:
    made = {version: package("relay", "rpm", version, tmp_path) for version in (VERSION, NEXT)}
    with layered(base("", "rpm"), tmp_path / "machine") as root, booted(root, tmp_path / "log") as machine:
        by_rpm(machine, "--install", made[VERSION])
        token = set_up(machine)
        by_rpm(machine, "--upgrade", made[NEXT])
        answers(machine, token)
        machine.run("rpm --nodeps --erase groundwire-relay")
        assert machine.said("ls -d /opt/groundwire-relay 2>/dev/null || true") == ""
        assert machine.said("systemctl is-active groundwire-relay || true") == "inactive"
        by_rpm(machine, "--install", made[NEXT])
        answers(machine, token)


def answers(machine: Machine, token: str) -> None:
    """By what it kept."""
    machine.until("curl --silent --fail http://127.0.0.1:8080/readyz")
    asked(machine, token, "connections")
