"""A small NetSuite over HTTP: who signs in is verified, limits are kept, requests at once are governed."""

# ruff: noqa: N815 - the standard library's names
from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

import jwt

from tests.netsuite import company
from tests.netsuite.dialect import BadQuery, install, rewritten, shown
from tests.netsuite.records import TYPES, Records, Refused, schema_of
from tests.netsuite.signatures import Validator, is_signed, token_for
from tests.odata.server import Fault, Seen

ITSELF = "https://1234567-sb1.suitetalk.api.netsuite.com"
REST = "/services/rest"
TOKENS = f"{REST}/auth/oauth2/v1/token"
QUERIES = f"{REST}/query/v1/suiteql"
RECORDS = f"{REST}/record/v1"
MOST_ROWS, MOST_ROWS_OF_A_QUERY = 1_000, 100_000


class NetSuite:
    def __init__(self, *, zone: str = "America/Los_Angeles", orders: int = 23, ties: int = 0) -> None:
        self.zone = ZoneInfo(zone)
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: TID251 - NetSuite's own clock
        self.database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self.database.row_factory = sqlite3.Row
        install(self.database, self.zone)
        company.load(self.database, orders=orders, ties=ties)
        self.records = Records(self.database, lambda: self.clock())  # noqa: PLW0108 - a test may set another
        self.public_key: Any = None
        self.tokens: dict[str, int] = {}
        self.requests_per_token = 10**9
        self.validator = Validator(lambda: self.clock().timestamp())
        self.at_once: int | None = None  # the account's limit of requests
        self.feature = True
        self.hidden: set[str] = set()  # tables that the role may not see
        self.cap = MOST_ROWS  # rows that an answer holds, whatever was asked for
        self.faults: list[Fault] = []
        self.seen: list[Seen] = []
        self.queries: list[str] = []
        self.most_at_once = 0
        self.seconds = 0.0  # that a query takes at least
        self.before_query: Callable[[str], None] | None = None
        self.lock = threading.RLock()
        self.busy = 0
        self.refused_at_once = 0
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        if self._server is None:
            return "http://nowhere.invalid"
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        self.database.close()

    def signed_in(self, method: str, target: str, header: str) -> bool:
        """Signed is what NetSuite knows as its own place; a client without options for that signs where it sends to."""
        if header.startswith("Bearer "):
            left = self.tokens.get(header.removeprefix("Bearer "), 0)
            self.tokens[header.removeprefix("Bearer ")] = left - 1
            return left > 0
        places = [f"{each}{target}" for each in (ITSELF, self.url)]
        return header.startswith("OAuth ") and is_signed(self.validator, method, places, header)

    def query(self, text: str, limit: int, offset: int) -> dict[str, Any]:
        if not 1 <= limit <= MOST_ROWS or offset % limit:
            raise Refused(400, "INVALID_PARAMETER", "Provide a valid limit and offset.")
        if offset + limit > MOST_ROWS_OF_A_QUERY:
            raise Refused(400, "INVALID_PARAMETER", "The number of results is limited to 100000.")
        self.queries.append(text)
        if self.before_query is not None:
            self.before_query(text)
        for table in self.hidden:
            if re.search(rf"\b{table}\b", text, re.IGNORECASE):
                raise _search_error(f"Record '{table}' was not found.")
        try:
            statement = rewritten(text)
            whole = self.database.execute(statement).fetchall()
        except BadQuery as error:
            raise _search_error(str(error)) from error
        except sqlite3.Error as error:
            missing = re.search(r"no such (?:table|column): (\S+)", str(error))
            said = f"Record '{missing.group(1)}' was not found." if missing else str(error)
            raise _search_error(said) from error
        found = whole[offset : offset + min(limit, self.cap)]
        items = [
            {"links": [], **{n.lower(): shown(row[n], self.zone) for n in row.keys() if row[n] is not None}}  # noqa: SIM118 - a row of SQLite is no mapping
            for row in found
        ]
        return {
            "links": [{"rel": "self", "href": f"{self.url}{QUERIES}?limit={limit}&offset={offset}"}],
            "count": len(items),
            "hasMore": offset + len(items) < len(whole),
            "items": items,
            "offset": offset,
            "totalResults": len(whole),
        }


def _search_error(text: str) -> Refused:
    return Refused(
        400,
        "INVALID_PARAMETER",
        f"Invalid search query. Detailed unprocessed description follows. Search error occurred: {text}",
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    owner: NetSuite

    def log_message(self, *_: Any) -> None:
        pass

    def _any(self) -> None:
        owner = self.owner
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with owner.lock:
            owner.seen.append(Seen(self.command, unquote(parts.path), query, headers, body, self.path))
            owner.busy += 1
            owner.most_at_once = max(owner.most_at_once, owner.busy)
            crowded = owner.at_once is not None and owner.busy > owner.at_once
        try:
            status, extra, content = self._answered(parts.path, query, headers, body, crowded=crowded)
        except Refused as refusal:
            status, extra, content = refusal.status, {}, error_body(refusal)
        finally:
            with owner.lock:
                owner.busy -= 1
        if status:
            self._answer(status, content, extra)
        else:
            self.close_connection = True

    def _answered(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes, *, crowded: bool
    ) -> tuple[int, dict[str, str], bytes]:
        owner = self.owner
        if crowded:
            owner.refused_at_once += 1
            refusal = Refused(
                429, "SSS_REQUEST_LIMIT_EXCEEDED", "Concurrent request limit exceeded. Request blocked."
            )
            return 429, {"Retry-After": "7"}, error_body(refusal)
        fault = self._fault(f"{self.command} {self.path}")
        if fault is not None:
            if fault.drop == "after":
                with contextlib.suppress(Refused):
                    self._served(path, query, headers, body)
            return (0 if fault.drop else fault.status), fault.headers, fault.body
        return self._served(path, query, headers, body)

    def _fault(self, line: str) -> Fault | None:
        with self.owner.lock:
            for fault in self.owner.faults:
                if fault.times > 0 and re.search(fault.pattern, line):
                    fault.times -= 1
                    return fault
        return None

    def _served(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        owner = self.owner
        if path == TOKENS:
            return 200, {}, self._token(body)
        with owner.lock:
            signed = owner.signed_in(self.command, self.path, headers.get("authorization", ""))
        if not signed:
            raise Refused(
                401,
                "INVALID_LOGIN",
                "Invalid login attempt. For more details, see the Login Audit Trail in the NetSuite UI at "
                "Setup > Users/Roles > User Management > View Login Audit Trail.",
            )
        if not owner.feature:
            raise Refused(
                403,
                "INSUFFICIENT_PERMISSION",
                "You do not have permission to access the REST Web Services feature.",
            )
        if path == QUERIES and self.command == "POST":
            if headers.get("prefer") != "transient":
                raise Refused(
                    400, "INVALID_HEADER", "Missing or invalid header: Prefer. Provide a valid header."
                )
            time.sleep(owner.seconds)
            with owner.lock:
                asked = owner.query(
                    json.loads(body)["q"], int(query.get("limit", 1000)), int(query.get("offset", 0))
                )
            return (
                200,
                {"Content-Type": "application/vnd.oracle.resource+json; type=collection"},
                json.dumps(asked).encode(),
            )
        if path.startswith(f"{RECORDS}/metadata-catalog"):
            return 200, {}, self._catalogue(path, headers)
        if path.startswith(f"{RECORDS}/"):
            type_name, _, address = unquote(path.removeprefix(f"{RECORDS}/")).partition("/")
            with owner.lock:
                return owner.records.handle(self.command, type_name, address, query, headers, body)
        raise Refused(404, "NONEXISTENT_ID", "Not found.")

    def _token(self, body: bytes) -> bytes:
        owner = self.owner
        try:
            token = token_for(
                body,
                public_key=owner.public_key,
                endpoint=f"{ITSELF}{TOKENS}",
                now=owner.clock().timestamp(),
            )
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            content = json.dumps({"error": "invalid_grant", "error_description": type(error).__name__})
            raise _Plain(400, content) from error
        owner.tokens[token] = owner.requests_per_token
        return json.dumps({"access_token": token, "expires_in": "3600", "token_type": "bearer"}).encode()

    def _catalogue(self, path: str, headers: Mapping[str, str]) -> bytes:
        name = path.removeprefix(f"{RECORDS}/metadata-catalog").strip("/")
        if not name:
            items = [{"name": each, "links": []} for each in TYPES]
            return json.dumps({"items": items}).encode()
        schema = schema_of(name) if headers.get("accept") == "application/schema+json" else None
        if schema is None:
            raise Refused(404, "NONEXISTENT_ID", f"Record type '{name}' does not exist.")
        return json.dumps(schema).encode()

    def _answer(self, status: int, body: bytes, extra: Mapping[str, str]) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response_only(status)
            self.send_header("Date", format_datetime(self.owner.clock(), usegmt=True))
            for name, value in {"Content-Type": "application/json", **extra}.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _any


class _Plain(Refused):
    """The token endpoint's own form of a refusal."""

    def __init__(self, status: int, content: str) -> None:
        super().__init__(status, "", content)


def error_body(refusal: Refused) -> bytes:
    if isinstance(refusal, _Plain):
        return refusal.text.encode()
    detail = {"detail": refusal.text, "o:errorCode": refusal.code}
    if refusal.path:
        detail["o:errorPath"] = refusal.path
    content = {
        "type": "https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html#sec10.4.1",
        "title": "Bad Request",
        "status": refusal.status,
        "o:errorDetails": [detail],
    }
    return json.dumps(content).encode()
