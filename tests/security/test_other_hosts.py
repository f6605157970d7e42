"""A source in an attacker's hands sends a driver elsewhere: whatever it answers, nobody else is ever connected to.

Two real servers: the one that the options name, and one where a redirect, a link, an import or an address in an answer
leads. Every driver that speaks HTTP is held to it.
"""

from __future__ import annotations

import ast
import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from drivers import registry
from drivers.contract import DriverError, ReadMode, ReadRequest, StreamSpec
from tests.canaries import canary

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {name: canary() for name in ("password", "client_secret", "consumer_secret", "token_secret")}
BASIC = {"kind": "basic", "user": "agent"}
OAUTH1 = {"kind": "oauth1", "consumer_key": "k", "token_id": "t"}
PORTS = {"OrderPort": ["OrderService"]}
# Of each: driver, options, and how a stream is read.
DRIVERS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "odata": ("odata", {"auth": BASIC}, {"entity_set": "Orders"}),
    "netsuite": (
        "netsuite",
        {"account": "1234567", "auth": OAUTH1},
        {"query": "SELECT t.id FROM transaction t", "key": ["id"], "types": {"id": "integer"}},
    ),
    "dmf": (
        "dmf",
        {
            "auth": BASIC,
            "legal_entities": ["usmf"],
            "poll_seconds": 0,
            "appear_seconds": 0,
            "call_seconds": 1,
        },
        {"project": "Orders", "entity": "Orders", "key": ["NO"]},
    ),
    "NAV pages": (
        "soap",
        {"services": "nav-pages", "auth": BASIC, "company": "C", "time_zone": "UTC"},
        {"page": "Orders", "key": ["No"]},
    ),
    "AX documents": (
        "soap",
        {"services": "ax-documents", "auth": BASIC, "company": "ceu", "ports": PORTS},
        {"port": "OrderPort", "service": "OrderService", "key": ["No"]},
    ),
    "RFC over SOAP": (
        "rfc",
        {"client": "100", "user": "U", "way": "soap"},
        {"table": "EKKO", "key": ["EBELN"]},
    ),
}
WSDL = """<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:xsd="http://www.w3.org/2001/XMLSchema"
 targetNamespace="urn:x"><wsdl:import namespace="urn:y" location="{there}/evil.wsdl"/><wsdl:types><xsd:schema>
 <xsd:import namespace="urn:z" schemaLocation="{there}/evil.xsd"/><xsd:include schemaLocation="{there}/more.xsd"/>
 </xsd:schema></wsdl:types></wsdl:definitions>"""
METADATA = """<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">
 <edmx:Reference Uri="{there}/evil.xml"><edmx:Include Namespace="X"/></edmx:Reference><edmx:DataServices>
 <Schema Namespace="S" xmlns="http://docs.oasis-open.org/odata/ns/edm"><EntityType Name="Order"><Key>
 <PropertyRef Name="No"/></Key><Property Name="No" Type="Edm.String"/></EntityType><EntityContainer Name="C">
 <EntitySet Name="Orders" EntityType="S.Order"/></EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"""
ENTITY = '<!DOCTYPE x [<!ENTITY e SYSTEM "{there}/evil.dtd">]><x>&e;</x>'
PAGE = (
    '{{"@odata.context":"{there}/$metadata","@odata.nextLink":"{there}/Orders?$skiptoken=1","value":[{{"No":"1"}}],'
    '"d":{{"results":[],"__next":"{there}/Orders"}},"links":[{{"rel":"next","href":"{there}/next"}}],"hasMore":true,'
    '"items":[{{"id":"1"}}],"count":1,"totalResults":9,"location":"{there}/x"}}'
)
ANSWERS: dict[str, tuple[int, dict[str, str], str]] = {
    "302": (302, {"Location": "{there}/latest/meta-data"}, ""),
    "301 without a scheme": (301, {"Location": "//{place}/x"}, ""),
    "307": (307, {"Location": "{there}/x"}, "{{}}"),
    "308 to a file": (308, {"Location": "file:///etc/passwd"}, ""),
    "refresh": (
        200,
        {"Refresh": "0; url={there}/x", "Content-Type": "text/html"},
        "<meta http-equiv=refresh>",
    ),
    "links": (200, {"Content-Type": "application/json", "Link": "<{there}/x>; rel=next"}, PAGE),
    "metadata": (200, {"Content-Type": "application/xml"}, METADATA),
    "wsdl": (200, {"Content-Type": "text/xml"}, WSDL),
    "entity": (200, {"Content-Type": "text/xml"}, ENTITY),
    "created elsewhere": (201, {"Location": "{there}/Orders('1')", "Content-Location": "{there}/y"}, "{{}}"),
    "accepted elsewhere": (202, {"Location": "{there}/status", "Azure-AsyncOperation": "{there}/op"}, ""),
    "sign in there": (401, {"WWW-Authenticate": 'Bearer authorization_uri="{there}/authorize"'}, ""),
    "ask the proxy": (407, {"Proxy-Authenticate": "Basic realm=x", "Location": "{there}/"}, ""),
    "moved for good": (421, {"Alt-Svc": 'h2="{place}"; ma=86400', "Location": "{there}/"}, ""),
}


class Server:
    """Answers everything alike, or the metadata first, and remembers who came."""

    def __init__(self, answer: tuple[int, dict[str, str], bytes]) -> None:
        self.seen: list[str] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                owner.seen.append(f"{self.command} {self.path}")
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, body = answer
                if "$metadata" in self.path:
                    status, headers, body = 200, {"Content-Type": "application/xml"}, owner.metadata
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def __getattr__(self, name: str) -> Any:
                if name.startswith("do_"):
                    return self._any
                raise AttributeError(name)

            def log_message(self, *_: Any) -> None:
                pass

        self.metadata = b""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.place = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def there() -> Iterator[Server]:
    server = Server((200, {}, b"{}"))
    yield server
    server.close()


@contextlib.contextmanager
def hostile(answer: str, there: Server) -> Iterator[Server]:
    names = {"there": f"http://{there.place}", "place": there.place}
    status, headers, body = ANSWERS[answer]
    filled = {name: value.format(**names) for name, value in headers.items()}
    server = Server((status, filled, body.format(**names).encode()))
    server.metadata = METADATA.format(**names).encode()
    yield server
    server.close()


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("name", DRIVERS)
async def test_no_answer_of_a_source_leads_a_driver_to_another_host(
    name: str, answer: str, there: Server
) -> None:
    kind, options, read = DRIVERS[name]
    stream = StreamSpec("orders", "purchase_order", read)
    with hostile(answer, there) as here:
        url = {"http": {"url": f"http://{here.place}"}} if kind == "rfc" else {"url": f"http://{here.place}"}
        driver = registry.create(kind, connection="erp", options={**options, **url}, secrets=SECRETS)
        try:
            for work in (driver.check([stream]), driver.discover(), driver.signpost(stream)):
                with contextlib.suppress(DriverError):
                    await work
            with contextlib.suppress(DriverError):
                request = ReadRequest(stream, ReadMode.SCAN, page_rows=10)
                async for _ in driver.read(request):
                    if len(here.seen) > 50:
                        break
        finally:
            await driver.aclose()
        assert here.seen, "the driver asked nobody, which shows nothing"

    assert there.seen == []


def test_every_driver_that_speaks_http_speaks_through_the_one_client() -> None:
    """None but `drivers/http` opens a connection; two checks look a name up, and zeep parses what is there already."""
    clients = {"httpx", "httpcore", "requests", "aiohttp", "urllib3", "ssl", "ftplib", "smtplib", "socket"}
    found = {
        (str(path.relative_to(ROOT)), module.partition(".")[0])
        for path in (ROOT / "drivers").rglob("*.py")
        if "http" not in path.relative_to(ROOT / "drivers").parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for module in _imported(node)
        if module.partition(".")[0] in clients or module in {"urllib.request", "http.client"}
    }

    assert found == {("drivers/rfc/checks.py", "socket"), ("drivers/odbc/checks.py", "socket")}


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
