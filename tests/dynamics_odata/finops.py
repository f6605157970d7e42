"""Finance & Operations over HTTP: `/data`, as Microsoft's page "Open Data Protocol (OData)" tells of it.

Without `cross-company=true` only the user's own company is seen; one level of `$expand`; members of enumerations in
filters stand behind their type with its namespace; no functions that are not listed, no `in`; pages of 10,000 at most;
changesets of `$batch` are one transaction; no lines inside of what is created.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.canaries import canary
from tests.dynamics_odata.filters import KIND_OF, BadFilter, Node, comparisons, key_values
from tests.dynamics_odata.model import Entity, Refused, Row, metadata, taken
from tests.dynamics_odata.queries import Page, chosen, expansions, json_response, record
from tests.dynamics_odata.usmf import ENUMS, NAMESPACE, SETS, Books
from tests.sap_odata import batch
from tests.sap_odata.web import HttpServer, Request, Response

CLIENT, SECRET, RESOURCE = "f9a1-app", canary("-client-1"), "https://fo.example"
_PLACE = re.compile(r"(\w+)(?:\((.*)\))?")


class FinanceAndOperations(HttpServer):
    def __init__(self, books: Books | None = None) -> None:
        super().__init__()
        self.books = books or Books()
        self.company = "usmf"
        self.largest_page = 10_000
        self.tokens: set[str] = set()
        self.document = metadata(NAMESPACE, SETS, ENUMS)

    def answer(self, request: Request) -> Response:
        if request.path == "/adfs/oauth2/token":
            return self._token(request)
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return Response(401, b"", {"WWW-Authenticate": 'Bearer authorization_uri="https://adfs.example"'})
        with self.books.lock:
            try:
                return self._answered(request)
            except Refused as error:
                return _error(error)
            except BadFilter as error:
                return _error(Refused(400, "", str(error)))

    def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        wanted = {
            "grant_type": "client_credentials",
            "client_id": CLIENT,
            "client_secret": SECRET,
            "resource": RESOURCE,
        }
        if form != wanted:
            return json_response({"error": "invalid_client", "error_description": "MSIS9622"}, 400)
        self.tokens.add(token := f"token-{len(self.tokens)}")
        return json_response({"token_type": "bearer", "expires_in": 3600, "access_token": token})

    def _answered(self, request: Request) -> Response:
        rest = request.path.removeprefix("/data").lstrip("/")
        if not request.path.startswith("/data"):
            raise Refused(404, "", "No HTTP resource was found")
        if rest == "$metadata":
            return Response(200, self.document, {"Content-Type": "application/xml"})
        if rest == "$batch":
            return self._batch(request)
        if not rest:
            return json_response(
                {"value": [{"name": name, "kind": "EntitySet", "url": name} for name in SETS]}
            )
        if rest.removesuffix("/$count") in SETS and rest.endswith("/$count"):
            found = self._rows(SETS[rest.removesuffix("/$count")], request)
            return Response(200, str(len(found)).encode(), {"Content-Type": "text/plain"})
        place = _PLACE.fullmatch(unquote(rest))
        if place is None or place.group(1) not in SETS:
            raise Refused(404, "", f"No HTTP resource was found that matches the request URI '{rest}'.")
        return self._of_set(SETS[place.group(1)], place.group(2), request)

    def _of_set(self, kind: Entity, key: str | None, request: Request) -> Response:
        if key is None and request.method == "GET":
            return self._list(kind, request)
        if key is None and request.method == "POST":
            return self._create(kind, request)
        row = self.books.tables[kind.set_name].get(key_values(key or "", kind))
        if row is None or not self._seen(row, request):
            raise Refused(404, "", f"No resources were found when selecting for {kind.type_name}.")
        if request.method == "GET":
            return json_response(self._shown(kind, row, request))
        match = request.headers.get("if-match")
        if match not in {None, "*", self._tag(kind, row)}:
            raise Refused(412, "", "The request failed: the record was changed by another process.")
        if request.method == "PATCH":
            return self._update(kind, row, request)
        if request.method == "DELETE":
            return self._delete(kind, row)
        raise Refused(405, "", f"The requested resource does not support http method '{request.method}'.")

    def _seen(self, row: Row, request: Request) -> bool:
        return request.query.get("cross-company") == "true" or row["dataAreaId"] == self.company

    # --- reading

    def _list(self, kind: Entity, request: Request) -> Response:
        page = Page(self._rows(kind, request), request, self.largest_page)
        answer: dict[str, Any] = {"value": [self._shown(kind, row, request) for row in page.rows]}
        link = page.link(request, self.url)
        return json_response(answer | ({"@odata.nextLink": link} if link else {}))

    def _rows(self, kind: Entity, request: Request) -> list[Row]:
        rows = [row for row in self.books.tables[kind.set_name].values() if self._seen(row, request)]
        query = {name: value for name, value in request.query.items() if name != "cross-company"}
        return chosen(kind, rows, query, _check)

    def _shown(self, kind: Entity, row: Row, request: Request) -> dict[str, Any]:
        text = request.query.get("$expand", "")
        if "$expand" in text:
            raise BadFilter("Only the first level of expansion is supported.")
        below = {}
        for name, select in expansions(text).items():
            if name not in kind.below:
                raise BadFilter(f"Could not find a property named '{name}' on type '{kind.type_name}'.")
            target = SETS[kind.below[name][0]]
            lines = self.books.below(kind.set_name, row, name)
            below[name] = [
                record(target, line, request, self._tag(target, line), {}, select) for line in lines
            ]
        return record(kind, row, request, self._tag(kind, row), below, request.query.get("$select", ""))

    def _tag(self, kind: Entity, row: Row) -> str:
        number = self.books.versions[kind.set_name, kind.key_of(row)]
        return f'W/"{base64.b64encode(f"{number},5637144576".encode()).decode()}"'

    # --- writing

    def _given(self, kind: Entity, request: Request) -> Row:
        found = {}
        for name, value in json.loads(request.body).items():
            if name in kind.below:
                raise Refused(400, "", f"Deep insert is not supported: {name}.")
            if name not in kind.properties:
                raise Refused(
                    400, "", f"The property '{name}' does not exist on type '{NAMESPACE}.{kind.type_name}'."
                )
            each = kind.properties[name]
            if not each.writable:
                raise Refused(400, "", f"Field '{name}' does not allow editing.")
            try:
                found[name] = taken(each, value, ENUMS.get(each.type, ()))
            except (ValueError, ArithmeticError, TypeError) as error:
                raise Refused(400, "", str(error)) from error
        return found

    def _create(self, kind: Entity, request: Request) -> Response:
        if not kind.insertable:
            raise Refused(400, "", f"Cannot create a record in {kind.set_name}.")
        values = {"dataAreaId": self.company} | self._given(kind, request)
        if kind.set_name == "PurchaseOrderHeadersV2":
            vendor = self.books.tables["VendorsV2"].get(
                (values["dataAreaId"], values.get("OrderVendorAccountNumber"))
            )
            if vendor is None or vendor["OnHoldStatus"] == "All":
                text = f"Write failed for table row of type 'PurchPurchaseOrderHeaderV2Entity'. Infolog: Warning: Vendor account {values.get('OrderVendorAccountNumber')} is on hold or does not exist."
                raise Refused(400, "", text)
            values.setdefault("PurchaseOrderNumber", self.books.number(values["dataAreaId"]))
            values |= {"PurchaseOrderStatus": "Backorder", "DocumentApprovalStatus": "Draft"}
        if kind.set_name == "PurchaseOrderLinesV2":
            values = self._line(values)
        if kind.key_of(values) in self.books.tables[kind.set_name]:
            raise Refused(400, "", "Cannot create a record. The record already exists.")
        row = self.books.add(kind.set_name, **values)
        if kind.set_name == "PurchaseOrderLinesV2":
            self.books.amount(row)
        return json_response(self._shown(kind, row, request), 201)

    def _line(self, values: Row) -> Row:
        if (values["dataAreaId"], values.get("PurchaseOrderNumber")) not in self.books.tables[
            "PurchaseOrderHeadersV2"
        ]:
            raise Refused(400, "", "Infolog: Warning: The purchase order does not exist.")
        if (values["dataAreaId"], values.get("ItemNumber")) not in self.books.tables["ReleasedProductsV2"]:
            raise Refused(
                400,
                "",
                f"Infolog: Warning: The value '{values.get('ItemNumber')}' in field 'Item number' is not found.",
            )
        blank = {"PurchaseOrderLineStatus": "Backorder", "PurchaseUnitSymbol": "ea", "IsDeleted": "No"}
        return blank | values

    def _update(self, kind: Entity, row: Row, request: Request) -> Response:
        if not kind.updatable:
            raise Refused(400, "", f"{kind.set_name} is read-only.")
        values = self._given(kind, request)
        if values.keys() & set(kind.key):
            raise Refused(400, "", "A key cannot be changed.")
        if row.get("PurchaseOrderStatus", "") in {"Invoiced", "Canceled"}:
            raise Refused(400, "", "Infolog: Error: The purchase order is closed and cannot be changed.")
        row.update(values)
        if kind.set_name == "PurchaseOrderLinesV2":
            self.books.amount(row)
        self.books.touch(kind.set_name, row)
        return Response(204)

    def _delete(self, kind: Entity, row: Row) -> Response:
        if not kind.deletable:
            raise Refused(400, "", f"{kind.set_name} is read-only.")
        if row.get("PurchaseOrderStatus", "Backorder") not in {"Backorder", "None"}:
            raise Refused(400, "", "Infolog: Error: The purchase order cannot be deleted: it was received.")
        for name in kind.below:
            for line in self.books.below(kind.set_name, row, name):
                target = SETS[kind.below[name][0]]
                del self.books.tables[target.set_name][target.key_of(line)]
        del self.books.tables[kind.set_name][kind.key_of(row)]
        return Response(204)

    # --- $batch

    def _batch(self, request: Request) -> Response:
        parts = batch.parts_of(request.headers.get("content-type", ""), request.body)
        body = batch.performed(parts, self._atomically)
        return Response(200, body, {"Content-Type": "multipart/mixed; boundary=batch_1"})

    def _atomically(self, parts: list[batch.Part]) -> list[batch.Answer]:
        before = {
            name: {key: dict(row) for key, row in table.items()} for name, table in self.books.tables.items()
        }
        answers = []
        for part in parts:
            inner = _inner(part)
            try:
                found = self._of_set(*self._place(inner), inner)
            except (Refused, BadFilter) as error:
                self.books.tables = before
                refused = _error(error if isinstance(error, Refused) else Refused(400, "", str(error)))
                return [batch.Answer(refused.status, refused.headers, refused.body)]
            answers.append(batch.Answer(found.status, found.headers, found.body))
        return answers

    def _place(self, request: Request) -> tuple[Entity, str | None]:
        place = _PLACE.fullmatch(unquote(request.path))
        if place is None or place.group(1) not in SETS:
            raise Refused(404, "", "No HTTP resource was found")
        return SETS[place.group(1)], place.group(2)


def _inner(part: batch.Part) -> Request:
    address = urlsplit(part.address.removeprefix("/data/"))
    query: Mapping[str, str] = {name: values[0] for name, values in parse_qs(address.query).items()}
    return Request(part.method, address.path, query, part.headers, part.body, f"{part.method} {part.address}")


def _check(tree: Node) -> None:
    for each in comparisons(tree):
        type_ = each.property.type
        if type_ in ENUMS:
            if each.kind != "enum" or each.type != f"{NAMESPACE}.{type_}" or each.value not in ENUMS[type_]:
                raise BadFilter(
                    f"A binary operator with incompatible types was detected. Found operand types '{NAMESPACE}.{type_}'"
                )
            if each.operator not in {"eq", "ne"}:
                raise BadFilter(f"The operator {each.operator} is not supported on {each.property.name}")
        elif each.kind != KIND_OF.get(type_, "text"):
            raise BadFilter(f"{each.property.name} cannot be compared with a {each.kind}")


def _error(error: Refused) -> Response:
    body = {
        "error": {
            "code": error.code,
            "message": "An error has occurred.",
            "innererror": {
                "message": error.text,
                "type": "Microsoft.Dynamics.Platform.Integration.Services.OData.ODataWriteException",
                "stacktrace": "",
            },
        }
    }
    return json_response(body, error.status)
