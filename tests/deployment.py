"""A whole Groundwire on this machine: relay and agent in processes of their own, TLS between them, the API in front."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import tomlkit

from agent.control import ControlClient, NoAgentRunning
from tests.life import FORKS, ROOT, Life, started
from tests.permissive import allow_everything
from tests.servers import free_port

GROUNDWIRE = (sys.executable, "-m", "agent.cli")
READY_SECONDS = 60.0
COMMAND_SECONDS = 300.0
STOP_SECONDS = 40.0  # an agent drains for up to 25 s
POLL_SECONDS = 0.02
FEED_RECORDS = 20_000


class Deployment:
    """`folder` gets `agent/` (configuration and state), `relay/` and the logs of both."""

    def __init__(self, folder: Path, *, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.config = folder / "agent"
        self.state = folder / "agent" / "state"
        self.relay = folder / "relay"
        self.gateway = free_port()
        self.api = free_port()
        self.token = ""
        self._code = ""  # for enrolling
        self._environment = {**os.environ, **(environment or {})}
        self._relay: subprocess.Popen[bytes] | None = None
        self._agent: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            code = self._make_relay()
            self.start_relay()
            self._make_agent(code)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if kind is None:
            self._look_for_secrets()

    @property
    def agent_pid(self) -> int:
        assert self._agent is not None
        return self._agent.pid

    @property
    def relay_pid(self) -> int:
        assert self._relay is not None
        return self._relay.pid

    def connect(self, name: str, document: Mapping[str, Any]) -> None:
        """Write a connection file, and let its policy allow everything; a running agent picks both up by itself."""
        allow_everything(self.config, [name])
        (self.config / "connections" / f"{name}.toml").write_text(tomlkit.dumps(document))

    def disconnect(self) -> None:
        """Remove every connection file."""
        for path in (self.config / "connections").glob("*.toml"):
            path.unlink()

    def start_relay(self) -> None:
        self._relay = self._spawn("relay", "relay", "run", str(self.relay))
        self._await(self._relay, "relay", lambda: self._answers("/healthz"))

    def start_agent(self) -> None:
        self._agent = self._spawn("agent", "run", "--config", str(self.config))
        self._await(self._agent, "agent", self._agent_answers)

    def stop_agent(self) -> None:
        self._agent = _ended(self._agent)

    def kill_relay(self) -> None:
        assert self._relay is not None
        self._relay.kill()
        self._relay.wait()
        self._relay = None

    def stop_relay(self) -> None:
        self._relay = _ended(self._relay)

    def stop(self) -> None:
        self._agent = _ended(self._agent)
        self._relay = _ended(self._relay)

    def call(self, name: str, args: Mapping[str, Any] | None = None) -> Any:
        """A call over the agent's control socket, as the command line makes it."""
        return asyncio.run(ControlClient(self.state).ask(name, args))

    def sync(self, connection: str, *, full: bool = False) -> list[dict[str, Any]]:
        """Sync every stream of the connection and return when the relay has acked all of it."""
        runs: list[dict[str, Any]] = self.call("resync" if full else "sync", {"streams": [connection]})[
            "runs"
        ]
        self.wait_until_acked()
        return runs

    def wait_until_acked(self) -> None:
        deadline = time.monotonic() + READY_SECONDS * 10
        while self.call("outbox")["pending_batches"]:
            assert time.monotonic() < deadline, f"batches stay pending:\n{self.log_tail()}"
            time.sleep(POLL_SECONDS)

    def get(self, path: str, **query: Any) -> Any:
        return json.loads(self._request(f"/api/v1{path}?{urllib.parse.urlencode(query)}")[0])

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return json.loads(self._request(f"/api/v1{path}", json.dumps(body).encode())[0])

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return json.loads(self._request(f"/api/v1{path}", json.dumps(body).encode(), "PATCH")[0])

    def command_line(self, *words: str) -> str:
        """What a command of the agent's command line prints; it must succeed."""
        return self._groundwire(*words, "--config", str(self.config))

    def wait_for_command(self, command: str) -> dict[str, Any]:
        deadline = time.monotonic() + READY_SECONDS
        while (found := self.get(f"/commands/{command}"))["state"] in (
            "queued",
            "sent",
            "received",
            "running",
        ):
            assert time.monotonic() < deadline, f"the command stays {found['state']}:\n{self.log_tail()}"
            time.sleep(POLL_SECONDS)
        return dict(found)

    def records(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Every record of a kind, page after page."""
        cursor: dict[str, str] = {}
        while True:
            page = self.get(f"/{path}", limit=500, **query, **cursor)
            yield from page["items"]
            if not page["hasMore"]:
                return
            cursor = {"cursor": page["nextCursor"]}

    def feed(self) -> Iterator[bytes]:
        """Every stored change as a JSON line, in the order of arrival."""
        cursor: dict[str, str] = {}
        while True:
            query = urllib.parse.urlencode({"limit": FEED_RECORDS, **cursor})
            lines = self._request(f"/api/v1/feed?{query}")[0].splitlines()
            yield from (
                line for line in lines if line.startswith((b'{"type":"record"', b'{"type":"tombstone"'))
            )
            end = json.loads(lines[-1])
            if not end["more"]:
                return
            cursor = {"cursor": end["cursor"]}

    def wait_for(self, path: str, count: int, **query: Any) -> None:
        """Until the index shows so many records: it follows the stored batches a moment later."""
        deadline = time.monotonic() + READY_SECONDS
        while (found := sum(1 for _ in self.records(path, **query))) != count:
            assert time.monotonic() < deadline, f"{path}: {found} of {count}\n{self.log_tail()}"
            time.sleep(POLL_SECONDS * 5)

    def log_tail(self) -> str:
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-4000:]}"
            for path in sorted(self.folder.glob("*.log"))
        )

    def _look_for_secrets(self) -> None:
        """What relay and agent made up as secrets is in no log, and on the relay's disk there are hashes at most."""
        identity = self.state / "identity.json"
        keys = [json.loads(identity.read_text())["key"]] if identity.exists() else []
        secret = self.token.split("_", 2)[-1]  # which may hold further underscores
        made = [one.encode() for one in (secret, self._code, *keys) if one]
        files = [
            *self.folder.glob("*.log"),
            *(path for path in (self.relay / "data").rglob("*") if path.is_file()),
        ]
        assert [path.name for path in files if any(one in path.read_bytes() for one in made)] == []

    def _make_relay(self) -> str:
        """Returns an enrolment code: the relay is not running yet, so the command line may give one."""
        ports = ["--gateway-port", str(self.gateway), "--api-port", str(self.api)]
        init = self._groundwire("relay", "init", str(self.relay), "--host", "127.0.0.1", *ports, "--json")
        made = json.loads(init)
        self.token = made["token"]
        self._authority = made["ca"]
        created = self._groundwire("relay", "code", "create", str(self.relay), "--json")
        self._code = str(json.loads(created)["code"])
        return self._code

    def _make_agent(self, code: str) -> None:
        (self.config / "connections").mkdir(parents=True)
        url = f"wss://127.0.0.1:{self.gateway}"
        agent = {"name": "site-1", "state_dir": "state", "log_format": "json"}
        relay = {"url": url, "ca_file": self._authority}
        (self.config / "agent.toml").write_text(tomlkit.dumps({"agent": agent, "relay": relay}))
        allow_everything(self.config)
        self._groundwire("enroll", url, code, "--config", str(self.config))

    def _groundwire(self, *arguments: str) -> str:
        return self._asked_forked(arguments) if FORKS else self._asked_whole(arguments)

    def _asked_forked(self, arguments: Sequence[str]) -> str:
        with tempfile.TemporaryDirectory(prefix="groundwire-said-") as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            life = Life(arguments, self._environment, err, out)
            try:
                code = life.wait(COMMAND_SECONDS)
            finally:
                life.kill()
            assert code == 0, f"groundwire {arguments[0]}: {err.read_text()}\n{self.log_tail()}"
            return out.read_text()

    def _asked_whole(self, arguments: Sequence[str]) -> str:
        done = subprocess.run(
            [*GROUNDWIRE, *arguments],
            env=self._environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"groundwire {arguments[0]}: {done.stderr}\n{self.log_tail()}"
        return done.stdout

    def _spawn(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        return started(arguments, self._environment, self.folder / f"{kind}.log")

    def _await(self, process: subprocess.Popen[bytes], what: str, ready: Any) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not ready():
            assert process.poll() is None, f"the {what} ended with {process.returncode}:\n{self.log_tail()}"
            assert time.monotonic() < deadline, f"the {what} was not ready:\n{self.log_tail()}"
            time.sleep(POLL_SECONDS)

    def _agent_answers(self) -> bool:
        try:
            return bool(self.call("status")["relay"]["phase"] == "connected")
        except NoAgentRunning:
            return False

    def _answers(self, path: str) -> bool:
        with suppress(OSError):
            self._request(path)
            return True
        return False

    def _request(
        self, path: str, body: bytes | None = None, method: str | None = None
    ) -> tuple[bytes, Mapping[str, str]]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        url = f"http://127.0.0.1:{self.api}{path}"
        request = urllib.request.Request(url, data=body, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own relay
            return answer.read(), answer.headers


def _ended(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None and process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
