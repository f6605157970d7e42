"""A small HTTP server on a free loopback port, and the trouble it can be told to make."""

from __future__ import annotations

import contextlib
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Request:
    method: str
    path: str  # as it was sent, still encoded
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in small letters
    body: bytes
    line: str


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()


@dataclass
class Trouble:
    """Happens to the next requests whose `METHOD path?query` matches."""

    pattern: str
    status: int = 503
    body: bytes = b"<html><head><title>Service Unavailable</title></head></html>"
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0  # be slow, then answer as ever
    drop: str = ""  # "before" it is carried out, or "after": then only the answer is lost
    times: int = 1


class HttpServer:
    """Subclasses answer."""

    url = ""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.troubles: list[Trouble] = []
        self.plus_is_blank = False  # some clients write blanks so, and some servers refuse it
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: TID251 - what the Date header says
        self._server: ThreadingHTTPServer | None = None

    def answer(self, request: Request) -> Response:
        raise NotImplementedError

    def start(self, context: ssl.SSLContext | None = None) -> str:
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        host = "localhost" if context is not None else "127.0.0.1"
        self.url = f"{'https' if context is not None else 'http'}://{host}:{self._server.server_port}"
        return self.url

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def trouble(self, line: str) -> Trouble | None:
        for each in self.troubles:
            if each.times > 0 and re.search(each.pattern, line):
                each.times -= 1
                return each
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet
    owner: HttpServer

    def log_message(self, *_: Any) -> None:
        pass

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        line = f"{self.command} {self.path}"
        query = {
            unquote(name): unquote(value.replace("+", " "))
            for name, _, value in (each.partition("=") for each in parts.query.split("&") if each)
        }
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, parts.path, query, headers, body, line)
        self.owner.seen.append(request)
        if "+" in parts.query and not self.owner.plus_is_blank:
            self._send(Response(400, b"a blank is written %20"))
            return
        trouble = self.owner.trouble(line)
        if trouble is not None and not self._goes_on(trouble, request):
            return
        self._send(self.owner.answer(request))

    def _goes_on(self, trouble: Trouble, request: Request) -> bool:
        if trouble.seconds:
            time.sleep(trouble.seconds)
            return True
        if trouble.drop == "after":
            self.owner.answer(request)
        if trouble.drop:
            self.close_connection = True
            return False
        self._send(Response(trouble.status, trouble.body, {"Content-Type": "text/html", **trouble.headers}))
        return False

    def _send(self, response: Response) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response_only(response.status)
            self.send_header("Date", format_datetime(self.owner.clock(), usegmt=True))
            for name, value in response.headers.items():
                self.send_header(name, value)
            for cookie in response.cookies:
                self.send_header("Set-Cookie", cookie)
            if response.status not in {204, 304}:
                self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(response.body)

    do_GET = do_POST = do_PATCH = do_MERGE = do_DELETE = do_PUT = do_HEAD = _any  # noqa: N815 - http.server's names
