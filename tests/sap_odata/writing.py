"""POST, PATCH, MERGE, PUT and DELETE: bodies held against the metadata, documents against the company's rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.sap_odata.company import Company
from tests.sap_odata.errors import Refused, bad_request
from tests.sap_odata.metadata import EntityType
from tests.sap_odata.mirror import NAVIGATIONS, TYPES, Mirror
from tests.sap_odata.service import Service
from tests.sap_odata.tables import Record
from tests.sap_odata.values import BadValue, from_json


@dataclass
class Draft:
    """A document that is not in the books yet, with what lies below it."""

    record: Record
    below: dict[str, list[Draft]] = field(default_factory=dict)

    def all(self) -> Iterator[Record]:
        yield self.record
        for drafts in self.below.values():
            for draft in drafts:
                yield from draft.all()


Creating = Callable[[Company, Draft, str], None]
Changing = Callable[[Company, Record, Mapping[str, Any], str], None]


@dataclass(frozen=True)
class Rules:
    """What the application checks and fills in, by the entity type it is about."""

    creating: Mapping[str, Creating]
    changing: Mapping[str, Changing]
    removing: Mapping[str, Callable[[Company, Record, str], None]]


class Writer:
    def __init__(self, company: Company, service: Service, rules: Rules) -> None:
        self._company = company
        self._service = service
        self._rules = rules

    def create(
        self, set_name: str, body: Mapping[str, Any], user: str, above: Mapping[str, Any] | None = None
    ) -> Record:
        set_ = self._service.metadata.sets[set_name]
        if not set_.creatable and above is None:
            raise Refused(405, "/IWBEP/CM_MGW_RT/027", f"Method 'POST' is not allowed for '{set_name}'")
        type_ = self._service.metadata.types[set_.type]
        draft = self._draft(type_, {**body, **(above or {})})
        rule = self._rules.creating.get(draft.record.type.name)
        if rule is None:
            raise Refused(501, "/IWBEP/CM_MGW_RT/021", f"Method '{set_name}_CREATE_ENTITY' not implemented")
        with self._company.unit_of_work():
            rule(self._company, draft, user)
            for record in draft.all():
                try:
                    self._company[record.type.name].add(record)
                except KeyError:
                    raise bad_request(f"{type_.name} {record.key[-1]} already exists") from None
        return self._seen(type_, draft.record)

    def change(
        self, set_name: str, key: str, body: Mapping[str, Any], user: str, match: str | None
    ) -> Record:
        found = self._service.find(set_name, key)
        self._matches(found, match)
        if not self._service.metadata.sets[set_name].updatable:
            raise Refused(405, "/IWBEP/CM_MGW_RT/027", f"Method 'PATCH' is not allowed for '{set_name}'")
        values = self._parsed(found.type, body, "updatable")
        for name in found.type.key:
            if values.get(name, found[name]) != found[name]:
                raise bad_request(f"Key property '{name}' cannot be changed")
        held, kept = self._held(found), self._kept(found.type, values)
        rule = self._rules.changing.get(held.type.name)
        if rule is None:
            raise Refused(501, "/IWBEP/CM_MGW_RT/021", f"Method '{set_name}_UPDATE_ENTITY' not implemented")
        with self._company.unit_of_work():
            rule(self._company, held, kept, user)
            held.update(kept)
            self._company[held.type.name].touched()
        return self._seen(found.type, held)

    def remove(self, set_name: str, key: str, user: str, match: str | None) -> None:
        found = self._service.find(set_name, key)
        self._matches(found, match)
        held = self._held(found)
        rule = self._rules.removing.get(held.type.name)
        if rule is None or not self._service.metadata.sets[set_name].deletable:
            raise Refused(405, "/IWBEP/CM_MGW_RT/027", f"Method 'DELETE' is not allowed for '{set_name}'")
        with self._company.unit_of_work():
            rule(self._company, held, user)

    def _matches(self, record: Record, match: str | None) -> None:
        tag = self._service.etag(record)
        if not tag or match == "*":
            return
        if match is None:
            raise Refused(428, "/IWBEP/CM_MGW_RT/023", "Precondition required: use the If-Match header")
        if match != tag:
            raise Refused(
                412, "/IWBEP/CM_MGW_RT/022", "Precondition failed: the entity was changed in between"
            )

    # --- bodies

    def _draft(self, type_: EntityType, body: Mapping[str, Any]) -> Draft:
        below, plain = {}, {}
        for name, value in body.items():
            (below if name in type_.navigations else plain)[name] = value
        values = self._kept(type_, self._parsed(type_, plain, "creatable"))
        draft = Draft(Record(self._company.types[TYPES.get(type_.name, type_.name)], **values))
        for name, value in below.items():
            navigation = type_.navigations[name]
            lines = value["results"] if isinstance(value, dict) and "results" in value else value
            if not isinstance(lines, list):
                lines = [lines]
            target = self._service.metadata.types[navigation.target]
            draft.below[NAVIGATIONS.get(name, name)] = [self._draft(target, line) for line in lines]
        return draft

    def _parsed(self, type_: EntityType, body: Mapping[str, Any], word: str) -> dict[str, Any]:
        found = {}
        for name, value in body.items():
            if name.startswith(("__", "@")) or "@odata" in name:
                continue
            if name not in type_.properties:
                raise bad_request(f"Property '{name}' is invalid", "/IWCOR/CX_DS_EP_PROPERTY_ERROR/0050568")
            property_ = type_.properties[name]
            if not getattr(property_, word):
                raise bad_request(f"Property '{name}' is read-only")
            try:
                found[name] = from_json(property_, value, self._service.version)
            except BadValue as error:
                raise bad_request(str(error), "/IWCOR/CX_DS_EP_VALUE_ERROR") from error
        return found

    # --- between V4 and what is kept

    def _kept(self, type_: EntityType, values: Mapping[str, Any]) -> dict[str, Any]:
        tables = self._service.tables
        return tables.kept(type_, values) if isinstance(tables, Mirror) else dict(values)

    def _held(self, record: Record) -> Record:
        held = self._company[TYPES.get(record.type.name, record.type.name)].get(record.key)
        assert held is not None
        return held

    def _seen(self, type_: EntityType, record: Record) -> Record:
        tables = self._service.tables
        return tables.seen(type_, record) if isinstance(tables, Mirror) else record
