"""A server that takes sign-ins of Windows, per connection as Windows does, on the server's side of pyspnego."""

from __future__ import annotations

import base64
import os
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import spnego
from spnego.channel_bindings import GssChannelBindings

from tests.canaries import canary

USER = "CRONUS\\agent"
PASSWORD = canary("pässword with ümlauts")


def accounts_file(folder: Path) -> Path:
    """What NTLM of pyspnego takes for its directory of accounts."""
    path = folder / "accounts.secret"
    path.write_text(f"CRONUS:agent:{PASSWORD}\n", encoding="utf-8")
    return path


class WindowsServer:
    """`answer(method, path, body)` is asked only by who is signed in; `seen` holds what was tried."""

    def __init__(
        self,
        answer: Callable[[str, str, bytes], tuple[int, bytes]],
        schemes: tuple[str, ...] = ("Negotiate", "NTLM"),
        context: ssl.SSLContext | None = None,
        bindings: GssChannelBindings | None = None,
        *,
        hangs_up: bool = False,
        token: bytes | None = None,
        last_token: bytes | None = None,
    ) -> None:
        self.answer = answer
        self.schemes = schemes
        self.bindings = bindings
        self.hangs_up = hangs_up  # after each answer, as a proxy between may
        self.token = token  # sent in the place of every one that is right
        self.last_token = last_token  # sent with the answer to what was asked for
        self.seen: list[tuple[str, str]] = []  # (scheme of the request, method)
        self.users: list[str] = []
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "https" if context is not None else "http"
        self.url = f"{scheme}://localhost:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: ClassVar[WindowsServer]

    def setup(self) -> None:
        super().setup()
        self.context: Any = None  # the handshake of this connection
        self.signed_in = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        self.owner.seen.append((scheme, self.command))
        if token and scheme in self.owner.schemes:
            self._step(scheme, base64.b64decode(token), body)
        elif self.signed_in:
            self._send(*self.owner.answer(self.command, self.path, body))
        else:
            self._send(401, b"who are you?", list(self.owner.schemes))

    def do_GET(self) -> None:
        self.do_POST()

    def _step(self, scheme: str, token: bytes, body: bytes) -> None:
        if self.context is None:
            self.context = spnego.server(protocol=scheme.lower())
        try:
            answer = self.context.step(token, channel_bindings=self.owner.bindings)
        except Exception:  # of a step out of order pyspnego ends in other errors, too
            self.context = None
            self._send(401, b"no", list(self.owner.schemes))
            return
        answer = answer if self.owner.token is None else self.owner.token
        told = [f"{scheme} {base64.b64encode(answer).decode()}"] if answer else []
        if not self.context.complete:
            self._send(401, b"go on", told)
            return
        self.signed_in = True
        self.owner.users.append(str(self.context.client_principal))
        status, content = self.owner.answer(self.command, self.path, body)
        if self.owner.last_token is not None:
            told = [f"{scheme} {base64.b64encode(self.owner.last_token).decode()}"]
        self._send(status, content, told)

    def _send(self, status: int, body: bytes, challenges: list[str] | None = None) -> None:
        self.send_response(status)
        for each in challenges or []:
            self.send_header("WWW-Authenticate", each)
        self.send_header("Content-Length", str(len(body)))
        if self.owner.hangs_up:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Tests look at `seen`."""


def use_accounts(folder: Path, environment: Any) -> None:
    environment.setenv("NTLM_USER_FILE", os.fspath(accounts_file(folder)))
