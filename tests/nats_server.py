"""A real nats-server with JetStream, from Debian's package: in a temporary folder, on a free port of the loopback."""

from __future__ import annotations

import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers import (
    POLL_SECONDS,
    PORT_TRIES,
    START_SECONDS,
    STOP_SECONDS,
    ServerFailed,
    ServerUnavailable,
    free_port,
)

_CONFIGURATION = """
server_name: groundwire
listen: "127.0.0.1:{port}"
jetstream {{ store_dir: "{folder}/jetstream", max_mem: 256MB, max_file: 256MB }}
authorization {{ user: groundwire, password: "{password}" }}
{tls}
"""


class NatsServer:
    """`tls`: paths of `cert_file`, `key_file` and so on, as nats-server names them."""

    user = "groundwire"

    def __init__(self, *, tls: Mapping[str, str] | None = None) -> None:
        self.password = secrets.token_hex(12)
        self.port = 0
        self.folder = Path()
        self._tls = dict(tls or {})
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._binary = shutil.which("nats-server", path="/usr/sbin:/usr/bin:/usr/local/bin")
        if self._binary is None:
            raise ServerUnavailable("NATS (package nats-server) is not installed")
        self.folder = Path(tempfile.mkdtemp(prefix="groundwire-nats-"))
        self.password_file = self.folder / "password.secret"
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(f"{self.password}\n")
        try:
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
    def url(self) -> str:
        return f"{'tls' if self._tls else 'nats'}://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ServerFailed("NATS is not running")
        return self._process.pid

    def start(self) -> None:
        if not self._start(self.port):
            raise ServerFailed(f"NATS did not come back:\n{self._log_tail()}")

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def wipe(self) -> None:
        """Killed, and nothing of what it kept is left."""
        self.kill()
        shutil.rmtree(self.folder / "jetstream", ignore_errors=True)

    def stop(self) -> None:
        self._end(signal.SIGTERM)
        if self.folder != Path():
            shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start_on_a_free_port(self) -> None:
        for _ in range(PORT_TRIES):
            if self._start(free_port()):
                return
        raise ServerFailed(f"NATS did not start:\n{self._log_tail()}")

    def _start(self, port: int) -> bool:
        self.port = port
        tls = "".join(f'  {name}: "{value}"\n' for name, value in self._tls.items())
        path = self.folder / "nats.secret"
        path.touch(mode=0o600)
        path.write_text(
            _CONFIGURATION.format(
                port=port,
                folder=self.folder,
                password=self.password,
                tls=f"tls {{\n{tls}}}" if tls else "",
            )
        )
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._dying_with_parent([str(self._binary), "-c", str(path)]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
            time.sleep(POLL_SECONDS)
        raise ServerFailed(f"NATS was not ready after {START_SECONDS:.0f} s:\n{self._log_tail()}")

    def _dying_with_parent(self, command: list[str]) -> list[str]:
        """A killed test run must not leave one behind."""
        setpriv = shutil.which("setpriv")
        return command if setpriv is None else [setpriv, "--pdeathsig", "TERM", *command]

    def _log_tail(self) -> str:
        path = self.folder / "server.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""
