"""An S/4HANA system's gateway: the services over HTTP, with logon, clients, sessions, CSRF tokens and $batch."""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.canaries import canary
from tests.sap_odata import filters
from tests.sap_odata.batch import Answer, Part, parts_of, performed, refused
from tests.sap_odata.company import FILES, V4_FILE, Company
from tests.sap_odata.errors import Refused, bad_request, not_found
from tests.sap_odata.functions import FUNCTIONS
from tests.sap_odata.metadata import load
from tests.sap_odata.mirror import Mirror
from tests.sap_odata.rules import RULES
from tests.sap_odata.service import Service
from tests.sap_odata.values import Digits
from tests.sap_odata.web import HttpServer, Request, Response
from tests.sap_odata.writing import Writer

V2_ROOT = "/sap/opu/odata/sap"
V4_ROOT = "/sap/opu/odata4/sap/api_purchaseorder_2/srvd_a2x/sap/purchaseorder/0001"
V4_NAME = "CE_PURCHASEORDER_0001"
TOKEN_PATH = "/sap/bc/sec/oauth2/token"
_ETAGS = frozenset(
    {
        "EquipmentType",
        "FunctionalLocationType",
        "A_BusinessPartnerType",
        "MaintenanceOrderType",
        "PurchaseOrder_Type",
    }
)
_JSON = {"Content-Type": "application/json"}
_LOGON_FAILED = Response(
    401,
    b"<html><head><title>Logon Error Message</title></head><body>Anmeldung fehlgeschlagen</body></html>",
    {
        "Content-Type": "text/html",
        "WWW-Authenticate": 'Basic realm="SAP NetWeaver Application Server [S4H/100]"',
    },
)


@dataclass
class Session:
    user: str
    token: str = ""
    token_uses: int = 0


@dataclass
class Accounts:
    users: dict[str, str] = field(default_factory=lambda: {"GROUNDWIRE": canary("-1")})
    clients: dict[str, str] = field(default_factory=lambda: {"connector": canary("-2")})  # OAuth: id, secret
    locked: set[str] = field(default_factory=set)
    tokens: dict[str, str] = field(default_factory=dict)  # bearer token, its user
    token_seconds: int = 3600


class Gateway(HttpServer):
    def __init__(self, company: Company | None = None) -> None:
        super().__init__()
        self.company = company or Company()
        self.accounts = Accounts()
        self.sap_clients = {"100"}
        self.csrf = True
        self.csrf_uses: int | None = None  # writes until a token ends
        self.sessions: dict[str, Session] = {}
        self.services: dict[str, Service] = {
            name: Service(name, f"{V2_ROOT}/{name}", self.company.models[name], self.company.tables, _ETAGS)
            for name in FILES
        }
        v4 = load(V4_FILE)
        self.services[V4_NAME] = Service(V4_NAME, V4_ROOT, v4, Mirror(self.company, v4), _ETAGS)

    def start(self, context: Any = None) -> str:
        url = super().start(context)
        for service in self.services.values():
            service.host = url
        return url

    # --- who, and where to

    def answer(self, request: Request) -> Response:
        if request.path == TOKEN_PATH:
            return self._bearer_token(request)
        user = self._signed_in(request)
        if user is None or request.query.get("sap-client", "100") not in self.sap_clients:
            return _LOGON_FAILED
        service = self._service(request.path)
        if service is None:
            refusal = Refused(403, "/IWFND/MED/170", f"No service found for {request.path}")
            return Response(403, refusal.body(2), _JSON)
        if not service.active:
            return Response(
                403,
                b"<html><title>Forbidden</title>Service cannot be reached</html>",
                {"Content-Type": "text/html"},
            )
        return self._in_session(service, request, user)

    def _service(self, path: str) -> Service | None:
        return next(
            (
                each
                for each in self.services.values()
                if path == each.path or path.startswith(f"{each.path}/")
            ),
            None,
        )

    def _signed_in(self, request: Request) -> str | None:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self.accounts.tokens.get(given)
        if kind.lower() != "basic":
            return None
        user, _, password = base64.b64decode(given).decode().partition(":")
        good = self.accounts.users.get(user) == password and user not in self.accounts.locked
        return user if good else None

    def _bearer_token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
        if kind.lower() == "basic":
            client, _, secret = base64.b64decode(given).decode().partition(":")
        if form.get("grant_type") != "client_credentials" or self.accounts.clients.get(client) != secret:
            return Response(401, json.dumps({"error": "invalid_client"}).encode(), _JSON)
        token = uuid.uuid4().hex
        self.accounts.tokens[token] = client.upper()
        body = {"access_token": token, "token_type": "Bearer", "expires_in": str(self.accounts.token_seconds)}
        return Response(200, json.dumps(body).encode(), _JSON)

    # --- sessions and tokens

    def _in_session(self, service: Service, request: Request, user: str) -> Response:
        name = next(iter(re.findall(r"SAP_SESSIONID_S4H_100=([^;]+)", request.headers.get("cookie", ""))), "")
        session = self.sessions.get(name)
        cookies: tuple[str, ...] = ()
        if session is None:
            name, session = uuid.uuid4().hex, Session(user)
            self.sessions[name] = session
            cookies = (
                f"SAP_SESSIONID_S4H_100={name}; path=/; HttpOnly",
                "sap-usercontext=sap-client=100; path=/",
            )
        extra: dict[str, str] = {}
        fetches = request.headers.get("x-csrf-token", "").lower() == "fetch"
        if request.method in {"GET", "HEAD"} and fetches:
            if not session.token:
                session.token, session.token_uses = uuid.uuid4().hex, 0
            extra["x-csrf-token"] = session.token
        if request.method not in {"GET", "HEAD"} and not self._token_fits(session, request):
            return Response(
                403,
                b"CSRF token validation failed",
                {"x-csrf-token": "Required", "Content-Type": "text/plain"},
                cookies,
            )
        found = self._safely(service, request, user)
        return Response(found.status, found.body, {**found.headers, **extra}, cookies)

    def _token_fits(self, session: Session, request: Request) -> bool:
        if not self.csrf:
            return True
        if not session.token or request.headers.get("x-csrf-token") != session.token:
            return False
        session.token_uses += 1
        if self.csrf_uses is not None and session.token_uses > self.csrf_uses:
            session.token = ""
            return False
        return True

    def _safely(self, service: Service, request: Request, user: str) -> Response:
        path = request.path.removeprefix(service.path)
        part = Part(request.method, path.lstrip("/"), request.headers, request.body)
        with self.company.lock:
            try:
                if unquote(path).strip("/") == "$batch":
                    return self._batch(service, request, user)
                answer = self._answered(service, part, dict(request.query), user)
            except Refused as error:
                answer = refused(error, service.version)
        versions = {"OData-Version": "4.0"} if service.version == 4 else {"dataserviceversion": "2.0"}
        return Response(answer.status, answer.body, {**versions, **answer.headers})

    def _batch(self, service: Service, request: Request, user: str) -> Response:
        if request.method != "POST":
            raise Refused(405, "/IWBEP/CM_MGW_RT/027", "$batch is posted")

        def atomically(parts: list[Part]) -> list[Answer]:
            try:
                with self.company.unit_of_work():
                    return [self._part(service, each, user) for each in parts]
            except Refused as error:
                return [refused(error, service.version)]

        body = performed(parts_of(request.headers.get("content-type", ""), request.body), atomically)
        return Response(
            202 if service.version == 2 else 200, body, {"Content-Type": "multipart/mixed; boundary=batch_1"}
        )

    def _part(self, service: Service, part: Part, user: str) -> Answer:
        address, _, text = part.address.partition("?")
        address = address.removeprefix(service.root).removeprefix(service.path).lstrip("/")
        query = {
            unquote(name): unquote(value)
            for name, _, value in (each.partition("=") for each in text.split("&") if each)
        }
        return self._answered(service, Part(part.method, address, part.headers, part.body), query, user)

    # --- one request to one service

    def _answered(self, service: Service, part: Part, query: dict[str, str], user: str) -> Answer:
        if isinstance(service.tables, Mirror):
            service.tables.fresh()
        for name in [each for each in query if each.startswith("sap-")]:
            del query[name]
        method = part.headers.get("x-http-method", part.method).upper()
        if part.address == "":
            return Answer(200, _JSON, json.dumps(_document(service)).encode())
        if unquote(part.address) == "$metadata":
            return Answer(200, {"Content-Type": "application/xml"}, service.metadata.document)
        head, *rest = (unquote(each) for each in part.address.split("/"))
        name, bracket, key = head.partition("(")
        key = key.removesuffix(")")
        if name in service.metadata.routines:
            return self._function(service, name, query, method)
        if method in {"GET", "HEAD"}:
            return self._read(
                service, name, key if bracket else None, [unquote(each) for each in rest], query
            )
        return self._write(service, method, name, key if bracket else None, rest, part, user)

    def _read(
        self, service: Service, name: str, key: str | None, rest: list[str], query: dict[str, str]
    ) -> Answer:
        table = service.table(name)
        if key is None:
            if rest == ["$count"]:
                count = service.count(table.type, list(table), query)
                return Answer(200, {"Content-Type": "text/plain"}, str(count).encode())
            return _json(service.collection(table.type, list(table), query, name))
        record = service.find(name, key)
        if not rest:
            tag = service.etag(record)
            shown = service.entity(record.type, record, query)
            return _json({"d": shown} if service.version == 2 else shown, {"ETag": tag} if tag else {})
        navigation = record.type.navigations.get(rest[0])
        if navigation is None:
            raise not_found(rest[0])
        target = service.metadata.types[navigation.target]
        found_below = service.related(navigation, record)
        if navigation.many:
            place = f"{service.place(record.type, record)}/{rest[0]}"
            return _json(service.collection(target, found_below, query, place, nested=True))
        if not found_below:
            raise not_found(rest[0])
        shown = service.entity(target, found_below[0], query)
        return _json({"d": shown} if service.version == 2 else shown)

    def _write(
        self,
        service: Service,
        method: str,
        name: str,
        key: str | None,
        rest: list[str],
        part: Part,
        user: str,
    ) -> Answer:
        writer = Writer(self.company, service, RULES)
        service.table(name)
        match = part.headers.get("if-match")
        if method == "POST":
            above: dict[str, Any] = {}
            if key is not None and rest:
                parent = service.find(name, key)
                navigation = parent.type.navigations[rest[0]]
                above = {theirs: parent[mine] for mine, theirs in navigation.join}
                name = service.metadata.set_of(navigation.target)
            record = writer.create(name, _body(part), user, above)
            shown = service.entity(record.type, record, {})
            location = {"Location": f"{service.root}/{service.place(record.type, record)}"}
            return _json({"d": shown} if service.version == 2 else shown, location, 201)
        if key is None:
            raise Refused(405, "/IWBEP/CM_MGW_RT/027", f"Method '{method}' is not allowed for '{name}'")
        if method == "DELETE":
            writer.remove(name, key, user, match)
            return Answer(204)
        record = writer.change(name, key, _body(part), user, match)
        tag = service.etag(record)
        headers = {"ETag": tag} if tag else {}
        if service.version == 4:
            return _json(service.entity(record.type, record, {}), headers)
        return Answer(204, headers)

    def _function(self, service: Service, name: str, query: Mapping[str, str], method: str) -> Answer:
        routine = service.metadata.routines[name]
        if method != routine.method:
            raise Refused(
                405, "/IWBEP/CM_MGW_RT/027", f"Function import '{name}' is called with {routine.method}"
            )
        given = {}
        for parameter in routine.parameters:
            if parameter in query:
                try:
                    given[parameter] = filters.literals(query[parameter], service.version)[""]
                except (filters.BadFilter, KeyError) as error:
                    raise bad_request(f"Invalid parameter '{parameter}'") from error
        unknown = {each for each in query if not each.startswith("$")} - routine.parameters.keys()
        if unknown or next(iter(routine.parameters)) not in given:
            raise bad_request(f"Invalid function import parameter for '{name}'")
        if name not in FUNCTIONS:
            raise Refused(501, "/IWBEP/CM_MGW_RT/021", f"Method '{name}' not implemented")
        with self.company.unit_of_work():
            FUNCTIONS[name](self.company, given)
        kind = {"type": f"{service.metadata.namespace}.{routine.returns}"}
        return _json({"d": {name: {"__metadata": kind, "IsInvalid": False}}})


def _document(service: Service) -> dict[str, Any]:
    names = list(service.metadata.sets)
    if service.version == 2:
        return {"d": {"EntitySets": names}}
    return {"@odata.context": "$metadata", "value": [{"name": each, "url": each} for each in names]}


def _body(part: Part) -> dict[str, Any]:
    kind = part.headers.get("content-type", "")
    if not kind.startswith("application/json"):
        raise Refused(415, "/IWFND/CM_CONSUMER/101", f"The content type '{kind}' is not supported")
    try:
        body = json.loads(part.body, parse_float=str, parse_int=int)
    except ValueError as error:
        raise bad_request("Error while parsing the body") from error
    if not isinstance(body, dict):
        raise bad_request("Error while parsing the body")
    return body.get("d", body) if set(body) == {"d"} else body


def _json(content: Any, headers: Mapping[str, str] | None = None, status: int = 200) -> Answer:
    text = json.dumps(_marked(content), ensure_ascii=False)
    return Answer(
        status, {**_JSON, **(headers or {})}, re.sub(r'"\\u0001([^"]*)\\u0001"', r"\1", text).encode()
    )


def _marked(content: Any) -> Any:
    if isinstance(content, Digits):
        return f"\x01{content}\x01"
    if isinstance(content, dict):
        return {name: _marked(value) for name, value in content.items()}
    return [_marked(each) for each in content] if isinstance(content, list) else content
