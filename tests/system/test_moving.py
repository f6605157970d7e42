"""docs/moving.md, typed as it stands on machines that are folders here, with a real relay and judged from both ends.

`systemctl` and `groundwire` are small scripts that do what the installed ones do; `chown` has no user to give to.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
import tomlkit

from tests.faults.oracle import judge_feed, parsed
from tests.faults.order_book import OrderBook
from tests.faults.site import Site
from tests.life import ROOT
from tests.permissive import allow_everything

pyodbc = pytest.importorskip("pyodbc", reason="needs unixODBC", exc_type=ImportError)
pytestmark = [
    pytest.mark.skipif("SQLite3" not in pyodbc.drivers(), reason="needs the SQLite ODBC driver"),
    pytest.mark.timeout(600),
]

PAGE: Final = (ROOT / "docs" / "moving.md").read_text("utf-8")
FENCE: Final = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
SYSTEMCTL: Final = """#!/bin/sh
case "$*" in
  "stop groundwire" | "disable --now groundwire")
    [ -s agent.pid ] && kill "$(cat agent.pid)" 2>/dev/null
    while kill -0 "$(cat agent.pid)" 2>/dev/null; do sleep 0.1; done
    : >agent.pid ;;
  "start groundwire" | "enable --now groundwire")
    setsid {python} -m tests.faults.hasty_agent run >>agent.log 2>&1 & echo $! >agent.pid
    until [ -e {state}/control.sock ] || [ -e {state}/control.json ] || ! kill -0 "$(cat agent.pid)" 2>/dev/null; do sleep 0.1; done ;;
  *) echo "unknown: $*" >&2; exit 1 ;;
esac
"""
GROUNDWIRE: Final = '#!/bin/sh\nexec {python} -m agent.cli "$@"\n'


def blocks(heading: str) -> list[str]:
    section = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return FENCE.findall(section)


class Machine:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.config = root / "etc" / "groundwire"
        self.state = root / "var" / "lib" / "groundwire"
        for folder in (self.config.parent, self.state.parent, root / "bin"):
            folder.mkdir(parents=True)
        (root / "agent.pid").touch()
        tools = {"systemctl": SYSTEMCTL, "groundwire": GROUNDWIRE, "chown": "#!/bin/sh\n"}
        for name, text in tools.items():
            filled = text.replace("{python}", sys.executable).replace("{state}", str(self.state))
            (root / "bin" / name).write_text(filled)
            (root / "bin" / name).chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{root / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "GROUNDWIRE_CONFIG": str(self.config),
            "STATE_DIRECTORY": str(self.state),
        }

    def type(self, block: str, **instead: str) -> str:
        """Each line must succeed. `instead`: what stands for something in the page."""
        text = block.replace(" -C / ", f" -C {self.root} ").replace(
            "/var/lib/groundwire\n", f"{self.state}\n"
        )
        for word, value in instead.items():
            assert word in text
            text = text.replace(word, value)
        done = subprocess.run(
            ["sh", "-e"],
            input=text,
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}\n{self.log()}"
        return done.stdout

    def runs(self) -> bool:
        pid = (self.root / "agent.pid").read_text().strip()
        with suppress(OSError):
            status = Path("/proc", pid, "stat").read_text()
            return bool(pid) and ") Z " not in status
        return False

    def log(self) -> str:
        file = self.root / "agent.log"
        return file.read_text()[-6_000:] if file.exists() else ""

    def end(self) -> None:
        with suppress(OSError, ValueError):
            os.kill(int((self.root / "agent.pid").read_text()), signal.SIGKILL)


class Estate(Site):
    """One relay, and machines of which one after the other is the agent's."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.machines: list[Machine] = []
        self.at(Machine(folder / "old"))

    def at(self, machine: Machine) -> Machine:
        if machine not in self.machines:
            self.machines.append(machine)
        self.machine, self.config, self.state = machine, machine.config, machine.state
        self._environment = machine.environment
        return machine

    def _make_agent(self, code: str) -> None:
        (self.config / "connections").mkdir(parents=True)
        url = f"wss://127.0.0.1:{self.gateway}"
        agent = {"agent": {"name": "site-1"}, "relay": {"url": url, "ca_file": self._authority}}
        (self.config / "agent.toml").write_text(tomlkit.dumps(agent))
        allow_everything(self.config)
        self._groundwire("enroll", url, code, "--config", str(self.config))

    def wait_until_connected(self) -> None:
        self.wait_until("the agent is not connected", self._agent_answers)

    def log_tail(self) -> str:
        return "\n".join([super().log_tail(), *(machine.log() for machine in self.machines)])

    def stop(self) -> None:
        for machine in self.machines:
            machine.end()
        super().stop()


@pytest.fixture
def book(tmp_path: Path) -> OrderBook:
    return OrderBook(tmp_path / "erp.db", orders=120)


@pytest.fixture
def estate(tmp_path: Path, book: OrderBook) -> Iterator[Estate]:
    with Estate(tmp_path) as estate:
        estate.connect("erp", book.connection(every=None))
        estate.machine.type("systemctl start groundwire\n")
        estate.settle("erp", book)
        yield estate


def test_what_waited_arrives_from_the_new_machine_and_the_old_one_is_refused(
    estate: Estate, book: OrderBook, tmp_path: Path
) -> None:
    old = estate.machine
    stop, start = blocks("To another machine")
    estate.kill_relay()
    for _ in range(4):
        book.change()
    estate.call("sync", {"streams": ["erp"]})
    assert estate.call("outbox")["pending_batches"] > 0
    old.type(stop)
    assert not old.runs()
    estate.start_relay()

    new = estate.at(Machine(tmp_path / "new"))
    (old.root / "moved.tar.gz").rename(new.root / "moved.tar.gz")
    new.type(start)
    estate.settle("erp", book)

    old.type("systemctl start groundwire\n")
    estate.wait_until("the old machine goes on", lambda: not old.runs())
    assert "another copy of this agent has connected since" in old.log()
    book.change()
    estate.settle("erp", book)


@pytest.mark.slow
def test_a_backup_that_is_too_old_is_refused_and_a_new_identity_completes_the_relay(
    estate: Estate, book: OrderBook
) -> None:
    """Everything stays one agent with one connection, whose records are the source's."""
    machine = estate.machine
    connection = estate.get("/connections")["items"][0]["id"]
    machine.type(blocks("A backup")[0])
    book.change()
    estate.settle("erp", book)

    machine.type(blocks("From a backup or a snapshot")[0])
    estate.wait_until("an older copy goes on", lambda: not machine.runs())
    assert "another copy of this agent has connected since" in machine.log()

    book.change()
    url = f"wss://127.0.0.1:{estate.gateway}"
    code = estate.post("/enrolment-codes", {"agentName": "site-1"})["code"]
    machine.type(blocks("A new identity")[0], **{"wss://relay.example.com": url, " CODE ": f" {code} "})
    estate.wait_until_connected()
    estate.sync("erp")
    contents = book.contents()
    faults = judge_feed(parsed(estate.feed(), "erp"), contents, repeats=True)
    assert [one for one in faults if "an older version came after" not in one] == []  # as the page says
    estate.wait_until("the relay is not the source", lambda: not estate._unlike("erp", contents))
    book.change()
    estate.sync("erp")
    contents = book.contents()
    estate.wait_until("the relay is not the source", lambda: not estate._unlike("erp", contents))
    assert [one["id"] for one in estate.get("/connections")["items"]] == [connection]
    assert len(estate.get("/agents")["items"]) == 1


@pytest.mark.slow
def test_a_backup_of_before_the_last_connection_alone_goes_on(estate: Estate, book: OrderBook) -> None:
    """Put back without having connected since: nobody has gone on with it."""
    machine = estate.machine
    estate.kill_relay()
    machine.type(blocks("A backup")[0])
    book.change()

    machine.type(blocks("From a backup or a snapshot")[0])
    estate.start_relay()

    estate.settle("erp", book, repeats=True)
