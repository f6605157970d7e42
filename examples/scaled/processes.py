"""The set-up of docs/relay-scaled.md as processes on this machine: PostgreSQL, NATS, two relays and haproxy.

They run with the files of packaging/relay, in which only ports, paths and passwords are exchanged for free ones.
"""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging" / "relay"
GROUNDWIRE = (sys.executable, "-m", "agent.cli")
RELAYS = ("relay_a", "relay_b")
ORDER = ("postgres", "nats", *RELAYS, "proxy")
START_SECONDS = 90.0
STOP_SECONDS = 45.0  # a relay drains for up to 25 s
POLL_SECONDS = 0.05
SBIN = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"


class Missing(Exception):
    """A server's package is not installed."""


class Failed(AssertionError):
    """A process did not do what it was told."""


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def _binary(name: str, package: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SBIN}")
    if found is None:
        raise Missing(f"{name} (package {package}) is not installed")
    return found


class Scaled:
    """`folder` gets configuration, certificates and logs. Not `durable`: PostgreSQL does not wait for the disk."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder
        self.token = ""
        names = [
            "postgres",
            "nats",
            "gateway",
            "api",
            *(f"{r}_{p}" for r in RELAYS for p in ("gateway", "api")),
        ]
        self.port = dict(zip(names, free_ports(len(names)), strict=True))
        self._passwords = {"store": secrets.token_hex(16), "bus": secrets.token_hex(16)}
        self._durable = durable
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._database = Path()

    def __enter__(self) -> Self:
        try:
            self._lay_out()
            self.start("postgres")
            self._psql("CREATE DATABASE groundwire")
            self.token = str(json.loads(self.groundwire("relay", "token", "create", self.relay_file("relay_a"),
                             "--scope", "read", "--scope", "command", "--json"))["token"])  # fmt: skip
            for name in ORDER[1:]:
                self.start(name)
            self.until_ready("relay_a", "relay_b")
        except BaseException:
            self.stop_all()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_all()

    @property
    def gateway_url(self) -> str:
        return f"wss://127.0.0.1:{self.port['gateway']}"

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port['api']}"

    @property
    def authority(self) -> Path:
        return self.folder / "made" / "ca.pem"

    def relay_file(self, name: str) -> str:
        return str(self.folder / f"{name}.toml")

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def start(self, name: str) -> None:
        self.spawn(name)
        self._await(name, lambda: self.alive(name))

    def spawn(self, name: str) -> None:
        """Without waiting for it. Not from a thread: what it starts would end with the thread."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                self._dying_with_us(self._command(name), name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT if name in RELAYS else self.folder,
                start_new_session=True,  # a Ctrl-C is for who started them, who ends them in order
                env={**os.environ, "GROUNDWIRE_BUS_PASSWORD": f'"{self._passwords["bus"]}"'},
            )

    def kill(self, name: str) -> None:
        self._running[name].kill()
        self._running.pop(name).wait()

    def stop(self, name: str) -> None:
        process = self._running.pop(name, None)
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def wipe_nats(self) -> None:
        """Killed, and nothing of what it kept is left."""
        self.kill("nats")
        shutil.rmtree(self.folder / "nats", ignore_errors=True)

    def stop_all(self) -> None:
        for name in reversed(ORDER):
            self.stop(name)
        if self._database != Path():
            shutil.rmtree(self._database, ignore_errors=True)

    def until_ready(self, *names: str) -> None:
        for name in names:
            self._await(name, lambda name=name: self.ready(name))

    def groundwire(self, *words: str) -> str:
        done = subprocess.run([*GROUNDWIRE, *words], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"groundwire {' '.join(words[:2])}: {done.stderr}")
        return done.stdout

    def psql(self, sql: str) -> str:
        return self._psql(sql, "groundwire")

    def log_tail(self) -> str:
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-3000:]}"
            for path in sorted(self.folder.glob("*.log"))
        )

    def _lay_out(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.groundwire("relay", "init", str(self.folder / "made"), "--host", "127.0.0.1", "--json")
        for name, password in self._passwords.items():
            path = self.folder / f"{name}-password.secret"
            path.touch(mode=0o600)
            path.write_text(password)
        self._write("haproxy.cfg", (PACKAGING / "haproxy.cfg").read_text(), {
            "127.0.0.1:8443": f"127.0.0.1:{self.port['gateway']}",
            "127.0.0.1:8080": f"127.0.0.1:{self.port['api']}",
            **self._exchanged(":18443", ":28443", ":18080", ":28080"),
            **self._exchanged("port 18443", "port 28443", "port 18080", "port 28080"),
        })  # fmt: skip
        self._write("nats.conf", (PACKAGING / "nats-server.conf").read_text(),
                    {"127.0.0.1:4222": f"127.0.0.1:{self.port['nats']}", "/var/lib/nats": str(self.folder / "nats")})  # fmt: skip
        for name in RELAYS:
            self._write(f"{name}.toml", (PACKAGING / "relay.toml").read_text(), {
                'name = "relay-a"': f'name = "{name}"',
                "127.0.0.1:5432": f"127.0.0.1:{self.port['postgres']}",
                "127.0.0.1:4222": f"127.0.0.1:{self.port['nats']}",
                "port = 18443": f"port = {self.port[f'{name}_gateway']}",
                "port = 18080": f"port = {self.port[f'{name}_api']}",
                "/var/lib/groundwire-relay/relay-a": str(self.folder / "data" / name),
                "/etc/groundwire-relay/server": str(self.folder / "made" / "server"),
                "/etc/groundwire-relay/": f"{self.folder}/",
            })  # fmt: skip
        self._make_database()

    def _exchanged(self, *places: str) -> dict[str, str]:
        """The ports of the relays behind the proxy: a's begin with 1, b's with 2."""
        found = {}
        for place in places:
            before, number = place[:-5], place[-5:]
            relay = RELAYS[int(number[0]) - 1]
            kind = "gateway" if number.endswith("443") else "api"
            found[place] = f"{before}{self.port[f'{relay}_{kind}']}"
        return found

    def _write(self, name: str, text: str, exchanged: dict[str, str]) -> None:
        for old, new in exchanged.items():
            text = text.replace(old, new)
        (self.folder / name).write_text(text)

    def _make_database(self) -> None:
        folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        if not folders:
            raise Missing("PostgreSQL (package postgresql) is not installed")
        self._bin = folders[-1]
        self._database = Path(tempfile.mkdtemp(prefix="groundwire-scaled-"))
        password = self._database / "password.secret"
        password.touch(mode=0o600)
        password.write_text(self._passwords["store"])
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            for path in (self._database, password):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        words = [str(self._bin / "initdb"), "-D", str(self._database / "data"), "-U", "groundwire",
                 "--pwfile", str(password), "--auth", "scram-sha-256", "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync"]  # fmt: skip
        done = subprocess.run(
            self._as_postgres(words), cwd=self._database, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Failed(f"initdb: {done.stderr}")

    def _command(self, name: str) -> list[str]:
        if name == "postgres":
            durable = [] if self._durable else ["-c", "fsync=off"]
            return [str(self._bin / "postgres"), "-D", str(self._database / "data"), "-p", str(self.port[name]),
                    "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", *durable]  # fmt: skip
        if name == "nats":
            return [_binary("nats-server", "nats-server"), "-c", str(self.folder / "nats.conf")]
        if name == "proxy":
            return [_binary("haproxy", "haproxy"), "-db", "-f", str(self.folder / "haproxy.cfg")]
        return [*GROUNDWIRE, "relay", "run", self.relay_file(name)]

    def _as_postgres(self, command: list[str], *options: str) -> list[str]:
        if os.geteuid() == 0:
            options = ("--reuid=postgres", "--regid=postgres", "--init-groups", *options)
        return [_binary("setpriv", "util-linux"), *options, *command] if options else command

    def _dying_with_us(self, command: list[str], name: str) -> list[str]:
        """Whoever tries this out and is killed leaves nothing behind."""
        if shutil.which("setpriv") is None:
            return command
        if name == "postgres":
            return self._as_postgres(command, "--pdeathsig", "INT")
        return ["setpriv", "--pdeathsig", "TERM", *command]

    def _psql(self, sql: str, database: str = "postgres") -> str:
        done = subprocess.run(
            [str(self._bin / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p",
             str(self.port["postgres"]), "-U", "groundwire", "-d", database, "-c", sql],
            env={**os.environ, "PGPASSWORD": self._passwords["store"]}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Failed(done.stderr)
        return done.stdout

    def alive(self, name: str) -> bool:
        if name == "postgres":
            with suppress(Failed):
                return self._psql("SELECT 1").strip() == "1"
            return False
        port = self.port["gateway" if name == "proxy" else f"{name}_api" if name in RELAYS else name]
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False

    def ready(self, name: str) -> bool:
        """In the eyes of the proxy a moment later."""
        url = f"http://127.0.0.1:{self.port[f'{name}_api']}/readyz"
        with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == HTTPStatus.OK)
        return False

    def _await(self, name: str, condition: object) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not condition():  # type: ignore[operator]
            process = self._running[name]
            if process.poll() is not None:
                raise Failed(f"{name} ended with {process.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise Failed(f"{name} was not ready:\n{self.log_tail()}")
            time.sleep(POLL_SECONDS)
