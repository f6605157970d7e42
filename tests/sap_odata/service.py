"""One OData service over the company's records: what a GET answers, in the words of its version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.sap_odata import filters
from tests.sap_odata.errors import Refused, bad_request, not_found
from tests.sap_odata.metadata import EntityType, Metadata, Navigation
from tests.sap_odata.tables import Record, Table
from tests.sap_odata.values import key_literal, to_json

Query = Mapping[str, str]
_KNOWN = {
    2: {
        "$filter",
        "$orderby",
        "$top",
        "$skip",
        "$select",
        "$expand",
        "$inlinecount",
        "$format",
        "$skiptoken",
    },
    4: {
        "$filter",
        "$orderby",
        "$top",
        "$skip",
        "$select",
        "$expand",
        "$count",
        "$format",
        "$skiptoken",
        "$search",
    },
}


@dataclass
class Service:
    name: str
    path: str  # below the host
    metadata: Metadata
    tables: Mapping[str, Table]
    etags: frozenset[str] = frozenset()  # entity types that change only with If-Match
    page_size: int | None = None  # records of one answer
    nested_size: int | None = None  # records of one expanded list
    host: str = ""
    active: bool = True
    forbidden: set[str] = field(default_factory=set)  # entity sets that the user may not read

    @property
    def version(self) -> int:
        return self.metadata.version

    @property
    def root(self) -> str:
        return f"{self.host}{self.path}"

    # --- finding

    def table(self, set_name: str) -> Table:
        if set_name not in self.metadata.sets:
            raise not_found(set_name)
        if set_name in self.forbidden:
            raise Refused(403, "/IWBEP/CM_MGW_RT/021", f"No authorization to read '{set_name}'")
        return self.tables[self.metadata.sets[set_name].type]

    def find(self, set_name: str, key: str) -> Record:
        type_ = self.metadata.type_of(set_name)
        try:
            values = filters.literals(key, self.version)
        except filters.BadFilter as error:
            raise bad_request(str(error)) from error
        if list(values) == [""] and len(type_.key) == 1:
            values = {type_.key[0]: values[""]}
        if values.keys() != set(type_.key):
            raise bad_request(f"Invalid key predicate type for '{set_name}'")
        record = self.table(set_name).get(tuple(values[each] for each in type_.key))
        if record is None:
            raise not_found(set_name)
        return record

    def reach(self, type_: EntityType, row: dict[str, Any], name: str) -> Record | None:
        return next(iter(self.related(type_.navigations[name], row)), None)

    def related(self, navigation: Navigation, row: dict[str, Any]) -> list[Record]:
        names = tuple(theirs for _, theirs in navigation.join)
        values = tuple(row[mine] for mine, _ in navigation.join)
        if "" in values and not navigation.many:
            return []
        return self.tables[navigation.target].matching(names, values)

    # --- answering

    def collection(
        self, type_: EntityType, records: Sequence[Record], query: Query, place: str, *, nested: bool = False
    ) -> dict[str, Any]:
        """`place`: the address of this list, for the link to its next page."""
        for name in query:
            if name.startswith("$") and name not in _KNOWN[self.version]:
                raise bad_request(f"The system query option '{name}' is not supported")
        chosen = self._ordered(type_, self._filtered(type_, records, query), query)
        count = len(chosen)
        done = int(query.get("$skiptoken", 0))
        start = int(query.get("$skip", 0)) + done
        stop = int(query.get("$skip", 0)) + int(query["$top"]) if "$top" in query else None
        chosen = chosen[start:stop]
        limit = self.nested_size if nested else self.page_size
        link = None
        if limit is not None and len(chosen) > limit:
            chosen = chosen[:limit]
            link = self._next(place, query, done + limit)
        shown = [self.entity(type_, record, query) for record in chosen]
        return self._envelope(shown, link, count if self._counted(query) else None, place)

    def count(self, type_: EntityType, records: Sequence[Record], query: Query) -> int:
        return len(self._filtered(type_, records, query))

    def _filtered(self, type_: EntityType, records: Sequence[Record], query: Query) -> list[Record]:
        if not query.get("$filter"):
            return list(records)
        try:
            keep = filters.compiled(query["$filter"], self.metadata, type_, self.reach)
        except filters.BadFilter as error:
            raise bad_request(str(error), "/IWBEP/CM_MGW_RT/175") from error
        return [record for record in records if keep(record)]

    def _ordered(self, type_: EntityType, records: list[Record], query: Query) -> list[Record]:
        chosen = sorted(records, key=lambda each: tuple(str(part) for part in each.key))
        for part in reversed(split(query.get("$orderby", ""))):
            name, _, way = part.partition(" ")
            property_ = type_.properties.get(name)
            if property_ is None or not property_.sortable or way.strip() not in {"", "asc", "desc"}:
                raise bad_request(f"Property '{name}' cannot be used to sort")
            chosen.sort(key=lambda each: (each[name] is not None, each[name]), reverse=way.strip() == "desc")
        return chosen

    def _counted(self, query: Query) -> bool:
        if self.version == 2:
            return query.get("$inlinecount") == "allpages"
        return query.get("$count") == "true"

    def _next(self, place: str, query: Query, done: int) -> str:
        kept = {name: value for name, value in query.items() if name != "$skiptoken"} | {
            "$skiptoken": str(done)
        }
        address = f"{place}?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in kept.items())
        return (
            f"{self.root}/{address}" if self.version == 2 else address
        )  # V4: relative to the service's root

    def _envelope(
        self, shown: list[dict[str, Any]], link: str | None, count: int | None, place: str
    ) -> dict[str, Any]:
        if self.version == 2:
            inner: dict[str, Any] = {"results": shown}
            if count is not None:
                inner["__count"] = str(count)
            if link is not None:
                inner["__next"] = link
            return {"d": inner}
        found: dict[str, Any] = {"@odata.context": f"$metadata#{place}"}
        if count is not None:
            found["@odata.count"] = count
        return found | {"value": shown} | ({"@odata.nextLink": link} if link else {})

    # --- one entity

    def entity(self, type_: EntityType, record: Record, query: Query) -> dict[str, Any]:
        select = split(query.get("$select", ""))
        self._check_selected(type_, select)
        shown = self._head(type_, record)
        mine = {each for each in select if "/" not in each}
        everything = not mine or "*" in mine
        for name, property_ in type_.properties.items():
            if everything or name in mine:
                shown[name] = to_json(property_, record[name], self.version)
        expanded = expansions(query.get("$expand", ""), self.version, select)
        for name in expanded:
            if name not in type_.navigations:
                raise bad_request(f"Invalid navigation property '{name}' in $expand", "/IWBEP/CM_MGW_RT/177")
        for name, navigation in type_.navigations.items():
            if name in expanded:
                shown |= self._below(type_, record, navigation, expanded[name])
            elif self.version == 2 and (everything or name in mine):
                shown[name] = {"__deferred": {"uri": f"{self.root}/{self.place(type_, record)}/{name}"}}
        return shown

    def _check_selected(self, type_: EntityType, select: Sequence[str]) -> None:
        for each in select:
            first = each.partition("/")[0]
            if first != "*" and first not in type_.properties and first not in type_.navigations:
                raise bad_request(
                    f"Property '{first}' not found in type '{type_.name}'", "/IWBEP/CM_MGW_RT/176"
                )

    def _head(self, type_: EntityType, record: Record) -> dict[str, Any]:
        tag = self.etag(record)
        if self.version == 4:
            return {"@odata.etag": tag} if tag else {}
        address = f"{self.root}/{self.place(type_, record)}"
        head = {"id": address, "uri": address, "type": f"{self.metadata.namespace}.{type_.name}"}
        return {"__metadata": head | ({"etag": tag} if tag else {})}

    def _below(
        self, type_: EntityType, record: Record, navigation: Navigation, query: Query
    ) -> dict[str, Any]:
        name = navigation.name
        found = self.related(navigation, record)
        target = self.metadata.types[navigation.target]
        if not navigation.many:
            return {name: self.entity(target, found[0], query) if found else None}
        inner = self.collection(target, found, query, f"{self.place(type_, record)}/{name}", nested=True)
        if self.version == 2:
            return {name: inner["d"]}
        link = {f"{name}@odata.nextLink": inner["@odata.nextLink"]} if "@odata.nextLink" in inner else {}
        return {name: inner["value"]} | link

    def place(self, type_: EntityType, record: Record) -> str:
        set_name = self.metadata.set_of(type_.name)
        values = [
            (each, key_literal(type_.properties[each], record[each], self.version)) for each in type_.key
        ]
        if len(values) == 1:
            return f"{set_name}({values[0][1]})"
        return f"{set_name}({','.join(f'{name}={value}' for name, value in values)})"

    def etag(self, record: Record) -> str:
        """Changes with every change of the record; empty for types that are not guarded."""
        if record.type.name not in self.etags:
            return ""
        if "LastChangeDateTime" in record.type.properties and record["LastChangeDateTime"] is not None:
            return f"W/\"datetimeoffset'{quote(record['LastChangeDateTime'].isoformat(), safe='')}'\""
        digest = hashlib.sha1(repr(sorted(record.items())).encode(), usedforsecurity=False).hexdigest()
        return f'W/"{digest.upper()}"'


def split(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def expansions(text: str, version: int, select: Sequence[str]) -> dict[str, dict[str, str]]:
    """What is expanded, with the options that hold inside."""
    found: dict[str, dict[str, str]] = {}
    if version == 4:
        for part in _outside(text, ","):
            name, _, rest = part.strip().partition("(")
            options = _outside(rest[:-1], ";") if rest else iter(())
            found[name] = dict(each.strip().split("=", 1) for each in options)
        return found
    for path in split(text):
        name, _, rest = path.partition("/")
        inner = found.setdefault(name, {})
        if rest:
            inner["$expand"] = ",".join(filter(None, [inner.get("$expand", ""), rest]))
    for name, inner in found.items():
        mine = [each.partition("/")[2] for each in select if each.startswith(f"{name}/")]
        if mine:
            inner["$select"] = ",".join(mine)
    return found


def _outside(text: str, mark: str) -> Iterator[str]:
    """The parts of a text between marks that stand in no brackets and no quotes."""
    depth, begin, quoted = 0, 0, False
    for at, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif not quoted:
            depth += {"(": 1, ")": -1}.get(character, 0)
            if character == mark and depth == 0:
                yield text[begin:at]
                begin = at + 1
    if text[begin:]:
        yield text[begin:]
