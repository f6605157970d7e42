"""The system over HTTP: classic SOAP-RFC with its WSDL, basic sign-in, and sessions that a cookie keeps."""

from __future__ import annotations

import base64
import ssl
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import RLock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from tests.sap import reading, writing
from tests.sap.dictionary import Column
from tests.sap.modules import Module, available, call, carry_out
from tests.sap.system import (
    AbapException,
    Busy,
    LineCut,
    LogonRefused,
    NoAuthority,
    Session,
    ShortDump,
    System,
)

assert reading
assert writing

_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_RFC = "urn:sap-com:document:sap:rfc:functions"
_TYPES = {
    "INT4": "xsd:int",
    "INT2": "xsd:short",
    "INT1": "xsd:unsignedByte",
    "FLTP": "xsd:double",
    "STRG": "xsd:string",
}


def element(name: str) -> str:
    return name.replace("/", "_-")


@dataclass
class Node:
    """The services of the HTTP server, as transaction SICF shows them."""

    active: bool = True
    forbidden: bool = False
    says_why: bool = False  # SAP's own page keeps to itself why a logon failed
    wsdl: bool = True
    keeps_sessions: bool = True
    answer_instead: tuple[int, dict[str, str], bytes] | None = None  # what some proxy says in its place
    reply_instead: tuple[int, dict[str, str], bytes] | None = (
        None  # the same once, after the call was carried out
    )
    session_ends_before: str = ""  # a function whose call comes too late for its session, and gets a new one


class SoapServer:
    """Runs in threads of its own until it is closed; `url` is its root."""

    def __init__(self, system: System, *, tls: ssl.SSLContext | None = None) -> None:
        self.system = system
        self.node = Node()
        self.sessions: dict[str, Session] = {}
        self.lock = RLock()
        self.requests: list[str] = []
        outer = self

        class Handler(_Handler):
            server_of_sap = outer

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Kept instead of printed: a client that goes away is part of many tests."""
                outer.errors.append(sys.exc_info()[1])

        self.errors: list[BaseException | None] = []
        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for error in self.errors:
            if error is not None and not isinstance(error, OSError):
                raise error


@dataclass
class _Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def _page(status: int, title: str, code: str) -> _Answer:
    """SAP's own pages for errors, as far as a program could read them."""
    body = f"<html><head><title>{title}</title></head><body>Error code: {code} HTTP {status}</body></html>"
    return _Answer(status, body.encode(), {"Content-Type": "text/html; charset=utf-8"})


class _Handler(BaseHTTPRequestHandler):
    server_of_sap: SoapServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._send(self._wsdl())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        try:
            answer = self._post(body)
        except LineCut:
            self.close_connection = True
            return
        self._send(answer)

    def _send(self, answer: _Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "Content-Type" not in answer.headers:
            self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def version_string(self) -> str:
        return "SAP NetWeaver Application Server / ABAP 740"

    def _guarded(self, path: str) -> tuple[Session | None, _Answer | None]:
        server, parts = self.server_of_sap, urlsplit(self.path)
        server.requests.append(self.path)
        node = server.node
        if node.answer_instead is not None:
            status, headers, body = node.answer_instead
            return None, _Answer(status, body, headers)
        if parts.path != path:
            return None, _Answer(404)
        if not node.active:
            return None, _page(
                403, "Service cannot be reached", f"ICF-NF-http-c:{server.system.client}-s:403-r:Forbidden"
            )
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        scheme, _, encoded = self.headers.get("Authorization", "").partition(" ")
        user, _, password = (
            base64.b64decode(encoded).decode().partition(":") if scheme == "Basic" else ("", "", "")
        )
        try:
            session = server.system.logon(user, password, query.get("sap-client", server.system.client))
        except LogonRefused as error:
            client = query.get("sap-client", server.system.client)
            page = _page(401, "Logon Error Message", f"ICF-LE-http-c:{client}-l:E-T:1-C:3-U:5-P:5-L:3")
            page.headers["WWW-Authenticate"] = 'Basic realm="SAP NetWeaver"'
            if node.says_why:
                page.headers["Content-Type"], page.body = "text/plain", str(error).encode()
            return None, page
        return (None, _Answer(403)) if node.forbidden else (session, None)

    def _wsdl(self) -> _Answer:
        session, refused = self._guarded("/sap/bc/soap/wsdl")
        if session is None:
            return refused or _Answer(500)
        if not self.server_of_sap.node.wsdl:
            return _Answer(404)
        name = parse_qs(urlsplit(self.path).query).get("services", [""])[0]
        found = available(session, name)
        if found is None:
            return _Answer(500)
        return _Answer(200, wsdl(session, found, f"{self.server_of_sap.url}/sap/bc/soap/rfc").encode())

    def _post(self, body: bytes) -> _Answer:
        fresh, refused = self._guarded("/sap/bc/soap/rfc")
        if fresh is None:
            return refused or _Answer(500)
        server = self.server_of_sap
        command = parse_qs(urlsplit(self.path).query).get("sap-sessioncmd", [""])[0]
        cookies = dict(
            part.strip().split("=", 1) for part in self.headers.get("Cookie", "").split(";") if "=" in part
        )
        headers: dict[str, str] = {}
        with server.lock:
            context = cookies.get("sap-contextid", "")
            session = server.sessions.get(context, fresh)
            if command == "open" and server.node.keeps_sessions:
                context, session = uuid.uuid4().hex, fresh
                server.sessions[context] = fresh
                headers["Set-Cookie"] = f"sap-contextid={context}; path=/sap/bc; HttpOnly"
            late = server.node.session_ends_before
            if context in server.sessions and late and f"<urn:{element(late)} ".encode() in body:
                server.sessions.pop(context).end()
                context, session = uuid.uuid4().hex, fresh
                server.sessions[context] = fresh
                headers["Set-Cookie"] = f"sap-contextid={context}; path=/sap/bc; HttpOnly"
            try:
                answer = _carried_out(session, body, headers)
                instead, server.node.reply_instead = server.node.reply_instead, None
                return answer if instead is None else _Answer(instead[0], instead[2], instead[1])
            finally:
                if context not in server.sessions or command == "close":
                    server.sessions.pop(context, None)
                    session.end()


def _carried_out(session: Session, body: bytes, headers: dict[str, str]) -> _Answer:
    root = ET.fromstring(body)  # noqa: S314 - from the tests themselves
    asked = root.find(f"{{{_ENVELOPE}}}Body")
    assert asked is not None
    request = asked[0]
    assert request.tag.startswith(f"{{{_RFC}}}"), request.tag
    name = request.tag.rpartition("}")[2].replace("_-", "/")
    found = available(session, name)
    if found is None:
        return _Answer(500, b"", headers)
    parameters = {child.tag.replace("_-", "/"): _given(child) for child in request}
    try:
        answer = call(session, name, parameters)
    except AbapException as error:
        inner = f"<Name>{error.key}</Name><Text>{escape(error.text)}</Text><Message><ID>{error.area}</ID><Number>{error.number}</Number></Message>"
        detail = f'<rfc:{element(name)}.Exception xmlns:rfc="{_RFC}">{inner}</rfc:{element(name)}.Exception>'
        return _Answer(500, _fault(error.key, detail), headers)
    except (ShortDump, NoAuthority) as error:
        return _Answer(500, _fault(str(error), ""), headers)
    except Busy:
        return _Answer(503, b"", {"Retry-After": "7", **headers})
    except LineCut as cut:
        if cut.carried_out:
            carry_out(session, name, parameters)
        raise
    content = "".join(_shown(session, found, key, value) for key, value in answer.items())
    text = f'<urn:{element(name)}.Response xmlns:urn="{_RFC}">{content}</urn:{element(name)}.Response>'
    return _Answer(200, _envelope(text), headers)


def _given(node: ET.Element) -> Any:
    """A table is a list of items, also where it is empty: modules take nothing for an empty table."""
    if not len(node):
        return node.text or ""
    if all(child.tag == "item" for child in node):
        return [{c.tag.replace("_-", "/"): c.text or "" for c in item} for item in node]
    return {child.tag.replace("_-", "/"): child.text or "" for child in node}


def _shown(session: Session, found: Module, name: str, value: Any) -> str:
    parameter = next(each for each in found.parameters if each.name == name)
    tag = element(name)
    if isinstance(value, list):
        rows = "".join(f"<item>{_row(session, parameter.type, row)}</item>" for row in value)
        return f"<{tag}>{rows}</{tag}>"
    if isinstance(value, Mapping):
        return f"<{tag}>{_row(session, parameter.type, value)}</{tag}>"
    return f"<{tag}>{escape(_iso(parameter.column, str(value)))}</{tag}>"


def _row(session: Session, name: str, row: Mapping[str, Any]) -> str:
    definition = session.system.dictionary[name]
    return "".join(
        f"<{element(key)}>{escape(_iso(definition.column(key), str(value)))}</{element(key)}>"
        for key, value in row.items()
    )


def _iso(column: Column, text: str) -> str:
    if column.type == "DATS" and len(text) == 8:
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    if column.type == "TIMS" and len(text) == 6:
        return f"{text[:2]}:{text[2:4]}:{text[4:]}"
    return text


def _envelope(content: str) -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="{_ENVELOPE}"><SOAP-ENV:Body>{content}</SOAP-ENV:Body></SOAP-ENV:Envelope>'.encode()


def _fault(text: str, detail: str) -> bytes:
    inner = f"<detail>{detail}</detail>" if detail else ""
    return _envelope(
        f"<SOAP-ENV:Fault><faultcode>SOAP-ENV:Client</faultcode><faultstring>{escape(text)}</faultstring>{inner}</SOAP-ENV:Fault>"
    )


# --- WSDL


def wsdl(session: Session, found: Module, address: str) -> str:
    name = element(found.name)
    inputs = "".join(_element(p.name, p, session) for p in found.parameters if p.kind != "E")
    outputs = "".join(_element(p.name, p, session) for p in found.parameters if p.kind != "I")
    structures = "".join(
        f'<xsd:complexType name="{element(kind)}"><xsd:sequence>{_columns(session, kind)}</xsd:sequence></xsd:complexType>'
        for kind in sorted({p.type for p in found.parameters if not p.elementary})
    )
    return f"""<?xml version="1.0" encoding="utf-8"?>
<definitions targetNamespace="{_RFC}" xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:s0="{_RFC}" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/">
<types><xsd:schema targetNamespace="{_RFC}">{structures}
<xsd:element name="{name}"><xsd:complexType><xsd:all>{inputs}</xsd:all></xsd:complexType></xsd:element>
<xsd:element name="{name}.Response"><xsd:complexType><xsd:all>{outputs}</xsd:all></xsd:complexType></xsd:element>
</xsd:schema></types>
<message name="{name}Input"><part name="parameters" element="s0:{name}"/></message>
<message name="{name}Output"><part name="parameters" element="s0:{name}.Response"/></message>
<portType name="{name}PortType"><operation name="{name}"><input message="s0:{name}Input"/><output message="s0:{name}Output"/></operation></portType>
<binding name="{name}Binding" type="s0:{name}PortType"><soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
<operation name="{name}"><soap:operation soapAction="http://www.sap.com/{name}"/><input><soap:body use="literal"/></input><output><soap:body use="literal"/></output></operation></binding>
<service name="{name}Service"><documentation>SAP Service {name} via SOAP</documentation><port name="{name}PortType" binding="s0:{name}Binding"><soap:address location="{address}"/></port></service>
</definitions>"""


def _element(name: str, parameter: Any, session: Session) -> str:
    few = ' minOccurs="0"' if parameter.optional else ""
    if parameter.kind == "T" or parameter.type == "SDTI_RESULT_TAB":
        item = f'<xsd:element name="item" type="s0:{element(parameter.type)}" minOccurs="0" maxOccurs="unbounded"/>'
        return f'<xsd:element name="{element(name)}" minOccurs="0"><xsd:complexType><xsd:sequence>{item}</xsd:sequence></xsd:complexType></xsd:element>'
    if parameter.elementary:
        return _simple(parameter.column, few)
    return f'<xsd:element name="{element(name)}" type="s0:{element(parameter.type)}"{few}/>'


def _columns(session: Session, kind: str) -> str:
    return "".join(_simple(column, ' minOccurs="0"') for column in session.system.dictionary[kind].columns)


def _simple(column: Column, few: str) -> str:
    name = element(column.name)
    if column.type in _TYPES:
        return f'<xsd:element name="{name}" type="{_TYPES[column.type]}"{few}/>'
    patterns = {"DATS": r"\d\d\d\d-\d\d-\d\d", "TIMS": r"\d\d:\d\d:\d\d", "NUMC": r"\d*"}
    if column.type in {"CURR", "QUAN", "DEC"}:
        facets = f'<xsd:totalDigits value="{column.length}"/><xsd:fractionDigits value="{column.decimals}"/>'
        base = "xsd:decimal"
    else:
        facets, base = f'<xsd:maxLength value="{max(column.length, 1)}"/>', "xsd:string"
        if column.type in patterns:
            facets = (
                "" if column.type != "NUMC" else facets
            ) + f'<xsd:pattern value="{patterns[column.type]}"/>'
    return f'<xsd:element name="{name}"{few}><xsd:simpleType><xsd:restriction base="{base}">{facets}</xsd:restriction></xsd:simpleType></xsd:element>'
