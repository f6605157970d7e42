"""A small OData service for the tests, V2 or V4: what is asked of it is checked, and it can page, tire and fail."""

# ruff: noqa: PLR0911, PLR0912 - a service answers in many ways
from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

from tests.odata.filters import Parser, parse_key

Row = dict[str, Any]
ROOT = "/sap/opu/odata/test"
_EPOCH = datetime(1970, 1, 1)


@dataclass
class EntityType:
    key: tuple[str, ...]
    properties: dict[str, str]  # name: Edm type, a trailing "!" for not nullable, "date" for a V2 date
    navigations: dict[str, tuple[str, bool]] = field(default_factory=dict)  # name: set, many
    joins: dict[str, dict[str, str]] = field(default_factory=dict)  # navigation: {theirs: mine}
    etag: str = ""  # the property that changes with each change


class Refused(Exception):
    def __init__(
        self, status: int, code: str, text: str, details: tuple[tuple[str, str, str], ...] = ()
    ) -> None:
        super().__init__(text)
        self.status, self.code, self.text, self.details = status, code, text, details


@dataclass
class Fault:
    """Answers the next request that matches in the service's place."""

    pattern: str
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0
    drop: str = ""  # "before": the request is not carried out; "after": it is, and the answer is lost
    times: int = 1
    after: int = 0  # so many requests that match are answered by the service first


@dataclass
class Seen:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    raw: str


class ODataServer:
    def __init__(self, version: int, types: dict[str, EntityType], rows: dict[str, list[Row]]) -> None:
        self.version = version
        self.types = types
        self.rows = rows
        self.page_limit: int | None = None  # records per answer
        self.nested_limit: int | None = None  # records per expanded list
        self.or_over_columns = True
        self.csrf = False
        self.user: tuple[str, str] | None = None
        self.session_limit: int | None = None  # requests until a session ends
        self.sessions: dict[str, int] = {}
        self.logon: dict[str, Any] | None = None
        self.host_in_links = ""
        self.empty_answers = 0  # so many answers with a link and nothing else
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: TID251 - the service's own clock
        self.faults: list[Fault] = []
        self.seen: list[Seen] = []
        self.lock = threading.RLock()
        self.hooks: dict[str, Callable[[ODataServer, Row], None]] = {}  # set: before it is written
        self.functions: dict[str, Callable[[ODataServer, dict[str, Any]], None]] = {}
        self.tokens: set[str] = set()
        self.gzip = False
        self.numbers = 0
        self._http: ThreadingHTTPServer | None = None

    # --- running

    def start(self, context: Any = None) -> str:
        server = self

        from tests.odata.http import ServiceHandler

        class Handler(ServiceHandler):
            owner = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        if context is not None:
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        scheme = "https" if context is not None else "http"
        host = "localhost" if context is not None else "127.0.0.1"
        self.url = f"{scheme}://{host}:{self._http.server_port}"
        return self.url

    def stop(self) -> None:
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()

    @property
    def root(self) -> str:
        return f"{self.host_in_links or self.url}{ROOT}"

    # --- metadata

    def metadata(self) -> str:
        edm = (
            "http://docs.oasis-open.org/odata/ns/edm"
            if self.version == 4
            else "http://schemas.microsoft.com/ado/2008/09/edm"
        )
        edmx = (
            "http://docs.oasis-open.org/odata/ns/edmx"
            if self.version == 4
            else "http://schemas.microsoft.com/ado/2007/06/edmx"
        )
        parts = [
            f'<edmx:Edmx Version="{"4.0" if self.version == 4 else "1.0"}" xmlns:edmx="{edmx}"><edmx:DataServices>'
        ]
        parts.append(
            f'<Schema Namespace="T" xmlns="{edm}" xmlns:sap="http://www.sap.com/Protocols/SAPData" xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
        )
        associations = []
        for name, type_ in self.types.items():
            parts.append(f'<EntityType Name="{name}Type"><Key>')
            parts += [f'<PropertyRef Name="{each}"/>' for each in type_.key]
            parts.append("</Key>")
            for each, word in type_.properties.items():
                edm_type, _, day = word.rstrip("!").partition(":")
                extra = ' sap:display-format="Date"' if day else ""
                parts.append(
                    f'<Property Name="{each}" Type="{edm_type}" Nullable="{str(not word.endswith("!")).lower()}"{extra}/>'
                )
            for nav, (target, many) in type_.navigations.items():
                if self.version == 4:
                    kind = f"Collection(T.{target}Type)" if many else f"T.{target}Type"
                    parts.append(f'<NavigationProperty Name="{nav}" Type="{kind}"/>')
                else:
                    parts.append(
                        f'<NavigationProperty Name="{nav}" Relationship="T.{name}_{nav}" FromRole="From" ToRole="To"/>'
                    )
                    associations.append(
                        f'<Association Name="{name}_{nav}"><End Type="T.{name}Type" Multiplicity="1" Role="From"/>'
                        f'<End Type="T.{target}Type" Multiplicity="{"*" if many else "0..1"}" Role="To"/></Association>'
                    )
            parts.append("</EntityType>")
        parts += associations
        if self.version == 4:
            parts += [
                f'<Action Name="{name}"><Parameter Name="OrderNo" Type="Edm.String"/></Action>'
                for name in self.functions
            ]
        parts.append('<EntityContainer Name="C">')
        parts += [f'<EntitySet Name="{name}" EntityType="T.{name}Type"/>' for name in self.types]
        if self.version == 2:
            parts += [
                f'<FunctionImport Name="{name}" m:HttpMethod="POST"><Parameter Name="OrderNo" Type="Edm.String"/></FunctionImport>'
                for name in self.functions
            ]
        parts.append("</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>")
        return "".join(parts)

    # --- reading

    def collection(
        self, name: str, query: Mapping[str, str], source: list[Row] | None = None, base: str = ""
    ) -> dict[str, Any]:
        type_ = self.types[name]
        with self.lock:
            rows = [dict(row) for row in (self.rows[name] if source is None else source)]
        if query.get("$filter"):
            parser = Parser(query["$filter"])
            keep = parser.parse()
            if not self.or_over_columns and any(len(each) > 1 for each in parser.columns_in_or):
                raise Refused(501, "OR", "or over different columns")
            rows = [row for row in rows if keep(row)]
        for part in reversed([each.strip() for each in query.get("$orderby", "").split(",") if each.strip()]):
            column, _, way = part.partition(" ")
            if column not in type_.properties:
                raise Refused(400, "ORDER", f"no property {column}")
            rows.sort(key=lambda row: (row[column] is not None, row[column]), reverse=way == "desc")
        skip = int(query.get("$skip", 0)) + int(query.get("$skiptoken", 0))
        top = int(query["$top"]) if "$top" in query else None
        rows = (
            rows[skip:] if top is None else rows[skip : skip + max(top - int(query.get("$skiptoken", 0)), 0)]
        )
        link = None
        if self.empty_answers > 0 and not base:
            self.empty_answers -= 1
            return self._envelope([], self._link(name, {**query, "part": str(self.empty_answers)}, 0), name)
        limit = self.nested_limit if base else self.page_limit
        if limit is not None and len(rows) > limit:
            rows = rows[:limit]
            link = self._link(base or name, query, int(query.get("$skiptoken", 0)) + limit)
        shown = [self.render(name, row, query) for row in rows]
        return self._envelope(shown, link, name)

    def _link(self, path: str, query: Mapping[str, str], skip: int) -> str:
        kept = {key: value for key, value in query.items() if key != "$skiptoken"} | {"$skiptoken": str(skip)}
        return f"{self.root}/{path}?" + "&".join(f"{key}={quote(value)}" for key, value in kept.items())

    def _envelope(self, shown: list[Any], link: str | None, name: str) -> dict[str, Any]:
        if self.version == 4:
            return {"@odata.context": f"$metadata#{name}", "value": shown} | (
                {"@odata.nextLink": link} if link else {}
            )
        return {"d": {"results": shown} | ({"__next": link} if link else {})}

    def render(self, name: str, row: Row, query: Mapping[str, str]) -> dict[str, Any]:
        type_ = self.types[name]
        select = _split(query.get("$select", ""))
        mine = {each.partition("/")[0] for each in select} if select else None
        if (mine and not mine - {"*"}) or "*" in (select or []):
            mine = None
        for each in mine or ():
            if each not in type_.properties and each not in type_.navigations:
                raise Refused(400, "SELECT", f"no property {each}")
        shown: dict[str, Any] = {}
        tag = self.etag(name, row)
        if self.version == 2:
            shown["__metadata"] = {"uri": f"{self.root}/{self.place(name, row)}"} | (
                {"etag": tag} if tag else {}
            )
        elif tag:
            shown["@odata.etag"] = tag
        for each, word in type_.properties.items():
            if mine is None or each in mine:
                shown[each] = self.json(word.rstrip("!"), row[each])
        expand = _expansions(query.get("$expand", ""), self.version, select)
        for nav, (target, many) in type_.navigations.items():
            if nav not in expand:
                if self.version == 2 and (mine is None or nav in mine):
                    shown[nav] = {"__deferred": {"uri": f"{self.root}/{self.place(name, row)}/{nav}"}}
                continue
            found = self.joined(name, row, nav)
            if not many:
                shown[nav] = self.render(target, found[0], expand[nav]) if found else None
                continue
            inner = self.collection(target, expand[nav], found, base=f"{self.place(name, row)}/{nav}")
            if self.version == 2:
                shown[nav] = inner["d"]
            else:
                shown[nav] = inner["value"]
                if "@odata.nextLink" in inner:
                    shown[f"{nav}@odata.nextLink"] = inner["@odata.nextLink"]
        for nav in expand:
            if nav not in type_.navigations:
                raise Refused(400, "EXPAND", f"no navigation {nav}")
        return shown

    def joined(self, name: str, row: Row, nav: str) -> list[Row]:
        target, _ = self.types[name].navigations[nav]
        join = self.types[name].joins[nav]
        with self.lock:
            return [
                dict(each)
                for each in self.rows[target]
                if all(each[theirs] == row[mine] for theirs, mine in join.items())
            ]

    def place(self, name: str, row: Row) -> str:
        key = self.types[name].key

        def shown(each: str) -> str:
            value = row[each]
            if isinstance(value, str):
                text = "'" + value.replace("'", "''") + "'"
            elif isinstance(value, datetime) and self.version == 2:
                text = f"datetime'{value.isoformat()}'"
            else:
                text = str(value)
            return quote(text, safe="")

        if len(key) == 1:
            return f"{name}({shown(key[0])})"
        return f"{name}({','.join(f'{each}={shown(each)}' for each in key)})"

    def etag(self, name: str, row: Row) -> str:
        held = self.types[name].etag
        return f'W/"{row[held]}"' if held else ""

    def json(self, word: str, value: Any) -> Any:
        if value is None or isinstance(value, bool | str):
            return value
        kind = word.partition(":")[0]
        if isinstance(value, datetime):
            if self.version == 2:
                naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
                ms = (naive - _EPOCH) // timedelta(milliseconds=1)
                return f"/Date({ms}{'+0000' if value.tzinfo else ''})/"
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, time):
            return (
                f"PT{value.hour:02}H{value.minute:02}M{value.second:02}S"
                if self.version == 2
                else value.isoformat()
            )
        if isinstance(value, Decimal):
            return str(value) if self.version == 2 else _Number(str(value))
        if kind == "Edm.Int64" and self.version == 2:
            return str(value)
        return str(value) if isinstance(value, uuid.UUID) else value

    # --- writing

    def find(self, name: str, key: str) -> Row:
        wanted = parse_key(key)
        names = self.types[name].key
        if list(wanted) == [""]:
            wanted = {names[0]: wanted[""]}
        if set(wanted) != set(names):
            raise Refused(400, "KEY", f"the key is {names}")
        for row in self.rows[name]:
            if all(_equal(row[each], value) for each, value in wanted.items()):
                return row
        raise Refused(
            404, "/IWBEP/CM_MGW_RT/020", "Resource not found", (("PO/001", "No such order", "OrderNo"),)
        )

    def create(self, name: str, given: dict[str, Any]) -> Row:
        type_ = self.types[name]
        below = {nav: given.pop(nav) for nav in type_.navigations if nav in given}
        row = dict.fromkeys(type_.properties) | self.parsed(name, given)
        if name in self.hooks:
            self.hooks[name](self, row)
        for nav, lines in below.items():
            target, _ = type_.navigations[nav]
            for line in lines["results"] if isinstance(lines, dict) else lines:
                inherited = {theirs: row[mine] for theirs, mine in type_.joins[nav].items()}
                self.create(target, dict(line))
                self.rows[target][-1].update(inherited)
        self.rows[name].append(row)
        return row

    def parsed(self, name: str, given: Mapping[str, Any]) -> Row:
        type_ = self.types[name]
        found = {}
        for each, value in given.items():
            if each.startswith(("__", "@")):
                continue
            if each not in type_.properties:
                raise Refused(
                    400, "PROPERTY", f"no property {each}", (("PROPERTY", f"{each} is not known", each),)
                )
            found[each] = self._parsed(type_.properties[each].rstrip("!"), value)
        return found

    def _parsed(self, word: str, value: Any) -> Any:
        kind, _, _ = word.partition(":")
        if value is None or kind in {"Edm.String", "Edm.Boolean"}:
            if kind == "Edm.String" and not isinstance(value, str | None):
                raise Refused(400, "TYPE", f"{value!r} is no text")
            return value
        if kind == "Edm.Decimal":
            if self.version == 2 and not isinstance(value, str):
                raise Refused(400, "TYPE", "V2 decimals are texts")
            return Decimal(str(value))
        if kind in {"Edm.DateTime", "Edm.DateTimeOffset"}:
            found = re.fullmatch(r"/Date\((-?\d+)(\+0000)?\)/", str(value))
            if found:
                moment = _EPOCH + timedelta(milliseconds=int(found.group(1)))
                return moment.replace(tzinfo=UTC) if kind == "Edm.DateTimeOffset" else moment
            return datetime.fromisoformat(str(value))
        return date.fromisoformat(value) if kind == "Edm.Date" else int(value)


class _Number(str):
    """A decimal that is printed as a JSON number with its own digits."""

    __slots__ = ()


def _dump(content: Any) -> bytes:
    text = json.dumps(content, default=str, ensure_ascii=False)
    return text.encode()


def _with_numbers(content: Any) -> Any:
    if isinstance(content, _Number):
        return f"\x01{content}\x01"
    if isinstance(content, dict):
        return {key: _with_numbers(value) for key, value in content.items()}
    return [_with_numbers(each) for each in content] if isinstance(content, list) else content


def dump(content: Any) -> bytes:
    return re.sub(rb'"\\u0001([^"]*?)\\u0001"', rb"\1", _dump(_with_numbers(content)))


def _equal(held: Any, value: Any) -> bool:
    return (
        Decimal(held) == value
        if isinstance(held, int) and not isinstance(held, bool) and isinstance(value, Decimal)
        else held == value
    )


def _split(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _expansions(text: str, version: int, select: list[str]) -> dict[str, dict[str, str]]:
    """What to expand, and with which options."""
    found: dict[str, dict[str, str]] = {}
    if version == 2:
        for path in _split(text):
            name, _, rest = path.partition("/")
            inner = found.setdefault(name, {})
            if rest:
                inner["$expand"] = ",".join(filter(None, [inner.get("$expand", ""), rest]))
        for name, inner in found.items():
            mine = [each.partition("/")[2] for each in select if each.startswith(f"{name}/")]
            if mine:
                inner["$select"] = ",".join(mine)
        return found
    for part in _outside(text, ","):
        name, _, rest = part.partition("(")
        options = rest[:-1] if rest else ""
        found[name] = dict(each.split("=", 1) for each in _outside(options, ";"))
    return found


def _outside(text: str, mark: str) -> Iterator[str]:
    depth, begin = 0, 0
    for at, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == mark and depth == 0:
            yield text[begin:at]
            begin = at + 1
    if text[begin:]:
        yield text[begin:]
