"""A record against the entity of the unified model and what its system says it needs. Pure.

Everything that is wrong is found at once: one fault per field, always in the same order. No value is repeated in a
fault, and none is changed: what was looked at here is what the driver gets, to the digit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from agent.commands.ports import FieldFault
from agent.commands.totals import contradictions
from agent.commands.values import wrong_custom_value, wrong_value
from agent.model.entities import ENTITIES, UNKNOWN_STATUS, Field, Kind
from drivers.contract import Operation, OperationKind

MAX_NAME_CHARS: Final = 64  # of a name that the command made up
MAX_LINES: Final = 2_000  # of one list; a command has 64 KiB
CUSTOM: Final = "customFields"
KEY: Final = "key"

_CUSTOM_FIELD: Final = Field("custom_fields", Kind.CUSTOM)


def find_faults(operation: Operation, record: Mapping[str, Any]) -> tuple[FieldFault, ...]:
    """What is wrong with the record of a command, as it came: without `key`, and for set_status only `status`."""
    look = _Look(operation)
    faults = list(look.members(record, ENTITIES[operation.entity].fields, "", ""))
    if not record and operation.kind is OperationKind.UPDATE:
        faults.append(FieldFault("", "nothing_to_change", "the record names no field that is to change"))
    faults += contradictions(record, whole=operation.kind is OperationKind.CREATE)
    return _sorted(faults)


def known_part(entity: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """The record without fields that the entity does not have: `find_faults` refuses those, whoever may write what."""
    fields = ENTITIES[entity].fields if entity in ENTITIES else ()
    return _known_part((*fields, _CUSTOM_FIELD), record)


def _known_part(fields: Sequence[Field], record: Mapping[str, Any]) -> dict[str, Any]:
    known = {field.alias: field.fields for field in fields}
    return {name: _known_value(known[name], value) for name, value in record.items() if name in known}


def _known_value(members: Sequence[Field], value: Any) -> Any:
    if members and isinstance(value, Mapping):
        return _known_part(members, value)
    if members and isinstance(value, list):
        return [_known_part(members, one) if isinstance(one, Mapping) else one for one in value]
    return value


def needs_present_status(operation: Operation, record: Mapping[str, Any]) -> bool:
    """Whether it depends on the record's present status what may be changed."""
    return any(_restricted(operation, pattern) is not None for _, pattern in _given(record))


def find_faults_of_status(
    operation: Operation, record: Mapping[str, Any], present: str | None
) -> tuple[FieldFault, ...]:
    """The fields that cannot be changed while the record has the status that it has."""
    faults = []
    for path, pattern in _given(record):
        statuses = _restricted(operation, pattern)
        if statuses is not None and present not in statuses:
            allowed = ", ".join(statuses) or "none"
            message = f"can be changed only while the record has one of these statuses: {allowed}"
            faults.append(FieldFault(path, "not_updatable", message))
    return _sorted(faults)


class _Look:
    """One walk over a record. `at` is the place of what is looked at, `inside` the same without line numbers."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._writable = frozenset(operation.fields)
        self._parents = frozenset(name.partition(".")[0] for name in operation.fields if "." in name)
        self._update = operation.kind is OperationKind.UPDATE

    def members(
        self, given: Mapping[str, Any], fields: Sequence[Field], at: str, inside: str
    ) -> Iterator[FieldFault]:
        known = {field.alias: field for field in fields} | ({} if inside else {CUSTOM: _CUSTOM_FIELD})
        for name, value in given.items():
            field = known.get(name)
            if field is None:
                yield FieldFault(f"{at}{_short(name)}", "unknown_field", "is not a field of the entity")
            elif not self._may_write(f"{inside}{name}"):
                yield FieldFault(f"{at}{name}", "not_writable", "cannot be written by this operation")
            elif value is None and not self._may_be_null(field, f"{inside}{name}"):
                yield FieldFault(f"{at}{name}", "required", "cannot be emptied")
            elif value is not None:
                yield from self._value(field, value, f"{at}{name}", f"{inside}{name}")
        yield from self._missing(given, at, inside)

    def _may_write(self, name: str) -> bool:
        parent = name.partition(".")[0]
        return name in self._writable or parent in self._writable or name in self._parents

    def _may_be_null(self, field: Field, name: str) -> bool:
        """Null empties a field in an update; anywhere else it is as if the field were not given."""
        if name in self._operation.required:
            return True  # told as missing
        return not (self._update and "." not in name and (field.required or field.kind is Kind.LIST))

    def _value(self, field: Field, value: Any, at: str, inside: str) -> Iterator[FieldFault]:
        if field.kind is Kind.CUSTOM:
            yield from self._custom(value, at)
        elif field.kind is Kind.OBJECT:
            if isinstance(value, Mapping):
                yield from self.members(value, field.fields, f"{at}.", f"{inside}.")
            else:
                yield FieldFault(at, "not_an_object", "must be an object with the fields of the entity")
        elif field.kind is Kind.LIST:
            yield from self._lines(field, value, at, inside)
        elif (wrong := wrong_value(field, value)) is not None:
            yield FieldFault(at, *wrong)
        elif field.name == "status":
            yield from self._status(field, value, at, inside)

    def _lines(self, field: Field, value: Any, at: str, inside: str) -> Iterator[FieldFault]:
        if not isinstance(value, list):
            yield FieldFault(at, "not_a_list", "must be a list of objects")
            return
        if len(value) > MAX_LINES:
            yield FieldFault(at, "too_long", f"must have at most {MAX_LINES} lines")
            return
        for number, line in enumerate(value):
            if isinstance(line, Mapping):
                yield from self.members(line, field.fields, f"{at}[{number}].", f"{inside}.")
            else:
                yield FieldFault(f"{at}[{number}]", "not_an_object", "must be an object")
        for name in (KEY, "lineNo"):
            yield from _repeated(value, name, at)

    def _custom(self, value: Any, at: str) -> Iterator[FieldFault]:
        if not isinstance(value, Mapping):
            yield FieldFault(at, "not_an_object", "must be an object of names and values")
            return
        for name, member in value.items():
            place = f"{at}.{_short(name)}"
            if f"{CUSTOM}.{name}" not in self._writable:
                yield FieldFault(
                    place, "not_writable", "is not one of the custom fields that can be written here"
                )
            elif member is not None and (wrong := wrong_custom_value(member)) is not None:
                yield FieldFault(place, *wrong)
        yield from self._missing(value, f"{at}.", f"{CUSTOM}.")

    def _status(self, field: Field, value: str, at: str, inside: str) -> Iterator[FieldFault]:
        if field.values is not None and value not in field.values - {UNKNOWN_STATUS}:
            statuses = ", ".join(sorted(field.values - {UNKNOWN_STATUS}))
            yield FieldFault(at, "unknown_status", f"must be one of {statuses}")
        elif inside == "status" and self._operation.statuses and value not in self._operation.statuses:
            statuses = ", ".join(self._operation.statuses)
            yield FieldFault(at, "status_not_settable", f"can be set to one of {statuses}")

    def _missing(self, given: Mapping[str, Any], at: str, inside: str) -> Iterator[FieldFault]:
        for name in self._operation.required:
            member = _member_of(name, inside)
            if member and f"{inside}{member}" != KEY and (given.get(member) is None or given[member] == []):
                yield FieldFault(f"{at}{member}", "required", "is needed")
        for group in self._operation.any_of:
            members = [member for name in group if (member := _member_of(name, inside))]
            if members and all(given.get(member) is None for member in members):
                yield FieldFault(f"{at}{members[0]}", "required", f"one of {', '.join(members)} is needed")


def _member_of(name: str, inside: str) -> str:
    """`quantity` of `lineItems.quantity` inside `lineItems.`; empty: it lies elsewhere."""
    member = name[len(inside) :] if name.startswith(inside) else ""
    return "" if "." in member else member


def _repeated(lines: Sequence[Any], name: str, at: str) -> Iterator[FieldFault]:
    seen: set[str] = set()
    for number, line in enumerate(lines):
        value = line.get(name) if isinstance(line, Mapping) else None
        if isinstance(value, str) and value in seen:
            yield FieldFault(f"{at}[{number}].{name}", "repeated", "is that of a line before")
        elif isinstance(value, str):
            seen.add(value)


def _given(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each field that is given: its place, and the same without line numbers."""
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{member}", f"{name}.{member}") for member in value)
        elif isinstance(value, list) and any(isinstance(line, Mapping) for line in value):
            for number, line in enumerate(value):
                if isinstance(line, Mapping):
                    yield from ((f"{name}[{number}].{member}", f"{name}.{member}") for member in line)
        else:
            yield name, name


def _restricted(operation: Operation, pattern: str) -> tuple[str, ...] | None:
    """The statuses in which a field may be changed; None: in every one."""
    parent = pattern.partition(".")[0]
    found = operation.updatable_in.get(pattern, operation.updatable_in.get(parent))
    if found is None and pattern == parent:  # a list without lines, or null: it changes all that lies in it
        inner = [one for name, one in operation.updatable_in.items() if name.startswith(f"{pattern}.")]
        if inner:
            found = tuple(status for status in inner[0] if all(status in one for one in inner))
    return None if found is None else tuple(found)


def _short(name: str) -> str:
    return name if len(name) <= MAX_NAME_CHARS else name[: MAX_NAME_CHARS - 3] + "..."


def _sorted(faults: Sequence[FieldFault]) -> tuple[FieldFault, ...]:
    """By place, line numbers as numbers; of a place with several faults the first one found."""
    first: dict[str, FieldFault] = {}
    for fault in faults:
        first.setdefault(fault.field, fault)
    return tuple(first[place] for place in sorted(first, key=_order))


def _order(place: str) -> list[tuple[str, int]]:
    return [
        ("", int(part)) if part.isascii() and part.isdigit() else (part, -1)
        for part in re.split(r"[.\[\]]+", place)
        if part
    ]
