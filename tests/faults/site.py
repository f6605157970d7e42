"""A deployment that may be killed at any moment."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import tomlkit

from agent.control import NoAgentRunning
from tests.deployment import POLL_SECONDS, READY_SECONDS, Deployment
from tests.faults.oracle import PATHS, compare, judge_feed, judge_store, parsed
from tests.faults.order_book import OrderBook
from tests.life import started

HASTY = "tests.faults.hasty_agent"
HEARTBEAT_SECONDS = 0.5  # a dead line is noticed after two and a half of them


class Site(Deployment):
    """The agent runs with a short back-off, the heartbeat is short, and both sides can be killed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._loose: list[subprocess.Popen[bytes]] = []  # every agent ever started

    def start_relay(self) -> None:
        file = self.relay / "relay.toml"
        document = tomlkit.parse(file.read_text())
        document["gateway"]["heartbeat_seconds"] = HEARTBEAT_SECONDS  # type: ignore[index]
        file.write_text(tomlkit.dumps(document))
        super().start_relay()

    def start_agent(self) -> None:
        self.launch_agent()
        self.wait_until_connected()

    def point_at(self, port: int) -> None:
        """Where an agent that is started from now on looks for the relay."""
        file = self.config / "agent.toml"
        document = tomlkit.parse(file.read_text())
        document["relay"]["url"] = f"wss://127.0.0.1:{port}"  # type: ignore[index]
        file.write_text(tomlkit.dumps(document))

    def launch_agent(self) -> None:
        self._agent = self.spawn_agent(self.config)

    def spawn_agent(self, config: Path) -> subprocess.Popen[bytes]:
        words = ("run", "--config", str(config))
        process = started(words, self._environment, self.folder / f"{config.name}.log", program=HASTY)
        self._loose.append(process)
        return process

    def wait_until_connected(self) -> None:
        assert self._agent is not None
        self._await(self._agent, "agent", self._agent_answers)

    def wait_until_up(self) -> None:
        """The agent is there, whether it has a relay or not."""

        def answers() -> bool:
            with suppress(NoAgentRunning):
                return bool(self.call("status"))
            return False

        assert self._agent is not None
        self._await(self._agent, "agent", answers)

    def kill_agent(self) -> None:
        assert self._agent is not None
        self._agent.kill()
        self._agent.wait()
        self._agent = None

    def end_agent(self) -> int:
        """SIGTERM; the exit code."""
        assert self._agent is not None
        self._agent.terminate()
        code = self._agent.wait(READY_SECONDS)
        self._agent = None
        return code

    def await_exit(self) -> int:
        assert self._agent is not None
        code = self._agent.wait(READY_SECONDS)
        self._agent = None
        return code

    def take_agent(self) -> subprocess.Popen[bytes]:
        """The agent's process, which is no longer this site's."""
        assert self._agent is not None
        process, self._agent = self._agent, None
        return process

    def adopt(self, process: subprocess.Popen[bytes], config: Path) -> None:
        self._agent = process
        self.config, self.state = config, config / "state"

    def restore(self, backup: Path) -> None:
        shutil.rmtree(self.state)
        shutil.copytree(backup / "state", self.state)

    def enrol_again(self) -> None:
        """As the operator does: a code for the agent's own name, which takes the agent over."""
        url = f"wss://127.0.0.1:{self.gateway}"
        code = self.post("/enrolment-codes", {"agentName": "site-1"})["code"]
        self._groundwire("enroll", url, code, "--replace", "--config", str(self.config))

    def stop(self) -> None:
        for process in self._loose:
            if process.poll() is None:
                process.kill()
                process.wait()
        super().stop()

    def wait_until(self, what: str, condition: Any) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"{what}\n{self.log_tail()}"
            time.sleep(POLL_SECONDS)

    def enqueued(self, connection: str) -> int:
        """How far the connection's streams have come in the outbox."""
        streams = self.call("outbox")["streams"]
        return sum(figures["last_seq"] for name, figures in streams.items() if _of(name, connection))

    def settle(self, name: str, book: OrderBook, *, repeats: bool = False) -> None:
        """Let everything arrive from a source at rest, and hold it against the source."""
        self.wait_until_connected()
        runs = self.sync(name)
        assert [run["error"] for run in runs] == [None, None], self.log_tail()
        contents = book.contents()
        assert judge_feed(parsed(self.feed(), name), contents, repeats=repeats) == [], self.log_tail()
        self.wait_until(
            "the API does not show what the source holds", lambda: not self._unlike(name, contents)
        )
        assert not self._unlike(name, contents)
        self._judge_store()

    def _judge_store(self) -> None:
        """Schedules go on meanwhile, so a moment is looked for in which both sides are quiet."""
        deadline = time.monotonic() + READY_SECONDS
        while faults := self._store_faults():
            assert time.monotonic() < deadline, f"{faults}\n{self.log_tail()}"
            time.sleep(POLL_SECONDS * 5)

    def _store_faults(self) -> list[str]:
        try:
            return judge_store(self.relay / "data", self.state / "outbox.db")
        except sqlite3.DatabaseError as error:
            return [f"a store cannot be read, or was written while it was copied: {error}"]

    def _unlike(self, name: str, contents: Any) -> list[str]:
        faults: list[str] = []
        for entity, path in PATHS.items():
            found = {record["key"]: record for record in self.records(path, connection=name)}
            faults += compare(entity, found, contents[entity])
        return faults


def _of(stream: str, connection: str) -> bool:
    return stream.partition("/")[0] == connection
