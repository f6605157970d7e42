"""An operator's desk: one configuration folder, the real command line, and an agent in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.control import ControlClient, NoAgentRunning
from agent.identity import Identity, IdentityStore
from tests.life import FORKS, GROUNDWIRE, ROOT, Life, started
from tests.permissive import allow_everything
from tests.servers import free_port

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.05

ORDERS = {
    "entity": "purchase_order",
    "read": {"query": "select no, total from orders", "key": ["no"]},
    "map": {"orderNo": "no", "totalNetValue": {"from": "total", "as": "decimal"}},
}


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended. Whatever happened, no operator was shown a traceback."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        return json.loads(self.stdout)

    @property
    def error(self) -> dict[str, str]:
        """The one error of a command called with --json."""
        (line,) = [line for line in self.stderr.splitlines() if line.startswith("{")]
        error: dict[str, str] = json.loads(line)["error"]
        return error


class Workplace:
    program = GROUNDWIRE
    command: Sequence[str] = ()  # in place of the program, and never forked

    def __init__(self, folder: Path, *, relay_url: str = "", ca_file: Path | None = None) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.environment = dict(os.environ)
        relay = {"ca_file": str(ca_file)} if ca_file else {}
        document = {"agent": {"name": "berlin", "state_dir": "state", "log_format": "json"}, "relay": relay}
        self.write("agent.toml", tomlkit.dumps(document))
        self.enrol(relay_url or f"wss://127.0.0.1:{free_port()}/agent")

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def connect(self, name: str, document: Mapping[str, Any]) -> Path:
        allow_everything(self.folder, [name])
        return self.write(f"connections/{name}.toml", tomlkit.dumps(document))

    def connect_sandbox(self) -> None:
        self.connect("box", {"system": "sandbox", "sync": {"manual": True}})

    def connect_sqlite(self, orders: Sequence[tuple[str, str]], **changes: Any) -> Path:
        """The connection `erp` with one stream, `orders`; returns the database."""
        database = self.folder / "erp.db"
        run_sql(database, "create table orders (no text, total text)")
        for order in orders:
            run_sql(database, "insert into orders values (?, ?)", order)
        document: dict[str, Any] = {
            "driver": "odbc",
            "options": {"connection": {"Driver": "SQLite3", "Database": str(database)}},
            "sync": {"manual": True, "initial_window": "everything"},
            "streams": {"orders": ORDERS},
        }
        self.connect("erp", document | changes)
        return database

    def enrol(self, relay_url: str, agent: str = "agent-1") -> None:
        """An identity as `groundwire enroll` leaves it, for a relay that need not be there."""
        IdentityStore(self.state).save(Identity(agent, "default", relay_url, 1, Ed25519PrivateKey.generate()))

    def run(self, *words: str) -> Answer:
        answer = self._run_forked(words) if self._forks else self._run_whole(words)
        assert "Traceback" not in answer.stdout + answer.stderr, answer.stderr
        return answer

    @property
    def _forks(self) -> bool:
        return FORKS and not self.command

    def _run_forked(self, words: Sequence[str]) -> Answer:
        with tempfile.TemporaryDirectory(prefix="groundwire-said-") as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            arguments = [*words, "--config", str(self.folder)]
            life = Life(arguments, self.environment, err, out, program=self.program)
            try:
                code = life.wait(PATIENCE_SECONDS)
            finally:
                life.kill()
            return Answer(code, out.read_text(), err.read_text())

    def _run_whole(self, words: Sequence[str]) -> Answer:
        done = subprocess.run(
            [*(self.command or (sys.executable, "-m", self.program)), *words, "--config", str(self.folder)],
            env=self.environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def agent(self) -> Iterator[Agent]:
        log = self.folder / "agent.log"
        agent = Agent(self._started(log), self.state, log)
        try:
            agent.wait_until(agent.answers)
            yield agent
        finally:
            agent.stop()
        assert "Traceback" not in agent.log(), agent.log()

    def _started(self, log: Path) -> subprocess.Popen[bytes]:
        log.write_bytes(b"")
        words = ["run", "--config", str(self.folder)]
        if not self.command:
            return started(words, self.environment, log, program=self.program)
        with log.open("ab") as file:
            return subprocess.Popen(
                [*self.command, *words],
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )


class Agent:
    def __init__(self, process: subprocess.Popen[bytes], state: Path, log: Path) -> None:
        self.process = process
        self._state = state
        self._log = log

    def call(self, name: str, **args: Any) -> Any:
        return asyncio.run(ControlClient(self._state).ask(name, args))

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def answers(self) -> bool:
        try:
            self.call("status")
        except NoAgentRunning:
            assert self.process.poll() is None, self.log()
            return False
        return True

    def states(self, connection: str) -> set[str]:
        """Of its streams; none while it starts."""
        found = [one for one in self.call("status")["connections"] if one["name"] == connection]
        return {stream["state"] for one in found for stream in one["streams"]}

    def stream(self, address: str) -> dict[str, Any]:
        """What `groundwire status` shows of a stream."""
        connection, _, name = address.partition("/")
        (found,) = [one for one in self.call("status")["connections"] if one["name"] == connection]
        (stream,) = [one for one in found["streams"] if one["name"] == name]
        return dict(stream)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, self.log()
            time.sleep(POLL_SECONDS)

    def wait_for_end(self) -> int:
        return self.process.wait(PATIENCE_SECONDS)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


def run_sql(database: Path, sql: str, values: Sequence[Any] = ()) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(sql, values)
