"""Real database servers from Debian's packages, each in a temporary folder, on a free port, ended with the test run."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

START_SECONDS = 60.0  # a cold start on a machine that runs other things
STOP_SECONDS = 20.0
PORT_TRIES = 5  # between finding a free port and taking it, another process may take it
FREE_PORT_TRIES = 50
UNGIVEN_PORTS = (20_000, 32_000)
POLL_SECONDS = 0.05


class ServerUnavailable(Exception):
    """The packages for this server are not installed here."""


class ServerFailed(AssertionError):
    """The packages are there, but the server did not do what it was told."""


class DatabaseServer(ABC):
    """Shared life cycle. A subclass says how to prepare the folder, start, look alive and run SQL."""

    name: ClassVar[str]
    account: ClassVar[str]  # the system account that Debian's package made for it
    stop_signals: ClassVar[tuple[signal.Signals, ...]]
    odbc_driver: ClassVar[str]

    host = "127.0.0.1"
    user = "groundwire"

    def __init__(self) -> None:
        self.password = secrets.token_hex(12)
        self.port = 0
        self.folder = Path()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._locate()
        self.folder = Path(tempfile.mkdtemp(prefix=f"groundwire-{self.name}-"))
        try:
            self._give_away(self.folder)
            self._prepare()
            self._start_on_a_free_port()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ServerFailed(f"{self.name} is not running")
        return self._process.pid

    def restart(self) -> None:
        """Stop and start again on the same folder and port, as after a reboot."""
        self._end_process()
        if not self._start(self.port):
            raise ServerFailed(f"{self.name} did not come back:\n{self._log_tail()}")

    def pause(self) -> None:
        """End the server but keep folder and port: the address then refuses connections."""
        self._end_process()

    def stop(self) -> None:
        self._end_process()
        if self.folder != Path():
            shutil.rmtree(self.folder, ignore_errors=True)

    def execute(self, sql: str, database: str | None = None) -> str:
        """Run a script as the superuser; the rows come back as lines of tab-separated text."""
        done = self._client(sql, database)
        if done.returncode != 0:
            raise ServerFailed(f"{self.name}: {done.stderr.strip()}")
        return done.stdout

    def odbc_attributes(self, database: str) -> dict[str, str | int]:
        """What an operator writes under `[options] connection`, without the password."""
        return {
            "Driver": self.odbc_driver,
            "Server": self.host,
            "Port": self.port,
            "Database": database,
            "Uid": self.user,
        }

    def odbc_secrets(self) -> dict[str, str]:
        return {"Pwd": self.password}

    def odbc_connection_string(self, database: str) -> str:
        attributes = {**self.odbc_attributes(database), **self.odbc_secrets()}
        return ";".join(
            f"{name}={{{value}}}" if name == "Driver" else f"{name}={value}"
            for name, value in attributes.items()
        )

    @abstractmethod
    def create_database(self, name: str) -> None: ...

    @abstractmethod
    def _locate(self) -> None: ...

    @abstractmethod
    def _prepare(self) -> None: ...

    @abstractmethod
    def _command(self, port: int) -> Sequence[str]: ...

    @abstractmethod
    def _client(self, sql: str, database: str | None) -> subprocess.CompletedProcess[str]: ...

    def _start_on_a_free_port(self) -> None:
        for _ in range(PORT_TRIES):
            if self._start(free_port()):
                return
        raise ServerFailed(f"{self.name} did not start:\n{self._log_tail()}")

    def _start(self, port: int) -> bool:
        self.port = port
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._unprivileged(self._command(port), dies_with_parent=True),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            if self._client("select 1;", None).returncode == 0:
                return True
            time.sleep(POLL_SECONDS)
        raise ServerFailed(f"{self.name} was not ready after {START_SECONDS:.0f} s:\n{self._log_tail()}")

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        for how in (*self.stop_signals, signal.SIGKILL):
            process.send_signal(how)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            return

    def _prepare_with(self, command: Sequence[str]) -> None:
        done = subprocess.run(
            self._unprivileged(command), cwd=self.folder, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise ServerFailed(f"{command[0]} failed: {done.stderr[-2000:]}{done.stdout[-2000:]}")

    def _unprivileged(self, command: Sequence[str], *, dies_with_parent: bool = False) -> list[str]:
        """Both servers refuse to run as root; a killed test run must not leave one behind either."""
        setpriv = shutil.which("setpriv")
        options: list[str] = []
        if os.geteuid() == 0:
            if setpriv is None:
                raise ServerUnavailable("setpriv (package util-linux) is not installed")
            options += [f"--reuid={self.account}", f"--regid={self.account}", "--init-groups"]
        if setpriv is not None and dies_with_parent:
            options += ["--pdeathsig", self.stop_signals[0].name.removeprefix("SIG")]
        return [setpriv, *options, *command] if setpriv is not None and options else list(command)

    def _give_away(self, path: Path) -> None:
        if os.geteuid() == 0:
            owner = pwd.getpwnam(self.account)
            os.chown(path, owner.pw_uid, owner.pw_gid)

    def _private_file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        self._give_away(path)
        return path

    def _log_tail(self) -> str:
        path = self.folder / "server.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""


class PostgresServer(DatabaseServer):
    name = "postgres"
    account = "postgres"
    stop_signals = (signal.SIGINT, signal.SIGQUIT)  # fast shutdown, then immediate
    odbc_driver = "PostgreSQL Unicode"

    def create_database(self, name: str) -> None:
        self.execute(f'create database "{name}";')

    @property
    def client_path(self) -> str:
        return str(self._bin / "psql")

    def psql(self, sql: str, database: str | None = None) -> str:
        return self.execute(sql, database)

    def copy_from(self, path: Path, table: str, database: str) -> None:
        """Load a file of tab-separated text without a header, an empty field being NULL."""
        self.execute(f"\\copy {table} from '{path}' with (format csv, delimiter E'\\t', null '')", database)

    def _locate(self) -> None:
        _require_odbc_driver(self.odbc_driver)
        folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        if not folders or not (folders[-1] / "postgres").exists() or not (folders[-1] / "psql").exists():
            raise ServerUnavailable("PostgreSQL (package postgresql) is not installed")
        self._bin = folders[-1]

    def _prepare(self) -> None:
        password_file = self._private_file("password", self.password)
        self._prepare_with(
            [
                str(self._bin / "initdb"),
                *(
                    "--pgdata",
                    str(self.folder / "data"),
                    "--username",
                    self.user,
                    "--pwfile",
                    str(password_file),
                ),
                *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
            ]
        )

    def _command(self, port: int) -> Sequence[str]:
        settings = {
            "listen_addresses": self.host,
            "unix_socket_directories": "",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "shared_buffers": "256MB",
            "timezone": "UTC",
            "log_min_messages": "warning",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self._bin / "postgres"), "-D", str(self.folder / "data"), "-p", str(port), *options]

    def _client(self, sql: str, database: str | None) -> subprocess.CompletedProcess[str]:
        command = [str(self._bin / "psql"), "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1"]
        where = ["-h", self.host, "-p", str(self.port), "-U", self.user, "-d", database or "postgres"]
        return subprocess.run(
            [*command, *where],
            input=sql,
            env={**os.environ, "PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "5"},
            capture_output=True,
            text=True,
            check=False,
        )


class MariaDbServer(DatabaseServer):
    name = "mariadb"
    account = "mysql"
    stop_signals = (signal.SIGTERM,)
    odbc_driver = "MariaDB Unicode"

    def create_database(self, name: str) -> None:
        self.execute(f"create database `{name}` character set utf8mb4;")

    def _locate(self) -> None:
        _require_odbc_driver(self.odbc_driver)
        path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"])
        found = {
            name: shutil.which(name, path=path) for name in ("mariadbd", "mariadb-install-db", "mariadb")
        }
        missing = [name for name, where in found.items() if where is None]
        if missing:
            raise ServerUnavailable(
                f"MariaDB (package mariadb-server) is not installed: no {', '.join(missing)}"
            )
        self._bin = {name: where for name, where in found.items() if where is not None}

    def _prepare(self) -> None:
        self._prepare_with(
            [
                self._bin["mariadb-install-db"],
                *("--no-defaults", f"--datadir={self.folder / 'data'}", "--skip-test-db"),
                "--auth-root-authentication-method=socket",
                self._own_tmp,
            ]
        )
        grants = [
            f"create user if not exists '{self.user}'@'{host}' identified by '{self.password}';\n"
            f"grant all privileges on *.* to '{self.user}'@'{host}' with grant option;\n"
            for host in ("127.0.0.1", "localhost")
        ]
        self._private_file("init.sql", "".join(grants))

    def _command(self, port: int) -> Sequence[str]:
        return [
            self._bin["mariadbd"],
            *(
                "--no-defaults",
                f"--datadir={self.folder / 'data'}",
                f"--port={port}",
                f"--bind-address={self.host}",
                self._own_tmp,
            ),
            *(f"--socket={self.folder / 'sock'}", f"--pid-file={self.folder / 'pid'}"),
            *(f"--init-file={self.folder / 'init.sql'}", "--skip-name-resolve", "--skip-log-bin"),
            *(
                "--innodb-flush-log-at-trx-commit=0",
                "--innodb-fast-shutdown=2",
                "--innodb-buffer-pool-size=64M",
            ),
            *("--character-set-server=utf8mb4", "--default-time-zone=+00:00"),
        ]

    @property
    def _own_tmp(self) -> str:
        """A server that starts removes the temporary tables of every other one in the same folder."""
        return f"--tmpdir={self.folder}"

    def _client(self, sql: str, database: str | None) -> subprocess.CompletedProcess[str]:
        command = [
            self._bin["mariadb"],
            "--no-defaults",
            "--batch",
            "--skip-column-names",
            "--connect-timeout=5",
        ]
        where = [f"--host={self.host}", f"--port={self.port}", f"--user={self.user}", "--protocol=tcp"]
        return subprocess.run(
            [*command, *where, *([database] if database else [])],
            input=sql,
            env={**os.environ, "MYSQL_PWD": self.password},
            capture_output=True,
            text=True,
            check=False,
        )


def free_port() -> int:
    """Below those that the system gives to outgoing connections, of which one may take it before its server does."""
    for _ in range(FREE_PORT_TRIES):
        port = secrets.SystemRandom().randrange(*UNGIVEN_PORTS)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ServerUnavailable(f"no port of {UNGIVEN_PORTS} is free")


def _require_odbc_driver(name: str) -> None:
    try:
        import pyodbc
    except ImportError as error:
        raise ServerUnavailable(f"unixODBC (package unixodbc) is not installed: {error}") from error
    if name not in pyodbc.drivers():
        raise ServerUnavailable(f"the ODBC driver {name!r} is not registered with unixODBC")
