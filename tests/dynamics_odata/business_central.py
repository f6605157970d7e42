"""Business Central over HTTP: API v2.0 and published pages, each inside of companies.

What it refuses is what Microsoft's pages on OData say ("Known limitations with Business Central OData", "Using filter
expressions in OData URIs", "Error codes") and what public readings of the server's code found: PATCH without a version
mark is 400 BadRequest_InvalidToken, an outdated one 409 Request_EntityChanged, and a deletion compares a mark only
where there is one. Whether ids can be compared by `gt` is not documented: here they cannot.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.canaries import canary
from tests.dynamics_odata import cronus
from tests.dynamics_odata.cronus import API, CRONUS, ENUMS, OTHER, PAGES, Books
from tests.dynamics_odata.filters import KIND_OF, BadFilter, Node, alternatives, comparisons, key_values
from tests.dynamics_odata.model import Entity, Refused, Row, metadata, taken
from tests.dynamics_odata.queries import Page, chosen, expansions, json_response, record
from tests.sap_odata.web import HttpServer, Request, Response

USER, KEY = "GROUNDWIRE", canary("-key-1")
CLIENT, SECRET, SCOPE = (
    "0e6c0e5c-app",
    canary("-client-1"),
    "https://api.businesscentral.dynamics.com/.default",
)
_PLACE = re.compile(r"(\w+)(?:\((.*)\))?")


class BusinessCentral(HttpServer):
    def __init__(self, books: Books | None = None) -> None:
        super().__init__()
        self.companies = {CRONUS: books or Books(), OTHER: Books(orders=1)}
        self.books = self.companies[CRONUS]
        self.tenant = ""  # of a server with several: every request has to name it
        self.largest_page = 20_000
        self.services = {"api/v2.0": API, "ODataV4": PAGES}
        self.tokens: set[str] = set()

    # --- signing in

    def answer(self, request: Request) -> Response:
        if request.path == "/oauth2/v2.0/token":
            return self._token(request)
        try:
            self._signed_in(request)
            return self._answered(request)
        except Refused as error:
            body = {
                "error": {"code": error.code, "message": f"{error.text}  CorrelationId:  {uuid.UUID(int=7)}."}
            }
            return json_response(body, error.status)
        except BadFilter as error:
            return json_response({"error": {"code": "BadRequest", "message": str(error)}}, 400)

    def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        wanted = {
            "grant_type": "client_credentials",
            "client_id": CLIENT,
            "client_secret": SECRET,
            "scope": SCOPE,
        }
        if form != wanted:
            return json_response({"error": "invalid_client", "error_description": "AADSTS7000215"}, 401)
        self.tokens.add(token := f"token-{len(self.tokens)}")
        return json_response({"token_type": "Bearer", "expires_in": 3599, "access_token": token})

    def _signed_in(self, request: Request) -> None:
        word, _, given = request.headers.get("authorization", "").partition(" ")
        basic = base64.b64encode(f"{USER}:{KEY}".encode()).decode()
        if not (word == "Basic" and given == basic) and not (word == "Bearer" and given in self.tokens):
            raise Refused(
                401, "Authentication_InvalidCredentials", "The server has rejected the client credentials."
            )
        if "data-access-intent" in request.headers and request.method != "GET":
            raise Refused(400, "BadRequest", "Data-Access-Intent goes with GET alone.")

    # --- paths

    def _answered(self, request: Request) -> Response:
        found = re.fullmatch(r"/BC/(api/v2\.0|ODataV4)(?:/(.*))?", request.path)
        if found is None:
            raise Refused(404, "BadRequest_NotFound", "Resource not found")
        if self.tenant and request.query.get("tenant") != self.tenant:
            raise Refused(404, "Internal_TenantNotFound", "There is no tenant with this id on the server.")
        request = replace(
            request, query={name: value for name, value in request.query.items() if name != "tenant"}
        )
        service, rest = found.group(1), found.group(2) or ""
        if rest == "$metadata":
            name = "Microsoft.NAV" if service != "ODataV4" else "NAV"
            actions = {"receiveAndInvoice": "purchaseOrder"} if service != "ODataV4" else {}
            document = metadata(name, self.services[service], ENUMS if service != "ODataV4" else {}, actions)
            return Response(200, document, {"Content-Type": "application/xml"})
        if rest == "$batch":
            raise Refused(415, "BadRequest", "multipart/mixed is not supported here")
        parts = [unquote(part) for part in rest.split("/")] if rest else []
        with self.books.lock:
            return self._inside(service, parts, request)

    def _inside(self, service: str, parts: list[str], request: Request) -> Response:
        sets = self.services[service]
        first = "companies" if service != "ODataV4" else "Company"
        if parts and _PLACE.fullmatch(parts[0]) is None:
            raise Refused(404, "BadRequest_NotFound", f"Resource not found for the segment '{parts[0]}'.")
        if not parts or parts == [first]:
            return self._companies(sets[first], first, request)
        name, key = _PLACE.fullmatch(parts[0]).groups()  # type: ignore[union-attr]
        counted = parts[2:] == ["$count"]
        if name != first or key is None or not (len(parts) == 2 or counted):
            raise Refused(
                400, "Internal_CompanyNotFound",
                "Cannot process the request because the default company cannot be found.",
            )  # fmt: skip
        (value,) = key_values(key, sets[first])
        books = self.companies.get(value) if first == "Company" else self._by_id(value)
        if books is None:
            raise Refused(404, "BadRequest_NotFound", f"Company {value} not found")
        if counted and parts[1] in sets:
            kind = sets[parts[1]]
            found = chosen(kind, list(books.tables[kind.set_name].values()), request.query, _check)
            return Response(200, str(len(found)).encode(), {"Content-Type": "text/plain"})
        return self._of_set(books, sets, parts[1], request)

    def _by_id(self, id_: uuid.UUID) -> Books | None:
        return next((books for name, books in self.companies.items() if cronus.guid(name) == id_), None)

    def _companies(self, kind: Entity, first: str, request: Request) -> Response:
        rows = [
            {each.name: each.initial for each in kind.properties.values()}
            | (
                {"id": cronus.guid(name), "name": name, "displayName": name}
                if first == "companies"
                else {"Name": name, "Display_Name": name, "Id": cronus.guid(name)}
            )
            for name in self.companies
        ]
        shown = [record(kind, row, request, "", {}, request.query.get("$select", "")) for row in rows]
        page = Page(shown, request, self.largest_page)
        link = page.link(request, self.url)
        return json_response({"value": page.rows} | ({"@odata.nextLink": link} if link else {}))

    def _of_set(self, books: Books, sets: Mapping[str, Entity], text: str, request: Request) -> Response:
        place = _PLACE.fullmatch(text)
        if place is None or place.group(1) not in sets:
            raise Refused(404, "BadRequest_NotFound", f"Resource not found for the segment '{text}'.")
        kind, key = sets[place.group(1)], place.group(2)
        if key is None and request.method == "GET":
            return self._list(books, sets, kind, request)
        if key is None and request.method == "POST":
            return self._create(books, sets, kind, request)
        row = books.tables[kind.set_name].get(key_values(key or "", kind))
        if row is None:
            raise Refused(404, "Internal_RecordNotFound", f"The {kind.type_name} does not exist.")
        if request.method == "GET":
            return json_response(self._shown(books, sets, kind, row, request))
        if request.method == "PATCH":
            return self._update(books, sets, kind, row, request)
        if request.method == "DELETE":
            return self._delete(books, kind, row, request)
        raise Refused(405, "BadRequest_MethodNotAllowed", f"{request.method} is not allowed")

    # --- reading

    def _list(self, books: Books, sets: Mapping[str, Entity], kind: Entity, request: Request) -> Response:
        rows = chosen(kind, list(books.tables[kind.set_name].values()), request.query, _check)
        if kind.set_name == "purchaseOrderLines" and not re.search(
            r"(documentId|id) eq", request.query.get("$filter", "")
        ):
            text = "You must specify an Id or a Document Id to get the lines."
            raise Refused(400, "Application_DialogException", text)
        page = Page(rows, request, self.largest_page)
        answer: dict[str, Any] = {
            "value": [self._shown(books, sets, kind, row, request) for row in page.rows]
        }
        link = page.link(request, self.url)
        return json_response(answer | ({"@odata.nextLink": link} if link else {}))

    def _shown(
        self, books: Books, sets: Mapping[str, Entity], kind: Entity, row: Row, request: Request
    ) -> dict[str, Any]:
        below = {}
        for name, select in expansions(request.query.get("$expand", "")).items():
            if name not in kind.below:
                raise BadFilter(f"Could not find a property named '{name}' on type '{kind.type_name}'.")
            target = sets[kind.below[name][0]]
            lines = books.lines(row)
            below[name] = [
                record(target, line, request, self._tag(books, target, line), {}, select) for line in lines
            ]
        return record(
            kind, row, request, self._tag(books, kind, row), below, request.query.get("$select", "")
        )

    def _tag(self, books: Books, kind: Entity, row: Row) -> str:
        number = books.versions[kind.set_name, kind.key_of(row)]
        return f'W/"{base64.b64encode(f"19;{number};1;00;".encode()).decode()}"'

    # --- writing

    def _given(self, kind: Entity, body: bytes) -> tuple[Row, dict[str, list[Any]]]:
        content = json.loads(body)
        values, below = {}, {}
        for name, value in content.items():
            if name in kind.below:
                below[name] = value
            elif name not in kind.properties:
                text = f"The property '{name}' does not exist on type 'Microsoft.NAV.{kind.type_name}'."
                raise Refused(400, "BadRequest", text)
            elif not kind.properties[name].writable:
                raise Refused(400, "BadRequest_InvalidOperation", f"Control '{name}' is read-only.")
            else:
                try:
                    values[name] = taken(
                        kind.properties[name], value, ENUMS.get(kind.properties[name].type, ())
                    )
                except (ValueError, ArithmeticError, TypeError) as error:
                    raise Refused(400, "Application_StringExceededLength", str(error)) from error
        return values, below

    def _create(self, books: Books, sets: Mapping[str, Entity], kind: Entity, request: Request) -> Response:
        if not kind.insertable:
            raise Refused(400, "BadRequest_MethodNotAllowed", "Entity does not support insert.")
        values, below = self._given(kind, request.body)
        if kind.set_name == "purchaseOrders":
            row = self._order(
                books,
                values,
                [
                    self._given(API["purchaseOrderLines"], json.dumps(line).encode())[0]
                    for line in below.get("purchaseOrderLines", [])
                ],
            )
        else:
            row = self._master(books, kind, values)
        found = self._shown(books, sets, kind, row, request)
        return json_response(found, 201, {"Location": f"{self.url}{request.path}({row['id']})"})

    def _master(self, books: Books, kind: Entity, values: Row) -> Row:
        taken_numbers = {row["number"] for row in books.tables[kind.set_name].values()}
        number = values.get("number") or f"{kind.type_name[0].upper()}{len(taken_numbers) + 1:05}"
        if number in taken_numbers:
            text = f"The {kind.type_name} already exists. Identification fields and values: No.='{number}'"
            raise Refused(400, "Internal_EntityWithSameKeyExists", text)
        blank = {"blocked": "_x0020_"} if kind.set_name == "vendors" else {}
        return books.add(kind.set_name, **(blank | values | {"id": uuid.uuid4(), "number": number}))

    def _order(self, books: Books, values: Row, lines: list[Row]) -> Row:
        vendor = books.tables["vendors"].get((values.get("vendorId"),))
        if vendor is None:
            text = (
                'A "vendorNumber" or a "vendorId" must be provided.'
                if "vendorId" not in values
                else "The buy-from vendor cannot be found."
            )
            raise Refused(400, "Application_DialogException", text)
        if vendor["blocked"] == "All":
            text = f"You cannot create this type of document when Vendor {vendor['number']} is blocked with type All"
            raise Refused(400, "Application_DialogException", text)
        made = [self._line(books, line, at) for at, line in enumerate(lines, 1)]
        number = str(max(int(row["number"]) for row in books.tables["purchaseOrders"].values()) + 1)
        about = {"vendorNumber": vendor["number"], "vendorName": vendor["displayName"], "status": "Draft"}
        dates = {
            "orderDate": cronus.START.date(),
            "postingDate": cronus.START.date(),
            "requestedReceiptDate": cronus.NEVER,
        }
        order = books.add(
            "purchaseOrders", **(dates | values | about | {"id": uuid.uuid4(), "number": number})
        )
        for line in made:
            books.add("purchaseOrderLines", **(line | {"id": uuid.uuid4(), "documentId": order["id"]}))
        books.total(order)
        return order

    def _line(self, books: Books, values: Row, at: int) -> Row:
        line = {"sequence": at * 10000, "expectedReceiptDate": cronus.NEVER, "lineType": "Comment"} | values
        if line["lineType"] == "Item":
            item = books.tables["items"].get((line.get("itemId"),))
            if item is None:
                raise Refused(400, "Application_DialogException", "Item does not exist.")
            line = {
                "description": item["displayName"],
                "directUnitCost": item["unitCost"],
                "unitOfMeasureCode": item["baseUnitOfMeasureCode"],
            } | line
            line["lineObjectNumber"] = item["number"]
        return line

    def _update(
        self, books: Books, sets: Mapping[str, Entity], kind: Entity, row: Row, request: Request
    ) -> Response:
        if not kind.updatable:
            raise Refused(400, "BadRequest_MethodNotAllowed", "Entity does not support update.")
        self._matches(books, kind, row, request.headers.get("if-match"), needed=True)
        values, below = self._given(kind, request.body)
        if below:
            text = "PATCH requests for of EdmType Collection are not allowed within Dynamics 365 Business Central OData web services."
            raise Refused(400, "BadRequest", text)
        order = self._order_of(books, kind, row)
        self._open(order)
        row.update(values)
        books.touch(kind.set_name, row)
        if order is not None:
            if "requestedReceiptDate" in values:  # the lines follow, and are other versions then
                for line in books.lines(order):
                    line["expectedReceiptDate"] = values["requestedReceiptDate"]
                    books.touch("purchaseOrderLines", line)
            books.total(order)
        return json_response(self._shown(books, sets, kind, row, request))

    def _delete(self, books: Books, kind: Entity, row: Row, request: Request) -> Response:
        if not kind.deletable:
            raise Refused(400, "BadRequest_MethodNotAllowed", "Entity does not support delete.")
        self._matches(books, kind, row, request.headers.get("if-match"), needed=False)
        used = any(row["id"] == order["vendorId"] for order in books.tables["purchaseOrders"].values())
        if kind.set_name == "vendors" and used:
            raise Refused(
                400, "Application_DialogException", "You cannot delete the vendor: there are orders."
            )
        order = self._order_of(books, kind, row)
        for line in books.lines(row) if kind.set_name == "purchaseOrders" else ():
            if line["receivedQuantity"]:
                text = "You must invoice what was received before the order can be deleted."
                raise Refused(400, "Application_DialogException", text)
        for line in books.lines(row) if kind.set_name == "purchaseOrders" else ():
            del books.tables["purchaseOrderLines"][line["id"],]
        del books.tables[kind.set_name][row["id"],]
        if order is not None and order is not row:
            books.total(order)
        return Response(204)

    def _order_of(self, books: Books, kind: Entity, row: Row) -> Row | None:
        if kind.set_name == "purchaseOrderLines":
            return books.tables["purchaseOrders"][row["documentId"],]
        return row if kind.set_name == "purchaseOrders" else None

    def _open(self, order: Row | None) -> None:
        if order is not None and order["status"] != "Draft":
            text = f"Status must be equal to 'Open'  in Purchase Header: Document Type=Order, No.={order['number']}. Current value is 'Released'."
            raise Refused(400, "Application_FieldValidationException", text)

    def _matches(self, books: Books, kind: Entity, row: Row, mark: str | None, *, needed: bool) -> None:
        if mark is None and needed:
            text = "Could not validate the client concurrency token required by the service. Please provide a valid token in the client request."
            raise Refused(400, "BadRequest_InvalidToken", text)
        if mark not in {None, "*", self._tag(books, kind, row)}:
            raise Refused(409, "Request_EntityChanged", "Another user has already changed the record.")


def _check(tree: Node) -> None:
    for each in alternatives(tree):
        if len({one.property.name for one in comparisons(each)}) > 1:
            raise BadFilter("The 'OR' operator is not supported on distinct fields on an OData filter.")
    for each in comparisons(tree):
        kind = KIND_OF.get(each.property.type, "text")
        if each.kind != kind:
            raise BadFilter(f"{each.property.name} cannot be compared with a {each.kind}")
        if kind == "guid" and each.operator not in {"eq", "ne"}:
            raise BadFilter(f"The operator {each.operator} is not supported on {each.property.name}")
        if each.property.length and len(each.value) > each.property.length:
            text = f"The filter \"='{each.value}'\" is not valid for the {each.property.name} field."
            raise Refused(400, "Application_StringExceededLength", text)
