"""A real set-up broken in the four ways that happen: network, password, disk, mapping. Each time `groundwire doctor` and
`groundwire status` say what is wrong and what to do, and doing just that mends it.

Relay and agent are processes of their own; a sandbox and a PostgreSQL are read.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from click.testing import CliRunner

from agent.cli import main
from agent.doctor.check import examine
from agent.doctor.checks import CHECKS
from agent.doctor.installation import look_at
from agent.findings import Level, worst
from tests.canaries import canary
from tests.deployment import Deployment
from tests.servers import PostgresServer

pytestmark = pytest.mark.timeout(900)

PATIENCE_SECONDS = 120.0
SLOW_MACHINE = 8.0  # times the limits of the checks
OLD, NEW = canary("-breakage-old"), canary("-breakage-new")
SMALL_DISK = "96m"
ORDERS = {
    "entity": "purchase_order",
    "read": {"query": "select no, total, note from breakage_orders", "key": ["no"]},
    "map": {"orderNo": "no", "totalNetValue": {"from": "total", "as": "decimal"}},
}


@dataclass
class Answer:
    code: int
    stdout: str


@dataclass
class Doctor:
    code: int
    findings: list[dict[str, str]]

    @property
    def words(self) -> str:
        return json.dumps(self.findings, indent=1)

    @property
    def problems(self) -> dict[str, dict[str, str]]:
        return {one["code"]: one for one in self.findings if one["level"] == "problem"}


class BrokenSite(Deployment):
    """A deployment whose state folder may lie on a disk of its own, and whose tools are typed as a person does."""

    server: PostgresServer
    role: str

    def _make_agent(self, code: str) -> None:
        self.state.mkdir(parents=True, mode=0o700)
        self.small_disk = os.geteuid() == 0 and mounted(self.state)
        super()._make_agent(code)
        file = self.config / "agent.toml"
        document = tomlkit.parse(file.read_text()).unwrap()
        document["outbox"] = {"high_water": "16MiB", "low_water": "8MiB"}
        file.write_text(tomlkit.dumps(document))

    def groundwire(self, *words: str, typed: str = "") -> Answer:
        """The command line, in this process: relay and agent are the ones that are real here."""
        done = CliRunner().invoke(main, ["--config", str(self.config), *words], input=typed)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Answer(done.exit_code, done.stdout)

    def doctor(self, *names: str, connection: str = "erp") -> Doctor:
        """In this process: what the command shows as well."""
        return asyncio.run(self._examine(names, connection))

    async def _examine(self, names: Sequence[str], connection: str) -> Doctor:
        chosen = [check for check in CHECKS if not names or check.name in names]
        report = await examine(
            await look_at(self.config, connection=connection), chosen, patience=SLOW_MACHINE
        )
        problems = worst(report.findings) is Level.PROBLEM
        return Doctor(int(problems), [finding.to_document() for finding in report.findings])

    def finds(self, code: str) -> dict[str, str]:
        """The problem of this code, as soon as doctor finds it."""
        check = code.partition(".")[0]
        found: list[dict[str, str]] = []

        def look() -> bool:
            found[:] = [one for one in self.doctor(check).problems.values() if one["code"] == code]
            return bool(found)

        self.until(look, f"{code} is found")
        return found[0]

    def assert_healthy(self, *names: str) -> None:
        doctor = self.doctor(*names)
        assert doctor.problems == {}, doctor.words

    def connected(self) -> bool:
        return bool(self.call("status")["relay"]["phase"] == "connected")

    def connect_erp(self, **stream: Any) -> None:
        attributes = {
            name: value
            for name, value in self.server.odbc_attributes("postgres").items()
            if name.lower() not in {"pwd", "password", "uid", "user"}
        }
        self.connect(
            "erp",
            {
                "driver": "odbc",
                "sync": {"manual": True, "initial_window": "everything"},
                "options": {"connection": {**attributes, "Uid": self.role}},
                "secrets": {"Pwd": "secret:erp-password"},
                "streams": {"orders": ORDERS | stream},
            },
        )
        self.call("reload")

    def until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"{what}\n{self.log_tail()}"
            time.sleep(0.2)


def mounted(folder: Path) -> bool:
    """A small file system there, where that can be made."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK},mode=700", "tmpfs", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[BrokenSite]:
    """Each test finds it whole, and leaves it mended."""
    if sys.platform == "win32":
        pytest.skip("servers of Unix")
    made = BrokenSite(tmp_path_factory.mktemp("site"))
    made.server, made.role = postgres_server, f"erp_{secrets.token_hex(4)}"
    postgres_server.psql(f"create role {made.role} login password '{OLD}'")
    postgres_server.psql(
        "create table breakage_orders (no text primary key, total text, note text);"
        f"insert into breakage_orders values ('1', '10.50', 'n'), ('2', '7', 'm'); grant select on breakage_orders to {made.role}"
    )
    with ExitStack() as stack:
        stack.callback(
            lambda: made.small_disk and subprocess.run(["umount", "-l", str(made.state)], check=True)
        )
        stack.enter_context(made)
        made.connect("box", {"system": "sandbox", "sync": {"manual": True}})
        made.start_agent()
        made.connect_erp()
        assert made.groundwire("secret", "set", "erp-password", typed=OLD).code == 0
        made.until(lambda: made.groundwire("sync", "erp").code == 0, "the first sync")
        yield made


def test_a_whole_set_up_has_no_problem(site: BrokenSite) -> None:
    doctor = site.doctor(connection="")
    warnings = {one["code"] for one in doctor.findings if one["level"] == "warning"}

    assert doctor.code == 0, doctor.words
    assert doctor.problems == {}, doctor.words
    # As root in a container, with the state on a small disk in memory: that much is true of it.
    assert warnings <= {"account.root", "disk.volatile"}, doctor.words

    shown = site.groundwire("doctor", "--patience", str(SLOW_MACHINE), "--only", "relay", "--only", "outbox")
    assert shown.code == 0, shown.stdout
    assert "2 checks: no problems, no warnings, no notices." in shown.stdout
    assert "things are as they should be" in shown.stdout


def test_the_network_breaks(site: BrokenSite) -> None:
    site.stop_relay()
    site.until(
        lambda: "no TCP connection" in site.groundwire("status").stdout, "the agent notices and says why"
    )
    doctor, status = site.doctor(), site.groundwire("status").stdout

    assert doctor.code == 1
    assert set(doctor.problems) == {"relay.refused", "agent.unconnected"}, doctor.words
    assert f"127.0.0.1:{site.gateway}" in doctor.problems["relay.refused"]["where"]
    assert "ask its operator whether the relay runs" in doctor.problems["relay.refused"]["next_step"]
    assert "no TCP connection" in status
    assert "What to do: " in status

    site.start_relay()
    site.until(site.connected, "the agent connects again by itself")
    site.assert_healthy("relay", "agent")


def test_the_password_breaks(site: BrokenSite) -> None:
    site.server.psql(f"alter role {site.role} password '{NEW}'")
    site.server.psql(f"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{site.role}'")
    before = site.doctor("sources")
    synced = site.groundwire("sync", "erp")
    tried = failed_sign_ins(site)
    doctor, status = site.doctor(), site.groundwire("status").stdout

    assert "sources.credentials" in before.problems, before.words
    assert "erp" in before.problems["sources.credentials"]["where"]
    assert synced.code == 4
    assert {"agent.stream"} <= set(doctor.problems) <= {"agent.stream", "credentials.refused"}, doctor.words
    assert "`groundwire secret set erp-password`" in doctor.problems["agent.stream"]["next_step"]
    assert "`groundwire secret set erp-password`" in status
    assert OLD not in doctor.words + status
    assert failed_sign_ins(site) == tried, "doctor tries no password that was refused"

    # Exactly what both say.
    assert site.groundwire("secret", "set", "erp-password", typed=NEW).code == 0
    assert site.groundwire("sync", "erp").code == 0
    site.assert_healthy("agent", "credentials", "sources")


def failed_sign_ins(site: BrokenSite) -> int:
    text = "".join(path.read_text(errors="replace") for path in site.server.folder.glob("*.log"))
    return text.count(f'password authentication failed for user "{site.role}"')


def test_the_disk_breaks(site: BrokenSite) -> None:
    if not site.small_disk:
        pytest.skip("only root makes a small disk")
    filler = site.state / "filler"
    with filler.open("wb") as file:
        try:
            while True:
                file.write(bytes(1024 * 1024))
        except OSError:
            pass
    filler.chmod(0o600)
    site.server.psql("insert into breakage_orders values ('3', '1', 'x')")
    site.groundwire("sync", "erp")
    doctor, status = site.doctor(), site.groundwire("status").stdout

    assert "disk.full" in doctor.problems, doctor.words
    assert str(site.state) in doctor.problems["disk.full"]["where"]
    assert "Make room on this disk" in doctor.problems["disk.full"]["next_step"]
    assert "Make room on the disk" in status, status

    filler.unlink()
    site.until(lambda: site.groundwire("sync", "erp").code == 0, "with room it goes on")
    site.assert_healthy("agent", "disk")


def test_the_mapping_breaks(site: BrokenSite) -> None:
    # A field that there is not: the file is refused and the last good version goes on.
    site.connect_erp(map={"orderNumber": "no"})
    wrong = site.finds("configuration.mapping")
    assert "orderNumber" in wrong["cause"] + wrong["where"]
    assert "connections/erp.toml" in wrong["where"]
    assert "orderNo" in wrong["next_step"], wrong

    # A rule that no record fits: each becomes a dead letter.
    site.connect_erp(map={"orderNo": "no", "totalNetValue": {"from": "note", "as": "decimal"}})
    site.groundwire("resync", "erp/orders")
    doctor, status = site.doctor(), site.groundwire("status").stdout
    assert "totalNetValue" in doctor.problems["sources.mapping"]["cause"], doctor.words
    assert "erp/orders" in doctor.problems["sources.mapping"]["where"]
    assert "outbox.dead_letters" in {one["code"] for one in doctor.findings}, doctor.words
    assert "dead letters" in status

    # A column that the source does not have any more.
    site.connect_erp()
    site.server.psql("alter table breakage_orders rename column total to amount")
    site.groundwire("sync", "erp")
    doctor, status = site.doctor(), site.groundwire("status").stdout
    assert "total" in doctor.problems["sources.changed"]["cause"], doctor.words
    assert "groundwire discover" in doctor.problems["sources.changed"]["next_step"], doctor.words
    assert "groundwire discover" in status, status

    site.server.psql("alter table breakage_orders rename column amount to total")
    letters = json.loads(site.groundwire("outbox", "dead-letters", "--json").stdout)["dead_letters"]
    assert site.groundwire("outbox", "requeue", *(str(one["id"]) for one in letters)).code == 0
    site.until(lambda: site.groundwire("sync", "erp").code == 0, "mended")
    site.assert_healthy()
    assert "outbox.dead_letters" not in {one["code"] for one in site.doctor().findings}
