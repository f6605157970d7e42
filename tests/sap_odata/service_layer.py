"""Business One's Service Layer over HTTP: sessions in cookies, pages by size, collections inside records."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote

from tests.canaries import canary
from tests.sap_odata import filters
from tests.sap_odata.business_one import MODEL, Books, Entity, Row, metadata, shown
from tests.sap_odata.service import split
from tests.sap_odata.web import HttpServer, Request, Response

PAGE = 20  # without a wish
_NUMBERS = {"Edm.Double", "Edm.Int32"}


class B1Refused(Exception):
    def __init__(self, status: int, code: int, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text


class ServiceLayer(HttpServer):
    def __init__(self, books: Books | None = None) -> None:
        super().__init__()
        self.books = books or Books()
        self.model = metadata()
        self.logon = {"CompanyDB": "SBODEMO", "UserName": "manager", "Password": canary("-3")}
        self.sessions: dict[str, datetime] = {}  # name, its last use
        self.session_minutes = 30
        self.session_clock = lambda: datetime.now(UTC)  # noqa: TID251 - the server's own
        self.etags = True
        self.lock = threading.RLock()

    def end_sessions(self) -> None:
        self.sessions.clear()

    def answer(self, request: Request) -> Response:
        found = re.fullmatch(r"/b1s/(v1|v2)/?(.*)", request.path)
        if found is None:
            return Response(404, b"<html><title>404 Not Found</title></html>", {"Content-Type": "text/html"})
        version = 4 if found.group(1) == "v2" else 3
        with self.lock:
            try:
                return self._answered(version, unquote(found.group(2)), request)
            except B1Refused as error:
                return _error(version, error)
            except filters.BadFilter as error:
                return _error(version, B1Refused(400, -1000, f"Query string error: {error}"))

    # --- sessions

    def _answered(self, version: int, path: str, request: Request) -> Response:
        if path == "Login":
            return self._login(version, request)
        name = next(iter(re.findall(r"B1SESSION=([\w-]+)", request.headers.get("cookie", ""))), "")
        last = self.sessions.get(name)
        now = self.session_clock()
        if last is None or (now - last).total_seconds() > self.session_minutes * 60:
            self.sessions.pop(name, None)
            raise B1Refused(401, 301, "Invalid session or session already timeout.")
        self.sessions[name] = now
        if path == "Logout":
            del self.sessions[name]
            return Response(204)
        return self._served(version, path, request)

    def _login(self, version: int, request: Request) -> Response:
        if request.method != "POST" or json.loads(request.body or b"{}") != self.logon:
            raise B1Refused(401, -304, "Fail to get DB Credentials from SLD")
        name = str(uuid.uuid4())
        self.sessions[name] = self.session_clock()
        context = "odata.metadata" if version == 3 else "@odata.context"
        body = {
            context: f"{self.url}/b1s/v{version // 2}/$metadata#B1Sessions/@Element",
            "SessionId": name, "Version": "1000230", "SessionTimeout": self.session_minutes,
        }  # fmt: skip
        cookies = (f"B1SESSION={name}; HttpOnly; SameSite=None", "ROUTEID=.node1; path=/b1s; HttpOnly")
        return Response(200, json.dumps(body).encode(), {"Content-Type": "application/json"}, cookies)

    # --- reading

    def _served(self, version: int, path: str, request: Request) -> Response:
        if path == "$metadata":
            return Response(200, self.model.document, {"Content-Type": "application/xml;charset=utf-8"})
        found = re.fullmatch(r"(\w+)(?:\((.*)\))?(?:/(\$?\w+))?", path)
        if found is None or found.group(1) not in MODEL:
            raise B1Refused(400, -1000, f"Unrecognized resource path. '{path}'")
        set_name, key, rest = found.groups()
        if key is None:
            return self._of_set(version, set_name, rest, request)
        row = self._find(set_name, key)
        if rest is not None:
            return self._action(set_name, row, rest, request)
        if request.method == "GET":
            tag = {"ETag": self._etag(row)} if self.etags and version == 4 else {}
            return _json(self._row(version, set_name, row, request.query.get("$select", "")), tag)
        return self._change(set_name, row, request)

    def _of_set(self, version: int, set_name: str, rest: str | None, request: Request) -> Response:
        if request.method == "POST":
            return self._create(version, set_name, request)
        if rest == "$count":
            count = str(len(self._chosen(set_name, request)))
            return Response(200, count.encode(), {"Content-Type": "text/plain"})
        return self._list(version, set_name, request)

    def _find(self, set_name: str, key: str) -> Row:
        values = filters.literals(key, 4)
        value = next(iter(values.values()), None)
        row = self.books.rows[set_name].get(int(value) if isinstance(value, Decimal) else value)
        if row is None:
            raise B1Refused(404, -2028, "No matching records found (ODBC -2028)")
        return row

    def _chosen(self, set_name: str, request: Request) -> list[Row]:
        entity = MODEL[set_name]
        for name in request.query:
            if name in {"$expand", "$apply"} or (name == "$inlinecount" and "/v2/" in request.path):
                raise B1Refused(400, -1000, f"Query option '{name}' is not supported here")
        rows = [self.books.rows[set_name][key] for key in sorted(self.books.rows[set_name])]
        if request.query.get("$filter"):
            type_ = self.model.types[entity.type]
            keep = filters.compiled(request.query["$filter"], self.model, type_, lambda *_: None)
            rows = [row for row in rows if keep(row)]
        for part in reversed(split(request.query.get("$orderby", ""))):
            name, _, way = part.partition(" ")
            if name not in entity.fields:
                raise B1Refused(400, -1000, f"Property '{name}' of '{entity.type}' is invalid")
            rows.sort(key=lambda row: (row[name] is not None, row[name]), reverse=way == "desc")
        return rows

    def _list(self, version: int, set_name: str, request: Request) -> Response:
        rows = self._chosen(set_name, request)
        count = len(rows)
        skip = int(request.query.get("$skip", 0))
        top = request.query.get("$top")
        rows = rows[skip:] if top is None else rows[skip : skip + int(top)]
        wish = re.search(r"odata\.maxpagesize=(\d+)", request.headers.get("prefer", ""))
        size = int(wish.group(1) if wish else request.headers.get("b1s-pagesize", PAGE))
        answer: dict[str, Any] = {
            "@odata.context" if version == 4 else "odata.metadata": f"{self.url}/b1s/$metadata#{set_name}"
        }
        if request.query.get("$count") == "true" or request.query.get("$inlinecount") == "allpages":
            answer["@odata.count" if version == 4 else "odata.count"] = count
        more = size > 0 and len(rows) > size
        rows = rows[:size] if more else rows
        answer["value"] = [
            self._row(version, set_name, row, request.query.get("$select", "")) for row in rows
        ]
        if more:
            left = {"$top": str(int(top) - size)} if top is not None else {}
            kept = {**request.query, **left, "$skip": str(skip + size)}
            link = f"{set_name}?" + "&".join(
                f"{name}={quote(value, safe='')}" for name, value in kept.items()
            )
            answer["@odata.nextLink" if version == 4 else "odata.nextLink"] = link
        return _json(answer)

    def _row(self, version: int, set_name: str, row: Row, select: str) -> dict[str, Any]:
        entity = MODEL[set_name]
        names = split(select) or [*entity.fields, *entity.lines]
        found: dict[str, Any] = {"@odata.etag": self._etag(row)} if self.etags and version == 4 else {}
        for name in names:
            if name in entity.fields:
                found[name] = shown(row[name])
            elif name in entity.lines:
                found[name] = [{each: shown(value) for each, value in line.items()} for line in row[name]]
            else:
                raise B1Refused(400, -1000, f"Property '{name}' of '{entity.type}' is invalid")
        return found

    def _etag(self, row: Row) -> str:
        return f'W/"{hashlib.sha1(repr(sorted(row.items())).encode(), usedforsecurity=False).hexdigest().upper()}"'

    # --- writing

    def _create(self, version: int, set_name: str, request: Request) -> Response:
        entity = MODEL[set_name]
        given = _parsed(entity, _body(request))
        rows = self.books.rows[set_name]
        if set_name == "PurchaseOrders":
            self._order_holds(given)
            given["DocEntry"] = max(rows, default=0) + 1
            given["DocNum"] = 1000 + given["DocEntry"]
            given = {
                "DocumentStatus": "bost_Open",
                "Cancelled": "tNO",
                "DocDate": self.books.day(),
                "DocCurrency": "EUR",
            } | given
            given["CardName"] = self.books.rows["BusinessPartners"][given["CardCode"]]["CardName"]
        elif set_name == "ProductionOrders":
            given["AbsoluteEntry"] = max(rows, default=0) + 1
            given["DocumentNumber"] = 500 + given["AbsoluteEntry"]
            given.setdefault("ProductionOrderStatus", "boposPlanned")
        elif not given.get(entity.key):
            raise B1Refused(400, -10, f"Enter valid code [{entity.key}]")
        elif given[entity.key] in rows:
            raise B1Refused(400, -2035, "This entry already exists in the following tables (ODBC -2035)")
        row = self.books.add(set_name, given | _stamp(self.books, entity))
        self._number_lines(entity, row)
        location = f"{self.url}/b1s/v2/{set_name}({row[entity.key]!r})"
        if "return-no-content" in request.headers.get("prefer", ""):
            return Response(204, headers={"Location": location})
        return _json(self._row(version, set_name, row, ""), {"Location": location}, 201)

    def _order_holds(self, given: Row) -> None:
        partner = self.books.rows["BusinessPartners"].get(given.get("CardCode"))
        if partner is None:
            raise B1Refused(400, -10, f"Enter valid code  [OPOR.CardCode] , '{given.get('CardCode', '')}'")
        if partner["Frozen"] == "tYES":
            raise B1Refused(
                400, -10, f"Business partner is inactive  [OPOR.CardCode] , '{partner['CardCode']}'"
            )
        if not given.get("DocDueDate"):
            raise B1Refused(400, -10, "Enter due date  [OPOR.DocDueDate]")
        if not given.get("DocumentLines"):
            raise B1Refused(400, -5002, "No matching records found  [POR1]")
        for at, line in enumerate(given["DocumentLines"], 1):
            item = self.books.rows["Items"].get(line.get("ItemCode"))
            if item is None:
                text = (
                    f"(1) Enter valid item code  [POR1.ItemCode][line: {at}] , '{line.get('ItemCode', '')}'"
                )
                raise B1Refused(400, -1004, text)
            line.setdefault("Price", line.get("UnitPrice"))
            line.update(ItemDescription=item["ItemName"], LineStatus="bost_Open")
            line["LineTotal"] = (line.get("Price") or Decimal(0)) * (line.get("Quantity") or Decimal(1))
        given["DocTotal"] = sum((line["LineTotal"] for line in given["DocumentLines"]), Decimal(0))

    def _change(self, set_name: str, row: Row, request: Request) -> Response:
        entity = MODEL[set_name]
        match = request.headers.get("if-match")
        if match not in {None, "*", self._etag(row)}:
            raise B1Refused(
                412,
                -2039,
                "Another user or another operation modified data; to continue, open the window again",
            )
        if request.method == "DELETE":
            if set_name in {"PurchaseOrders", "ProductionOrders"}:
                raise B1Refused(400, -5006, "The requested action is not supported for this object.")
            del self.books.rows[set_name][row[entity.key]]
            return Response(204)
        if request.method not in {"PATCH", "PUT"}:
            raise B1Refused(405, -1000, f"Method {request.method} is not allowed")
        if row.get("DocumentStatus") == "bost_Close":
            raise B1Refused(400, -1029, "Field cannot be updated (ODBC -1029)")
        given = _parsed(entity, _body(request))
        if given.get(entity.key, row[entity.key]) != row[entity.key]:
            raise B1Refused(400, -1029, "Field cannot be updated (ODBC -1029)")
        replace = request.headers.get("b1s-replacecollectionsonpatch", "").lower() == "true"
        for name, lines in entity.lines.items():
            if name in given:
                given[name] = _merged(
                    lines.key, dict.fromkeys(lines.fields), row[name], given[name], replace=replace
                )
        row.update(given | _stamp(self.books, entity))
        self._number_lines(entity, row)
        return Response(204)

    def _action(self, set_name: str, row: Row, action: str, request: Request) -> Response:
        if request.method != "POST" or set_name not in {"PurchaseOrders", "ProductionOrders"}:
            raise B1Refused(400, -1000, f"Unrecognized resource path. '{action}'")
        status = "DocumentStatus" if set_name == "PurchaseOrders" else "ProductionOrderStatus"
        if row[status] in {"bost_Close", "boposClosed", "boposCancelled"} and action != "Reopen":
            raise B1Refused(400, -5006, "The document is closed already")
        ends = {
            "PurchaseOrders": {"Close": {status: "bost_Close"}, "Reopen": {status: "bost_Open"},
                               "Cancel": {status: "bost_Close", "Cancelled": "tYES"}},
            "ProductionOrders": {"Cancel": {status: "boposCancelled"}},
        }[set_name]  # fmt: skip
        if action not in ends:
            raise B1Refused(400, -1000, f"Unrecognized resource path. '{action}'")
        row.update(ends[action] | _stamp(self.books, MODEL[set_name]))
        return Response(204)

    def _number_lines(self, entity: Entity, row: Row) -> None:
        for name, lines in entity.lines.items():
            if lines.fields[lines.key] != "Edm.Int32":
                continue
            for line in row[name]:
                if line[lines.key] is None:
                    taken = [each[lines.key] for each in row[name] if each[lines.key] is not None]
                    line[lines.key] = max(taken, default=-1) + 1


def _merged(key: str, empty: Row, held: list[Row], given: list[Row], *, replace: bool) -> list[Row]:
    """A line that is named by its key is changed, another is new; the rest stays unless the collection is replaced."""
    by_key = {line[key]: line for line in held}
    found = [] if replace else list(held)
    for line in given:
        mine = by_key.get(line.get(key)) if line.get(key) is not None else None
        if mine is None:
            found.append(empty | line)
        elif replace:
            found.append(mine | line)
        else:
            found[found.index(mine)] = mine | line
    return found


def _stamp(books: Books, entity: Entity) -> Row:
    return {name: value for name, value in books.stamp().items() if name in entity.fields}


def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body, parse_float=Decimal)
    except ValueError as error:
        raise B1Refused(400, -1000, "The request body is no JSON") from error
    if not isinstance(body, dict):
        raise B1Refused(400, -1000, "The request body is no object")
    return body


def _parsed(entity: Entity, body: Mapping[str, Any]) -> Row:
    found: Row = {}
    for name, value in body.items():
        if name in entity.lines:
            lines = entity.lines[name]
            found[name] = [
                {each: _value(lines.fields, each, one) for each, one in line.items()} for line in value
            ]
        elif "@odata" not in name:
            found[name] = _value(entity.fields, name, value)
    return found


def _value(fields: Mapping[str, str], name: str, value: Any) -> Any:
    if name not in fields:
        raise B1Refused(400, -1000, f"Property '{name}' is invalid")
    kind = fields[name]
    try:
        if value is None:
            return None
        if kind == "Edm.DateTimeOffset":
            moment = datetime.fromisoformat(str(value))
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if kind == "Edm.TimeOfDay":
            return time.fromisoformat(value)
        if kind in _NUMBERS:
            return int(value) if kind == "Edm.Int32" else Decimal(str(value))
    except (ValueError, ArithmeticError) as error:
        raise B1Refused(400, -1000, f"Property '{name}' has an invalid value") from error
    if not isinstance(value, str):
        raise B1Refused(400, -1000, f"Property '{name}' has an invalid value")
    return value


def _error(version: int, error: B1Refused) -> Response:
    inner: dict[str, Any] = {"code": error.code, "message": {"lang": "en-us", "value": error.text}}
    if version == 4:
        inner = {"code": str(error.code), "details": [{"code": "", "message": ""}], "message": error.text}
    return Response(
        error.status,
        json.dumps({"error": inner}).encode(),
        {"Content-Type": "application/json;charset=utf-8"},
    )


def _json(content: Any, headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
    text = json.dumps(_plain(content), ensure_ascii=False)
    numbers = re.sub(r'"\\u0001([^"]*)\\u0001"', r"\1", text)
    return Response(
        status, numbers.encode(), {"Content-Type": "application/json;charset=utf-8", **(headers or {})}
    )


def _plain(content: Any) -> Any:
    """Decimals with their own digits, as JSON numbers."""
    if isinstance(content, Decimal):
        return f"\x01{content:f}\x01"
    if isinstance(content, dict):
        return {name: _plain(value) for name, value in content.items()}
    return [_plain(each) for each in content] if isinstance(content, list) else content
