"""The test service over HTTP: faults, sign-in, tokens, changesets."""

# ruff: noqa: N815, PLR0911 - the standard library's names; a service answers in many ways
from __future__ import annotations

import base64
import contextlib
import email
import gzip
import json
import re
import time as clock
import uuid
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.odata.filters import BadFilter, parse_key
from tests.odata.server import ROOT, Fault, ODataServer, Refused, Seen, dump


class ServiceHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body in one packet
    owner: ODataServer

    def log_message(self, *_: Any) -> None:
        pass

    def _any(self) -> None:
        server = self.owner
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        if "+" in parts.query:
            self._answer(400, b"a blank is %20")
            return
        query = {
            unquote(name): unquote(value)
            for name, _, value in (each.partition("=") for each in parts.query.split("&") if each)
        }
        headers = {name.lower(): value for name, value in self.headers.items()}
        server.seen.append(Seen(self.command, unquote(parts.path), query, headers, body, self.path))
        fault = self._fault(f"{self.command} {self.path}")
        if fault is not None:
            if fault.seconds:
                clock.sleep(fault.seconds)
            if fault.drop == "after":
                with contextlib.suppress(Refused, BadFilter), server.lock:
                    answer_of(server, self.command, parts.path, query, headers, body)
            if fault.drop:
                self.close_connection = True
                return
            if not fault.seconds:
                self._answer(fault.status, fault.body, fault.headers)
                return
        refused = self._signed_in(parts.path, headers, body)
        if refused is not None:
            self._answer(*refused)
            return
        try:
            with server.lock:
                status, extra, answer = answer_of(server, self.command, parts.path, query, headers, body)
        except Refused as refusal:
            status, extra, answer = refusal.status, {}, error_body(server.version, refusal)
        except (BadFilter, KeyError, ValueError) as error:
            status, extra, answer = 400, {}, error_body(server.version, Refused(400, "BAD", str(error)))
        self._answer(status, answer, extra)

    def _fault(self, line: str) -> Fault | None:
        for fault in self.owner.faults:
            if fault.times > 0 and re.search(fault.pattern, line):
                if fault.after > 0:
                    fault.after -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    def _signed_in(
        self, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes, dict[str, str]] | None:
        server = self.owner
        if server.user is not None:
            wanted = "Basic " + base64.b64encode(":".join(server.user).encode()).decode()
            if headers.get("authorization") != wanted:
                return 401, b"<html><title>Logon failed</title></html>", {"Content-Type": "text/html"}
        if server.logon is None:
            return None
        if path.endswith("/Login"):
            if json.loads(body) != server.logon:
                return 401, error_body(4, Refused(401, "-304", "Fail to get DB Credentials")), {}
            name = uuid.uuid4().hex
            server.sessions[name] = server.session_limit or 10**9
            return 200, b'{"SessionId":"x"}', {"Set-Cookie": f"B1SESSION={name}; Path=/; HttpOnly"}
        found = re.search(r"B1SESSION=(\w+)", headers.get("cookie", ""))
        if found is None or server.sessions.get(found.group(1), 0) <= 0:
            return 401, error_body(4, Refused(401, "301", "Invalid session or session already timeout.")), {}
        server.sessions[found.group(1)] -= 1
        return None

    def _answer(self, status: int, body: bytes, extra: Mapping[str, str] | None = None) -> None:
        headers = {"Content-Type": "application/json"} | dict(extra or {})
        if self.owner.gzip and body and "gzip" in self.headers.get("Accept-Encoding", ""):
            body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response_only(status)
            self.send_header("Date", format_datetime(self.owner.clock(), usegmt=True))
            self.send_header("Server", "test-odata/1")
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_MERGE = do_DELETE = do_PUT = do_HEAD = _any


def error_body(version: int, refusal: Refused) -> bytes:
    details = [
        {
            "code": code,
            "message": text,
            "severity": "error",
            ("propertyref" if version == 2 else "target"): place,
        }
        for code, text, place in refusal.details
    ]
    if version == 2:
        message = {
            "code": refusal.code,
            "message": {"lang": "en", "value": refusal.text},
            "innererror": {"transactionid": "X", "errordetails": details},
        }
    else:
        message = {"code": refusal.code, "message": refusal.text, "details": details}
    return json.dumps({"error": message}).encode()


def answer_of(
    server: ODataServer,
    method: str,
    path: str,
    query: dict[str, str],
    headers: Mapping[str, str],
    body: bytes,
) -> tuple[int, dict[str, str], bytes]:
    extra: dict[str, str] = {}
    if headers.get("x-csrf-token", "").lower() == "fetch":
        token = uuid.uuid4().hex
        server.tokens.add(token)
        extra["X-CSRF-Token"] = token
    if method != "GET" and server.csrf and headers.get("x-csrf-token", "") not in server.tokens:
        return (
            403,
            {"X-CSRF-Token": "Required", "Content-Type": "text/plain"},
            b"CSRF token validation failed",
        )
    if not path.startswith(ROOT):
        raise Refused(404, "404", "no such service")
    rest = path.removeprefix(ROOT).strip("/")
    if rest == "":
        return 200, extra, json.dumps({"d": {"EntitySets": list(server.types)}}).encode()
    if rest == "$metadata":
        return 200, {"Content-Type": "application/xml"}, server.metadata().encode()
    if rest == "$batch":
        return _batch(server, headers, body)
    name, _, inside = rest.partition("(")
    key, _, below = inside.rpartition(")")
    name, key = unquote(name), unquote(key)
    if name in server.functions:
        given = (
            {each: parse_key(value)[""] for each, value in query.items() if not each.startswith("$")}
            if server.version == 2
            else json.loads(body or b"{}")
        )
        server.functions[name](server, given)
        return 204, extra, b""
    if name not in server.types:
        raise Refused(404, "404", f"no entity set {name}")
    if method == "GET" and not inside:
        return 200, extra, dump(server.collection(name, query))
    if method == "GET" and below:
        row = server.find(name, key)
        nav = below.strip("/")
        target, _ = server.types[name].navigations[nav]
        return (
            200,
            extra,
            dump(
                server.collection(
                    target, query, server.joined(name, row, nav), base=f"{server.place(name, row)}/{nav}"
                )
            ),
        )
    if method == "GET":
        row = server.find(name, key)
        shown = server.render(name, row, query)
        return (
            200,
            extra | ({"ETag": server.etag(name, row)} if server.etag(name, row) else {}),
            dump({"d": shown} if server.version == 2 else shown),
        )
    return _change(server, method, name, key, headers, body, extra)


def _change(
    server: ODataServer,
    method: str,
    name: str,
    key: str,
    headers: Mapping[str, str],
    body: bytes,
    extra: dict[str, str],
) -> tuple[int, dict[str, str], bytes]:
    if method == "POST":
        before = {each: list(rows) for each, rows in server.rows.items()}
        try:
            row = server.create(name, json.loads(body, parse_float=Decimal))
        except BaseException:
            server.rows.update(before)
            raise
        shown = server.render(name, row, {})
        return 201, extra, dump({"d": shown} if server.version == 2 else shown)
    row = server.find(name, key)
    tag = server.etag(name, row)
    if tag and headers.get("if-match") not in {tag, "*"}:
        raise Refused(
            428 if "if-match" not in headers else 412, "/IWBEP/CM_MGW_RT/022", "Precondition failed"
        )
    if method == "DELETE":
        server.rows[name].remove(row)
        return 204, extra, b""
    changed = server.parsed(name, json.loads(body, parse_float=Decimal))
    if name in server.hooks:
        server.hooks[name](server, row | changed)
    row.update(changed)
    held = server.types[name].etag
    if held and held not in changed:
        row[held] = server.clock() if isinstance(row[held], datetime) else (row[held] or 0) + 1
    return 204, extra, b""


def _batch(server: ODataServer, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    """One changeset, all of it or nothing."""
    outer = email.message_from_bytes(
        b"Content-Type: " + headers["content-type"].encode() + b"\r\n\r\n" + body
    )
    (changes,) = outer.get_payload()
    before = {name: [dict(row) for row in rows] for name, rows in server.rows.items()}
    parts: list[bytes] = []
    for part in changes.get_payload():
        assert part.get_content_type() == "application/http"
        head, _, content = part.get_payload(decode=True).replace(b"\r\n", b"\n").partition(b"\n\n")
        first, *lines = head.decode().split("\n")
        method, target, _ = first.split(" ")
        own = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        path, _, query = target.partition("?")
        values = {
            unquote(name): unquote(value)
            for name, _, value in (each.partition("=") for each in query.split("&") if each)
        }
        try:
            status, extra, answer = answer_of(
                server, method, f"{ROOT}/{path}", values, headers | own, content.strip()
            )
        except Refused as refusal:
            server.rows.update(before)
            error = error_body(server.version, refusal)
            whole = _part(refusal.status, {"Content-Type": "application/json"}, error)
            return (
                202,
                {"Content-Type": "multipart/mixed; boundary=b1"},
                b"--b1\r\n" + whole + b"\r\n--b1--\r\n",
            )
        parts.append(_part(status, {"Content-Type": "application/json", **extra}, answer))
    inside = b"".join(b"--c1\r\n" + part + b"\r\n" for part in parts) + b"--c1--\r\n"
    changeset = b"Content-Type: multipart/mixed; boundary=c1\r\n\r\n" + inside
    return 202, {"Content-Type": "multipart/mixed; boundary=b1"}, b"--b1\r\n" + changeset + b"\r\n--b1--\r\n"


def _part(status: int, headers: dict[str, str], body: bytes) -> bytes:
    lines = [
        f"HTTP/1.1 {status} X",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"Content-Length: {len(body)}",
    ]
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n" + "\r\n".join(lines)
    return head.encode() + b"\r\n\r\n" + body
