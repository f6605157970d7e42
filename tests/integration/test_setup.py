"""`groundwire setup` as people and scripts meet it: a real terminal, relay, TLS, proxy, databases."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import sqlite3
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import aclosing, closing, contextmanager
from pathlib import Path

import pytest

from agent.configuration.policy_file import read_policy
from agent.control import ControlClient, NoAgentRunning
from agent.errors import CredentialsRefused
from agent.identity import IdentityStore
from agent.settings import load
from agent.setup.conversation import Outcome, set_up
from agent.setup.machine import ThisMachine
from agent.setup.unattended import FromFile, read_answers
from tests.canaries import canary
from tests.deployment import GROUNDWIRE, Deployment
from tests.life import ROOT
from tests.pseudo_terminal import PseudoTerminal
from tests.servers import PostgresServer, free_port

pytestmark = [pytest.mark.timeout(300)]

ERP = """
create table vendors (vendor_id int primary key, name varchar(40) not null, changed_at timestamp);
create table purchase_orders (order_id int primary key, order_no varchar(20) not null,
  vendor_id int references vendors(vendor_id), order_date date, changed_at timestamp);
insert into vendors values (1, 'Blum', '2026-01-01 10:00:00');
insert into purchase_orders values (1, 'PO1', 1, '2026-01-02', '2026-01-02 10:00:00'), (2, 'PO2', 1, '2026-01-03', '2026-01-03 10:00:00');
"""


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with Deployment(tmp_path_factory.mktemp("relay")) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the agent is set up; its state folder's path is short enough for a socket."""
    return tmp_path / "agent"


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def code_of(relay: Deployment) -> str:
    return str(json.loads(relay._groundwire("relay", "code", "create", str(relay.relay), "--json"))["code"])


def run(*words: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*GROUNDWIRE, *words, "--config", str(folder)],
        env=environment(**more),
        cwd=folder.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def at_terminal(folder: Path, *words: str, **more: str) -> PseudoTerminal:
    command = [*GROUNDWIRE, "setup", "--config", str(folder), *words]
    return PseudoTerminal(command, environment=environment(**more), folder=folder.parent)


class TestAtATerminal:
    def test_wrong_answers_are_mended_ctrl_c_keeps_what_is_done_and_the_next_run_goes_on(
        self, relay: Deployment, folder: Path
    ) -> None:
        with at_terminal(folder) as terminal:
            terminal.answer("Address of the relay", f"ws://127.0.0.1:{relay.gateway}")
            terminal.expect("not encrypted")
            terminal.type(f"127.0.0.1:{relay.gateway}\n")
            terminal.expect("do not know who issued")  # a line may end behind it
            terminal.answer("What would you like to do?")  # Enter: name the authority
            terminal.answer("File of the authority", "/nowhere.pem")
            terminal.expect("There is no file /nowhere.pem")
            terminal.type(f"{relay.relay}/ca.pem\n")
            terminal.expect("websocket: open")
            terminal.answer("What shall the relay call this agent?", "plant-7")
            terminal.expect("Wrote agent.toml")
            terminal.answer("Enrolment code", "ABCDE-FGHJK")
            terminal.expect("not an enrolment code")
            terminal.answer("Enrolment code", code_of(relay))
            terminal.expect("the relay knows this agent as plant-7")
            terminal.answer("Connect a system now?")
            terminal.answer("What is to be read?", "sandbox")
            terminal.expect("A name for this connection")
            terminal.expect("> ")
            terminal.interrupt()

            assert terminal.end() == 130
            assert "Traceback" not in terminal.screen
        assert not (folder / "connections").exists()

        with at_terminal(folder) as terminal:
            terminal.expect("Enrolled already, as")
            terminal.answer("Connect a system now?")
            terminal.answer("What is to be read?")  # Enter: what was answered before
            terminal.answer("A name for this connection", "demo")
            terminal.answer("Which streams?", "1-2")
            terminal.answer("What of them may leave", "2")
            terminal.expect("the first 10 records, as they would leave")
            terminal.answer("Does this look right?")
            terminal.expect("Wrote connections/demo.toml")
            terminal.answer("Connect another system?")
            terminal.expect(f"groundwire run --config {folder}")

            assert terminal.end() == 0
        assert not (folder / ".setup-answers.toml").exists()
        written = load(folder)
        assert (list(written.connections), written.broken) == (["demo"], ())
        assert len(written.connections["demo"].streams) == 2
        assert len(read_policy(folder).file.connections["demo"].leave) == 2

    def test_a_password_is_not_echoed_and_what_it_was_typed_for_is_mended(
        self, relay: Deployment, folder: Path, postgres_server: PostgresServer
    ) -> None:
        postgres_server.create_database("setup_terminal")
        postgres_server.execute(ERP, "setup_terminal")
        prepared(relay, folder)
        wrong = canary("-typo")
        with at_terminal(folder, "--save-answers", str(folder.parent / "answers.toml")) as terminal:
            terminal.answer("Connect a system now?")
            terminal.answer("What is to be read?", "database")
            terminal.answer("A name for this connection", "erp")
            terminal.answer("Which ODBC driver", "PostgreSQL Unicode")
            terminal.answer("Server", "127.0.0.1")
            terminal.answer("Port", str(postgres_server.port))
            terminal.answer("Database", "setup_terminal")
            terminal.answer("User", postgres_server.user)
            terminal.answer("Password", wrong)
            terminal.answer("Is the way to the database encrypted?")
            terminal.expect("authentication failed")
            terminal.answer("What would you like to change?")  # Enter: the password
            terminal.answer("Password", postgres_server.password)
            terminal.expect("these look like something Groundwire knows")
            terminal.answer("Which streams?")
            terminal.answer("What of them may leave")
            terminal.expect("leaves masked: name")
            terminal.answer("Does this look right?")
            terminal.answer("Connect another system?")

            assert terminal.end() == 0
            assert wrong not in terminal.screen
            assert postgres_server.password not in terminal.screen
        written = [*folder.rglob("*.toml"), folder.parent / "answers.toml"]
        assert not [path for path in written if postgres_server.password in path.read_text()]

    def test_without_a_terminal_it_says_what_to_use_instead(self, folder: Path) -> None:
        done = run("setup", folder=folder)

        assert done.returncode == 2
        assert "--from" in done.stderr


class TestFromAFile:
    def test_a_file_of_answers_sets_everything_up_and_a_second_time_changes_nothing(
        self, relay: Deployment, folder: Path, postgres_server: PostgresServer
    ) -> None:
        postgres_server.create_database("setup_file")
        postgres_server.execute(ERP, "setup_file")
        text = f"""
[relay]
url = "wss://127.0.0.1:{relay.gateway}"
code = "env:CODE"
ca_file = "{relay.relay}/ca.pem"
name = "unattended"

[connections.demo]
system = "sandbox"
streams = ["vendors"]

[connections.erp]
system = "database"
leave = "everything"
[connections.erp.answers]
odbc = "driver:PostgreSQL Unicode"
server = "127.0.0.1"
port = {postgres_server.port}
database = "setup_file"
user = "{postgres_server.user}"
password = "env:PW"
"""
        answers = folder.parent / "answers.toml"
        answers.write_text(text)
        environ = {"CODE": code_of(relay), "PW": postgres_server.password}

        done = run("setup", "--from", str(answers), "--json", folder=folder, **environ)

        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert [one["name"] for one in told["connections"]] == ["demo", "erp"]
        assert told["connections"][1]["streams"] == ["purchase_orders", "vendors"]
        lines = [json.loads(line)["progress"] for line in done.stderr.splitlines()]
        assert {line["tone"] for line in lines} >= {"step", "done", "records", "file"}
        assert postgres_server.password not in done.stdout + done.stderr
        before = {path: path.read_bytes() for path in folder.rglob("*.toml")}

        again = here(answers, folder, PW=postgres_server.password)

        assert again.files == []
        assert {path: path.read_bytes() for path in folder.rglob("*.toml")} == before
        synced = run("sync", "--json", folder=folder)
        assert synced.returncode == 0, synced.stderr
        counts = {one["stream"]: one["counts"] for one in json.loads(synced.stdout)["runs"]}
        assert set(counts) == {"demo/vendors", "erp/purchase_orders", "erp/vendors"}

    def test_through_a_proxy_that_wants_a_password(self, relay: Deployment, folder: Path) -> None:
        password = secrets.token_hex(12)  # no canary: proxy.py takes it as an argument alone
        with authenticating_proxy(f"joe:{password}", folder.parent) as port:
            answers = folder.parent / "answers.toml"
            answers.write_text(
                f'[relay]\nurl = "127.0.0.1:{relay.gateway}"\ncode = "env:CODE"\nca_file = "{relay.relay}/ca.pem"\n'
                f'proxy = "http://127.0.0.1:{port}"\nproxy_user = "joe"\nproxy_password = "env:PROXY"\n'
                '[connections.demo]\nsystem = "sandbox"\n'
            )
            code = code_of(relay)

            with pytest.raises(CredentialsRefused):
                here(answers, folder, CODE=code, PROXY="wrong")
            assert not folder.exists()

            tried = here(answers, folder, dry_run=True, PROXY=password)
            assert tried.files == ["agent.toml", "policy.toml", "connections/demo.toml"]
            assert not folder.exists()

            done = here(answers, folder, CODE=code, PROXY=password)

            assert [one.name for one in done.connections] == ["demo"]
            relay_table = tomllib.loads((folder / "agent.toml").read_text())["relay"]
            assert relay_table["proxy_password"] == "secret:relay-proxy"
            assert password not in "".join(path.read_text() for path in folder.rglob("*.toml"))
            assert IdentityStore(folder / "state").load().relay_url.endswith("/agent")

    def test_a_running_agent_takes_a_new_connection_up_by_itself(
        self, relay: Deployment, folder: Path
    ) -> None:
        """A database in a file, which needs no server and no password."""
        pyodbc = pytest.importorskip("pyodbc", reason="unixODBC is not installed", exc_type=ImportError)
        if "SQLite3" not in pyodbc.drivers():
            pytest.skip("the ODBC driver SQLite3 (package libsqliteodbc) is not installed")
        with closing(sqlite3.connect(folder.parent / "erp.db")) as database:
            database.executescript(ERP)
        prepared(relay, folder)
        with (folder.parent / "agent.log").open("wb") as log:
            agent = subprocess.Popen(
                [*GROUNDWIRE, "run", "--config", str(folder)],
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        try:
            until(lambda: status_of(folder) is not None, "the agent did not start")
            answers = folder.parent / "more.toml"
            answers.write_text(
                '[connections.erp]\nsystem = "database"\n[connections.erp.answers]\nodbc = "driver:SQLite3"\n'
                f'database = "{folder.parent}/erp.db"\n'
            )

            done = here(answers, folder)

            assert done.running
            assert done.connections[0].streams == ("purchase_orders", "vendors")
            until(lambda: "erp" in str(status_of(folder)), "erp was not taken up")
        finally:
            agent.terminate()
            agent.wait(60)


def prepared(relay: Deployment, folder: Path) -> None:
    """An agent that is enrolled."""
    answers = folder.parent / "relay.toml"
    answers.write_text(
        f'[relay]\nurl = "127.0.0.1:{relay.gateway}"\ncode = "env:CODE"\nca_file = "{relay.relay}/ca.pem"\nname = "it"\n'
    )
    assert here(answers, folder, CODE=code_of(relay)).enrolled is not None


def here(answers: Path, folder: Path, *, dry_run: bool = False, **more: str) -> Outcome:
    """What the command does, without a process of its own."""

    async def work() -> Outcome:
        person = FromFile(read_answers(answers), lambda _: None, environ=environment(**more))
        async with aclosing(ThisMachine(folder, environment(**more))) as machine:
            return await set_up(person, machine, dry_run=dry_run)

    return asyncio.run(work())


def status_of(folder: Path) -> object:
    """None while no agent answers."""
    try:
        return asyncio.run(ControlClient(folder / "state").ask("status"))
    except NoAgentRunning:
        return None


@contextmanager
def authenticating_proxy(account: str, folder: Path) -> Iterator[int]:
    port = free_port()
    with (folder / "proxy.log").open("wb") as log:
        proxy = subprocess.Popen(
            [sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", str(port), "--num-workers", "1",
             "--num-acceptors", "1", "--basic-auth", account],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "HOME": str(folder)},
        )  # fmt: skip
    try:
        until(lambda: _answers(port), "the proxy did not start")
        yield port
    finally:
        proxy.terminate()
        proxy.wait(60)


def _answers(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def until(true: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + 90
    while not true():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)
