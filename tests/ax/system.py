"""An AX 2012 of the tests' own behind its document services: companies, records, change tracking, document filters.

What it does follows Microsoft's documentation of AIF (document class service operations, partial update, concurrency,
document filters, change tracking, duplicate messages); where that is silent, `Habits` has both ways.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.ax.contract import Contract, Entity

EMPTY_DAY = "1900-01-01"
EMPTY_MOMENT = "1900-01-01T00:00:00Z"
Record = dict[str, Any]  # texts by field; the entities below by name, as lists of records
KeyValues = tuple[str, ...]


class AifFault(Exception):
    def __init__(
        self, text: str, *, code: str = "", field_name: str = "", infolog: tuple[str, ...] = ()
    ) -> None:
        super().__init__(text)
        self.text = text
        self.code = code
        self.field_name = field_name
        self.infolog = infolog


@dataclass
class Habits:
    missing: str = "fault"  # read of a key that is not there: a fault, or "skip"
    checks_duplicates: bool = True  # EnableIdempotence of create, update and delete
    change_tracking: bool = True
    tracked_for: timedelta = timedelta(days=7)
    document_filter: bool = True
    lets_through: Callable[[Record], bool] = lambda _: True  # what the document filter says of a record
    bookmarks_in_a_circle: bool = False
    filter_changed: bool = False
    largest_page: int = 10_000  # keys
    # How query criteria are joined: "or", as Microsoft's Query Criteria Overview says, or "and" as ranges of an X++ query
    # on several fields are, among which those on one field are joined by "or" all the same.
    joined: str = "or"


@dataclass
class Context:
    company: str = ""
    partition: str = ""
    language: str = ""
    message_id: str = ""


@dataclass
class Document:
    record: Record
    changed_at: datetime

    def hash(self) -> str:
        told = "|".join(f"{each['RecId']}.{each['RecVersion']}" for each in _records(self.record))
        return hashlib.sha256(told.encode()).hexdigest()[:32]


def _records(record: Record) -> Iterator[Record]:
    yield record
    for held in record.values():
        if isinstance(held, list):
            for each in held:
                yield from _records(each)


Check = Callable[[Record], None]  # raises AifFault for what the system's own rules refuse


@dataclass
class System:
    contracts: dict[str, Contract]
    companies: dict[str, frozenset[str]] = field(
        default_factory=lambda: {"initial": frozenset({"ceu", "dat"})}
    )
    habits: Habits = field(default_factory=Habits)
    clock: Callable[[], datetime] = field(default=lambda: datetime(2026, 3, 20, 12, tzinfo=UTC))
    checks: dict[str, Check] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    calls: list[tuple[str, str]] = field(default_factory=list)  # service, operation
    _rows: dict[tuple[str, str, str], dict[KeyValues, Document]] = field(default_factory=dict)
    _last_id: int = 5_637_144_576
    _numbers: int = 0

    def rows(
        self, service: str, company: str = "ceu", partition: str = "initial"
    ) -> dict[KeyValues, Document]:
        return self._rows.setdefault((partition, company, service), {})

    def put(
        self, service: str, *, company: str = "ceu", changed_at: datetime | None = None, **record: Any
    ) -> Document:
        """A record as it lies in the tables, past every check."""
        contract = self.contracts[service]
        filled = self._filled(contract.entity, record)
        moment = changed_at or self.clock()
        if contract.entity.field("ModifiedDateTime") is not None:
            filled["ModifiedDateTime"] = _moment(moment)
        document = Document(filled, moment)
        self.rows(service, company)[_key_of(contract, filled)] = document
        return document

    def touch(
        self, service: str, key: KeyValues, *, changed_at: datetime | None = None, **values: Any
    ) -> None:
        document = self.rows(service)[key]
        document.record.update(values)
        self._changed(self.contracts[service], document, changed_at)

    # --- operations

    def enter(self, context: Context, operation: str) -> None:
        """What AIF looks at before it calls a service."""
        partition = context.partition or "initial"
        if partition not in self.companies:
            raise AifFault(f"The partition {partition} does not exist.", code="PartitionNotFound")
        if context.company and context.company not in self.companies[partition]:
            raise AifFault(f"Company {context.company} does not exist.", code="InvalidCompany")
        if operation in {"create", "update", "delete"} and context.message_id:
            given = str(uuid.UUID(context.message_id))
            if self.habits.checks_duplicates and given in self.seen:
                raise AifFault(
                    "Duplicate message. Message has already been processed.", code="DuplicateMessage"
                )
            self.seen.add(given)

    def home(self, contract: Contract, context: Context) -> dict[KeyValues, Document]:
        return self.rows(contract.service, context.company or "dat", context.partition or "initial")

    def create(self, contract: Contract, context: Context, given: list[Record]) -> list[KeyValues]:
        made: dict[KeyValues, Document] = {}
        rows = self.home(contract, context)
        for each in given:
            record = self._filled(contract.entity, {k: v for k, v in each.items() if v is not None})
            for name in contract.key:
                if not record[name] and len(contract.key) == 1:
                    self._numbers += 1
                    record[name] = f"AX{self._numbers:08d}"
            self._check(contract, record)
            key = _key_of(contract, record)
            if key in rows or key in made:
                raise AifFault(
                    f"Cannot create a record in {contract.entity.name}. The record already exists.",
                    code="AlreadyExists",
                    field_name=contract.key[0],
                )
            made[key] = Document(record, self.clock())
            self._changed(contract, made[key], None, new=True)
        rows |= made
        return list(made)

    def update(
        self, contract: Contract, context: Context, keys: list[KeyValues], given: list[Record]
    ) -> None:
        rows = self.home(contract, context)
        if len(keys) != len(given):
            raise AifFault("The number of entity keys and of documents differ.", code="KeyCount")
        for key, change in zip(keys, given, strict=True):
            document = self._found(contract, rows, key)
            self._same_version(document, change)
            changed = _changed_copy(self, contract.entity, document.record, change)
            self._check(contract, changed)
            document.record = changed
            self._changed(contract, document, None)

    def delete(self, contract: Contract, context: Context, keys: list[KeyValues]) -> None:
        rows = self.home(contract, context)
        for key in keys:
            self._found(contract, rows, key)
        for key in keys:
            rows.pop(self._stored(rows, key))

    def read(self, contract: Contract, context: Context, keys: list[KeyValues]) -> list[Document]:
        rows = self.home(contract, context)
        if self.habits.missing == "skip":
            keys = [key for key in keys if self._stored(rows, key) in rows]
        return [self._found(contract, rows, key) for key in keys]

    def _found(self, contract: Contract, rows: dict[KeyValues, Document], key: KeyValues) -> Document:
        stored = self._stored(rows, key)
        if stored not in rows:
            raise AifFault(
                f"The record with the specified key {'/'.join(key)} was not found in {contract.entity.name}.",
                code="NotFound",
            )
        return rows[stored]

    def _stored(self, rows: dict[KeyValues, Document], key: KeyValues) -> KeyValues:
        """AX compares texts without regard to case."""
        if key in rows:
            return key
        folded = tuple(part.casefold() for part in key)
        return next((each for each in rows if tuple(part.casefold() for part in each) == folded), key)

    def _same_version(self, document: Document, change: Record) -> None:
        told = change.get("_DocumentHash")
        pairs = [
            (each.get("RecId"), each.get("RecVersion"))
            for each in _records(change)
            if each.get("action") != "create"
        ]
        if told is None and any(None in pair for pair in pairs):
            raise AifFault(
                "The document hash or RecId and RecVersion must be specified for each record.",
                code="NoConcurrencyToken",
            )
        if told is not None and told != document.hash():
            raise AifFault("The document has been changed since it was read.", code="DocumentHashMismatch")
        known = {str(each["RecId"]): str(each["RecVersion"]) for each in _records(document.record)}
        for id_, version in pairs:
            if id_ is not None and version is not None and known.get(str(id_)) != str(version):
                raise AifFault(f"The record {id_} has been changed.", code="RecVersionMismatch")

    def _check(self, contract: Contract, record: Record) -> None:
        check = self.checks.get(contract.service)
        if check is not None:
            check(record)

    def _changed(
        self, contract: Contract, document: Document, moment: datetime | None, *, new: bool = False
    ) -> None:
        document.changed_at = moment or self.clock()
        if not new:
            document.record["RecVersion"] = str(int(document.record["RecVersion"]) + 1)
        if contract.entity.field("ModifiedDateTime") is not None:
            document.record["ModifiedDateTime"] = _moment(document.changed_at)

    def _filled(self, entity: Entity, given: Record) -> Record:
        self._last_id += 1
        record: Record = {each.name: _initial(each.kind, each.values) for each in entity.fields}
        record |= {"RecId": str(self._last_id), "RecVersion": "1"}
        record |= {
            name: value for name, value in given.items() if name not in _NOT_KEPT and value is not None
        }
        for each in entity.below:
            record[each.name] = [self._filled(each, line) for line in record.get(each.name, [])]
        return record


_NOT_KEPT = frozenset({"_DocumentHash", "action", "class"})


def _initial(kind: str, values: tuple[str, ...]) -> str:
    """AX knows no null: a field that nobody filled holds its type's empty value."""
    return {
        "decimal": "0",
        "int": "0",
        "int64": "0",
        "date": EMPTY_DAY,
        "datetime": EMPTY_MOMENT,
        "time": "00:00:00",
        "enum": values[0] if values else "",
    }.get(kind, "")


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _key_of(contract: Contract, record: Record) -> KeyValues:
    return tuple(str(record[name]) for name in contract.key)


def _changed_copy(system: System, entity: Entity, record: Record, change: Record) -> Record:
    """A partial update: what is not given, or nil, stays. Without an action the whole document is replaced."""
    lines = {each.name for each in entity.below}
    result = {name: value for name, value in record.items() if name not in lines}
    result |= {
        name: value
        for name, value in change.items()
        if name not in lines and name not in _NOT_KEPT and name != "RecVersion" and value is not None
    }
    for each in entity.below:
        held = [dict(line) for line in record[each.name]]
        if each.name in change:
            held = list(_changed_lines(system, each, held, change[each.name]))
        elif change.get("action") != "update":
            held = []
        result[each.name] = held
    return result


def _changed_lines(
    system: System, entity: Entity, held: list[Record], given: list[Record]
) -> Iterator[Record]:
    changes = {str(each.get("RecId")): each for each in given if each.get("action") in {"update", "delete"}}
    known = {str(line["RecId"]) for line in held}
    for id_ in changes:
        if id_ not in known:
            raise AifFault(f"The record {id_} was not found in {entity.name}.", code="NotFound")
    for line in held:
        change = changes.get(str(line["RecId"]))
        if change is None:
            yield line
        elif change["action"] == "update":
            changed = _changed_copy(system, entity, line, change)
            yield changed | {"RecVersion": str(int(line["RecVersion"]) + 1)}
    for each in given:
        if each.get("action") == "create":
            yield system._filled(entity, each)


def comparable(kind: str, text: str) -> Any:
    if kind in {"decimal", "int", "int64"}:
        return Decimal(text)
    if kind == "datetime":
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return text.casefold()
