"""A NAV server of the tests' own: pages over tables in memory, behind the WSDLs that real servers gave.

It shares nothing with the driver. Requests are checked against the schema of the WSDL; Keys go stale with every write;
the ways in which servers differ can be asked for.
"""

from __future__ import annotations

import base64
import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from lxml import etree

from tests.nav.filters import BadFilter, collated, compiled
from tests.nav.wsdls import system_wsdl
from tests.sap_odata.web import HttpServer, Request, Response

COMPANY = "CRONUS AG & Söhne"
INSTANCE = "/DynamicsNAV100/WS"
EXCEPTIONS = "Microsoft.Dynamics.Nav.Types.Exceptions"
XSD = "{http://www.w3.org/2001/XMLSchema}"
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
Row = dict[str, Any]


class Fault(Exception):
    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def evaluate(text: str) -> Fault:
    return Fault(f"{EXCEPTIONS}.NavNCLEvaluateException", text)


@dataclass
class Part:
    name: str  # the element
    line: str
    rows: Callable[[Row], list[Row]]


@dataclass
class Page:
    """`rows`: by primary key; a row's `_v` counts its writes, `_lines` holds the rows of each part."""

    name: str
    wsdl: bytes
    primary: tuple[str, ...]
    rows: dict[tuple[str, ...], Row] = field(default_factory=dict)
    validate: Callable[[Row, Row], None] = lambda _row, _change: None  # raises Fault; may fill in
    number: Callable[[], str] = lambda: ""
    where: Callable[[Row], bool] = lambda _row: True  # the page's own SourceTableView
    grown: dict[str, int] = field(
        default_factory=dict
    )  # fields that the answers have at a place, and the WSDL not

    def __post_init__(self) -> None:
        root = etree.fromstring(self.wsdl)
        schema = root.find(f".//{XSD}schema")
        self.space = str(schema.get("targetNamespace"))
        self.schema = etree.XMLSchema(etree.fromstring(etree.tostring(schema)))
        self.operations = {each.get("name") for each in root.findall(f"{WSDL}portType/{WSDL}operation")}
        self.options = {
            each.get("name"): [one.get("value") for one in each.iter(f"{XSD}enumeration")]
            for each in schema.findall(f"{XSD}simpleType")
        }
        types = {
            each.get("name"): [
                (one.get("name"), str(one.get("type")).partition(":")[2])
                for one in each.iter(f"{XSD}element")
            ]
            for each in schema.findall(f"{XSD}complexType")
        }
        self.members = types[self.name]
        self.parts = {
            name: (kind.removesuffix("_List"), types[kind.removesuffix("_List")])
            for name, kind in self.members
            if kind.endswith("_List") and kind in types
        }

    def kind(self, name: str) -> str:
        kind = dict(self.members)[name]
        return "string" if kind in self.options else kind


class NavServer(HttpServer):
    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[str, Page] = {}
        self.codeunits: dict[str, tuple[bytes, dict[str, Callable[[Mapping[str, str]], None]]]] = {}
        self.date_format = "%d/%m/%Y"
        self.most_rows = 10_000  # of one answer, whatever is asked for
        self.bookmarks_live = True  # a bookmark of a record that is gone is taken, too
        self.account = ("agent", "secret-key")
        self.schemes = 'Basic realm=""'
        self.meanwhile: Callable[[], None] = lambda: None  # what others do behind a reading
        self._lock = threading.RLock()
        self._lines = itertools.count(1)

    def add(self, page: Page) -> Page:
        self.pages[page.name] = page
        return page

    @property
    def root(self) -> str:
        return f"{self.url}{INSTANCE}"

    def calls(self, operation: str) -> list[bytes]:
        return [
            each.body for each in self.seen if each.headers.get("soapaction", "").endswith(f':{operation}"')
        ]

    # --- HTTP

    def answer(self, request: Request) -> Response:
        with self._lock:
            wanted = base64.b64encode(":".join(self.account).encode()).decode()
            if request.headers.get("authorization", "") != f"Basic {wanted}":
                return Response(401, b"<html>401</html>", {"WWW-Authenticate": self.schemes})
            return self.signed_in(request.method, request.path, request.body)

    def signed_in(self, method: str, path: str, body: bytes) -> Response:
        headers = {"Content-Type": "text/xml; charset=utf-8", "Server": "Microsoft-HTTPAPI/2.0"}
        path = path.partition("?")[0]
        if not path.startswith(f"{INSTANCE}/"):
            return Response(404)
        steps = [unquote(each) for each in path.removeprefix(f"{INSTANCE}/").split("/")]
        try:
            text = self._routed(method, steps, body)
        except Fault as fault:
            return Response(500, _fault(fault), headers)
        return Response(404) if text is None else Response(200, text, headers)

    def _routed(self, method: str, steps: list[str], body: bytes) -> bytes | None:
        if steps == ["SystemService"]:
            if method == "GET":
                return system_wsdl().encode()
            space = "urn:microsoft-dynamics-schemas/nav/system/"
            names = "".join(f"<return_value>{escape(each)}</return_value>" for each in (COMPANY, "Test"))
            return _envelope(f'<Companies_Result xmlns="{space}">{names}</Companies_Result>')
        if steps[0] not in {COMPANY, "Test"} and len(steps) > 1:
            raise Fault(
                f"{EXCEPTIONS}.NavCompanyNotFoundException", f'The company "{steps[0]}" does not exist.'
            )
        match steps[1:]:
            case ["Services"]:
                return self._disco()
            case ["Page", name] if name in self.pages:
                return self.pages[name].wsdl if method == "GET" else self._page(self.pages[name], body)
            case ["Codeunit", name] if name in self.codeunits:
                return self.codeunits[name][0] if method == "GET" else self._codeunit(name, body)
        raise Fault(
            "Microsoft.Dynamics.Nav.Service.WebServices.ServiceNotFoundException",
            f'Service "{"/".join(steps[1:])}" was not found!',
        )

    def _disco(self) -> bytes:
        found = [*(f"Page/{name}" for name in self.pages), *(f"Codeunit/{name}" for name in self.codeunits)]
        home = f"http://nav-machine:7047{INSTANCE}/{quote(COMPANY)}"
        refs = "".join(
            f'<contractRef xmlns="http://schemas.xmlsoap.org/disco/scl/" ref="{home}/{each}"/>'
            for each in found
        )
        return f'<discovery xmlns="http://schemas.xmlsoap.org/disco/">{refs}</discovery>'.encode()

    # --- operations

    def _codeunit(self, name: str, body: bytes) -> bytes:
        asked = _body(body)
        function = etree.QName(asked).localname
        self.codeunits[name][1][function]({etree.QName(each).localname: each.text or "" for each in asked})
        return _envelope(f'<{function}_Result xmlns="{etree.QName(asked).namespace}"/>')

    def _page(self, page: Page, body: bytes) -> bytes:
        asked = _body(body)
        operation = etree.QName(asked).localname
        if etree.QName(asked).namespace != page.space or operation not in page.operations:
            raise Fault("s:Client", f"There is no operation {operation}.")
        if not page.schema.validate(asked):
            raise Fault("s:Client", f"There is an error in XML document: {page.schema.error_log.last_error}")
        if operation.startswith("Delete_"):
            inner = self._delete_line(page, operation.removeprefix("Delete_"), asked[0].text or "")
        else:
            inner = getattr(self, f"_{operation.lower()}")(page, asked)
            if operation == "ReadMultiple":
                self.meanwhile()
        return _envelope(f'<{operation}_Result xmlns="{page.space}">{inner}</{operation}_Result>')

    def _readmultiple(self, page: Page, asked: Any) -> str:
        rows = self._filtered(page, asked)
        size = int(asked.findtext("{*}setSize"))
        bookmark = asked.findtext("{*}bookmarkKey")
        if size < 0:
            rows.reverse()
        if bookmark:
            rows = self._behind(page, rows, bookmark, reverse=size < 0)
        rows = rows[: min(abs(size) or self.most_rows, self.most_rows)]
        if not rows:
            return ""
        return (
            f"<ReadMultiple_Result>{''.join(self.element(page, row) for row in rows)}</ReadMultiple_Result>"
        )

    def _filtered(self, page: Page, asked: Any) -> list[Row]:
        tests = []
        for each in asked.findall("{*}filter"):
            name, criteria = each.findtext("{*}Field"), each.findtext("{*}Criteria") or ""
            try:
                tests.append((name, compiled(criteria, page.kind(name), self.date_format)))
            except BadFilter as error:
                raise evaluate(str(error)) from None
        found = [
            row
            for row in page.rows.values()
            if page.where(row) and all(test(_shown(row.get(name))) for name, test in tests)
        ]
        return sorted(found, key=lambda row: _ordered(page, row))

    def _behind(self, page: Page, rows: list[Row], bookmark: str, *, reverse: bool) -> list[Row]:
        kind, place, _ = _unpacked(bookmark)
        if kind != page.name or (place not in page.rows and not self.bookmarks_live):
            raise Fault(f"{EXCEPTIONS}.NavCSideInvalidBookmarkException", "The bookmark is invalid.")
        at = tuple(collated(each) for each in place)
        return [row for row in rows if (_ordered(page, row) < at if reverse else _ordered(page, row) > at)]

    def _read(self, page: Page, asked: Any) -> str:
        row = page.rows.get(tuple(each.text or "" for each in asked))
        return self.element(page, row) if row is not None else ""

    def _isupdated(self, page: Page, asked: Any) -> str:
        _, place, version = _unpacked(asked[0].text or "")
        row = page.rows.get(place)
        return f"<IsUpdated_Result>{str(row is None or row['_v'] != version).lower()}</IsUpdated_Result>"

    def _create(self, page: Page, asked: Any) -> str:
        given = asked[0]
        if given.find("{*}Key") is not None:
            raise Fault(f"{EXCEPTIONS}.NavNCLException", "A new record has no Key.")
        row: Row = {"_v": 1, "_lines": {name: [] for name in page.parts}}
        self._apply(page, row, given)
        for name in page.primary:
            row.setdefault(name, page.number())
        place = tuple(str(row[name]) for name in page.primary)
        if place in page.rows:
            raise Fault(f"{EXCEPTIONS}.NavCSideDuplicateKeyException", "The record already exists.")
        page.rows[place] = row
        return self.element(page, row)

    def _update(self, page: Page, asked: Any) -> str:
        given = asked[0]
        row = self._fresh(page, given.findtext("{*}Key") or "")
        copy = {
            **row,
            "_lines": {name: [dict(line) for line in lines] for name, lines in row["_lines"].items()},
        }
        self._apply(page, copy, given)
        copy["_v"] += 1
        page.rows[tuple(str(row[name]) for name in page.primary)] = copy
        return self.element(page, copy)

    def _delete(self, page: Page, asked: Any) -> str:
        row = self._fresh(page, asked[0].text or "")
        page.validate(row, {"_delete": True})
        del page.rows[tuple(str(row[name]) for name in page.primary)]
        return "<Delete_Result>true</Delete_Result>"

    def _delete_line(self, page: Page, part: str, key: str) -> str:
        for row in page.rows.values():
            for line in row["_lines"].get(part, []):
                if _line_key(line) == key:
                    row["_lines"][part].remove(line)
                    row["_v"] += 1
                    return f"<Delete_{part}_Result>true</Delete_{part}_Result>"
        raise _changed(f"{part} line")

    def _fresh(self, page: Page, key: str) -> Row:
        kind, place, version = _unpacked(key)
        row = page.rows.get(place) if kind == page.name else None
        if row is None:
            raise Fault(f"{EXCEPTIONS}.NavCSideRecordNotFoundException", f"The {page.name} does not exist.")
        if row["_v"] != version:
            raise _changed(page.name)
        return row

    def _apply(self, page: Page, row: Row, given: Any) -> None:
        """Fields in the order of the page, each validated; what is not given stays."""
        change = {}
        for each in given:
            name = etree.QName(each).localname
            if name == "Key" or name in page.parts:
                continue
            change[name] = _typed(page.kind(name), each.text or "")
        page.validate(row, change)
        row |= change
        for each in given:
            name = etree.QName(each).localname
            if name in page.parts:
                self._apply_lines(row["_lines"][name], each, dict(page.parts[name][1]), page)

    def _apply_lines(self, lines: list[Row], given: Any, kinds: Mapping[str, str], page: Page) -> None:
        for each in given:
            change = {
                etree.QName(one).localname: _typed(kinds[etree.QName(one).localname], one.text or "")
                for one in each
                if etree.QName(one).localname != "Key"
            }
            key = each.findtext("{*}Key")
            if key is None:
                number = max((line["Line_No"] for line in lines), default=0) + 10_000
                line: Row = {"_id": next(self._lines), "_v": 1, "Line_No": number}
                page.validate(line, change)
                lines.append(line | change)
                continue
            line = next((one for one in lines if _line_key(one) == key), {})
            if not line:
                raise _changed("line")
            page.validate(line, change)
            line.update(change, _v=line["_v"] + 1)

    # --- records as XML

    def element(self, page: Page, row: Row) -> str:
        inner = [
            f"<Key>{_packed(page.name, tuple(str(row[name]) for name in page.primary), row['_v'])}</Key>"
        ]
        for name, kind in page.members[1:]:
            if name in page.parts:
                line, members = page.parts[name]
                lines = row["_lines"][name]
                texts = "".join(
                    f"<{line}><Key>{_line_key(each)}</Key>{_fields(each, members[1:])}</{line}>"
                    for each in lines
                )
                inner += [f"<{name}>{texts}</{name}>"] if lines else []
            else:
                inner.append(_field(name, kind, row.get(name)))
        for name, place in page.grown.items():
            inner.insert(place, f"<{name}>grown</{name}>")
        return f"<{page.name}>{''.join(inner)}</{page.name}>"


def _fields(row: Row, members: list[tuple[str, str]]) -> str:
    return "".join(_field(name, kind, row.get(name)) for name, kind in members)


def _field(name: str, kind: str, value: Any) -> str:
    if value is None:
        return f"<{name}>0001-01-01</{name}>" if kind == "date" else ""
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    if isinstance(value, datetime):
        text = value.isoformat().replace("+00:00", "Z")
    return f"<{name}>{escape(text)}</{name}>"


def _typed(kind: str, text: str) -> Any:
    if kind == "date":
        return None if text == "0001-01-01" else date.fromisoformat(text)
    if kind == "boolean":
        return text == "true"
    return int(text) if kind == "int" else text


def _shown(value: Any) -> Any:
    """Filters compare an option by its caption."""
    if isinstance(value, str):
        return "" if value == "_blank_" else value
    return value


def _ordered(page: Page, row: Row) -> tuple[str, ...]:
    return tuple(collated(str(row[name])) for name in page.primary)


def _packed(page: str, place: tuple[str, ...], version: int) -> str:
    return base64.b64encode("\x1f".join((page, *place, str(version))).encode()).decode()


def _unpacked(key: str) -> tuple[str, tuple[str, ...], int]:
    try:
        kind, *place, version = base64.b64decode(key, validate=True).decode().split("\x1f")
        return kind, tuple(place), int(version)
    except ValueError:
        raise Fault(f"{EXCEPTIONS}.NavNCLException", "The Key is not valid.") from None


def _line_key(line: Row) -> str:
    return f"L{line['_id']};{line['_v']}"


def _changed(what: str) -> Fault:
    # In the language of the service, so that nobody can go by the words.
    return Fault(f"{EXCEPTIONS}.NavNCLException", f"{what} wurde von einem anderen Benutzer geändert.")


def _body(document: bytes) -> Any:
    root = etree.fromstring(document)
    return root.find("{http://schemas.xmlsoap.org/soap/envelope/}Body")[0]


def _envelope(inner: str) -> bytes:
    return (
        '<Soap:Envelope xmlns:Soap="http://schemas.xmlsoap.org/soap/envelope/"><Soap:Body>'
        f"{inner}</Soap:Body></Soap:Envelope>"
    ).encode()


def _fault(fault: Fault) -> bytes:
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
        f'<faultcode xmlns:a="urn:microsoft-dynamics-schemas/error">a:{fault.code}</faultcode>'
        f'<faultstring xml:lang="de-DE">{escape(str(fault))}</faultstring><detail><string '
        f'xmlns="http://schemas.microsoft.com/2003/10/Serialization/">{escape(str(fault))}</string></detail>'
        "</s:Fault></s:Body></s:Envelope>"
    ).encode()
