"""The tests' AX over HTTP, as its ports on IIS are: one address for each port, WSDL and schemas below it, SOAP 1.1."""

from __future__ import annotations

import base64
import contextlib
import re
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import RLock, Thread
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from lxml import etree

from tests.ax import messages, queries
from tests.ax.contract import Contract, files
from tests.ax.system import AifFault, System

ROOT = "/MicrosoftDynamicsAXAif60"


@dataclass
class Trouble:
    """Something that goes wrong: for requests whose line or SOAPAction matches, so many times."""

    pattern: str
    times: int = 1
    drop: str = ""  # "before" or "after" the call was carried out: the line breaks
    status: int = 0
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Seen:
    line: str
    action: str
    body: bytes


class AxServer:
    """Runs in threads of its own until it is closed. `ports`: the services that each port exposes."""

    def __init__(
        self, system: System, ports: dict[str, tuple[Contract, ...]], *, user: tuple[str, str] | None = None
    ) -> None:
        self.system = system
        self.ports = ports
        self.user = user
        self.lock = RLock()
        self.troubles: list[Trouble] = []
        self.seen: list[Seen] = []
        self.errors: list[BaseException | None] = []
        outer = self

        class Handler(_Handler):
            owner = outer

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                outer.errors.append(sys.exc_info()[1])

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._folder = tempfile.TemporaryDirectory(prefix="ax-schemas-")
        self.schemas = {port: self._schema(port) for port in ports}
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def address(self, port: str) -> str:
        return f"{self.url}{ROOT}/{port}/xppservice.svc"

    def files(self, port: str) -> dict[str, str]:
        return files(self.ports[port], self.address(port))

    def publish(self, port: str, contracts: tuple[Contract, ...]) -> None:
        """The port was changed and activated again."""
        self.ports[port] = contracts
        self.schemas[port] = self._schema(port)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._folder.cleanup()
        for error in self.errors:
            if error is not None and not isinstance(error, OSError):
                raise error

    def _schema(self, port: str) -> etree.XMLSchema:
        """All schemas of the port together, from files: requests and replies are held against them."""
        folder = Path(self._folder.name) / f"{port}-{len(self.seen)}"
        folder.mkdir(exist_ok=True)
        found = {name: text for name, text in self.files(port).items() if name.startswith("xsd=")}
        imports = []
        for name, text in found.items():
            local = name.replace("=", "-")
            rewritten = re.sub(
                re.escape(self.address(port)) + r"\?xsd=(\w+)", lambda hit: f"xsd-{hit[1]}", text
            )
            (folder / local).write_text(rewritten)
            namespace = re.search(r'targetNamespace="([^"]+)"', text)
            assert namespace is not None
            imports.append(f'<xs:import namespace="{namespace[1]}" schemaLocation="{local}"/>')
        main = folder / "all.xsd"
        main.write_text(
            f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{"".join(imports)}</xs:schema>'
        )
        return etree.XMLSchema(etree.parse(str(main)))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    owner: AxServer

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._guarded(b"", "")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._guarded(body, self.headers.get("SOAPAction", "").strip('"'))

    def _guarded(self, body: bytes, action: str) -> None:
        owner = self.owner
        line = f"{self.command} {self.path}"
        owner.seen.append(Seen(line, action, body))
        trouble = self._trouble(f"{line} {action}")
        if trouble is not None and trouble.status:
            self._send(trouble.status, trouble.body, "text/html", trouble.headers)
            return
        if trouble is not None and trouble.drop == "before":
            self.close_connection = True
            return
        if not self._signed_in():
            self._send(401, b"<html>401 - Unauthorized</html>", "text/html", {"WWW-Authenticate": "Basic"})
            return
        parts = urlsplit(self.path)
        found = re.fullmatch(rf"{ROOT}/(\w+)/xppservice\.svc", parts.path)
        if found is None or found[1] not in owner.ports:
            self._send(404, b"<html>404 - File or directory not found.</html>", "text/html")
            return
        with owner.lock:
            status, answer = self._answer(found[1], parts.query, body, action)
        if trouble is not None and trouble.drop == "after":
            self.close_connection = True
            return
        self._send(status, answer)

    def _trouble(self, line: str) -> Trouble | None:
        for each in self.owner.troubles:
            if each.times > 0 and re.search(each.pattern, line):
                each.times -= 1
                return each
        return None

    def _signed_in(self) -> bool:
        if self.owner.user is None:
            return True
        wanted = "Basic " + base64.b64encode(":".join(self.owner.user).encode()).decode()
        return self.headers.get("Authorization") == wanted

    def _answer(self, port: str, query: str, body: bytes, action: str) -> tuple[int, bytes]:
        owner = self.owner
        if self.command == "GET":
            text = owner.files(port).get(query)
            return (200, text.encode()) if text is not None else (404, b"")
        contract, operation = _wanted(owner.ports[port], action)
        if contract is None:
            return 500, messages.wcf_fault(
                "a:ActionNotSupported",
                f"The message with Action '{action}' cannot be processed at the receiver, due to a ContractFilter"
                " mismatch at the EndpointDispatcher.",
            )
        try:
            answer = carry_out(owner, port, contract, operation, body)
        except AifFault as fault:
            return 500, messages.aif_fault(fault, contract, operation)
        return 200, answer

    def _send(
        self,
        status: int,
        body: bytes,
        kind: str = "text/xml; charset=utf-8",
        headers: dict[str, str] | None = None,
    ) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response_only(status)
            self.send_header("Date", format_datetime(self.owner.system.clock(), usegmt=True))
            self.send_header("Server", "Microsoft-IIS/7.5")
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


def _wanted(contracts: tuple[Contract, ...], action: str) -> tuple[Contract | None, str]:
    for contract in contracts:
        for operation in contract.operations:
            if action == contract.action(operation):
                return contract, operation
    return None, ""


def carry_out(owner: AxServer, port: str, contract: Contract, operation: str, body: bytes) -> bytes:
    """Raises AifFault. The message has to be as the port's schemas say, and so has the answer."""
    system = owner.system
    schema = owner.schemas[port]
    context, request = messages.opened(body)
    if not schema.validate(request):
        raise AifFault(
            f"The request was not valid: {escape(str(schema.error_log.last_error))}", code="Schema"
        )
    system.calls.append((contract.service, operation))
    system.enter(context, operation)
    asked = messages.asked(request, contract)
    answer = ""
    match operation:
        case "create":
            answer = messages.key_list(contract, system.create(contract, context, asked.records))
        case "update":
            system.update(contract, context, asked.keys, asked.records)
        case "delete":
            system.delete(contract, context, asked.keys)
        case "read":
            answer = messages.document(contract, system.read(contract, context, asked.keys))
        case "find":
            answer = messages.document(contract, queries.find(system, contract, context, asked.criteria))
        case "findKeys":
            found = queries.find(system, contract, context, asked.criteria)
            keys = [tuple(str(each.record[name]) for name in contract.key) for each in found]
            answer = messages.key_list(contract, keys)
        case _:
            changed = operation == "getChangedKeys"
            since = datetime.fromisoformat(asked.since) if asked.since else None
            page = queries.get_keys(
                system, contract, context, asked.page_size, asked.bookmark, since, changed=changed
            )
            answer = messages.key_page(contract, page, asked.page_size)
    whole = messages.response(contract, operation, answer)
    (inside,) = etree.fromstring(whole).iterfind(".//{*}Body/*")
    schema.assertValid(etree.ElementTree(inside))
    return whole
