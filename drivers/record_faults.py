"""Pure: a record held against what an operation needs and takes. The agent looks too; here nothing is left to chance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from drivers.contract import Message, OperationKind

KEY = "key"


def faults_of(
    record: Mapping[str, Any],
    kind: OperationKind,
    *,
    required: Sequence[str],
    any_of: Sequence[Sequence[str]],
    fields: Sequence[str],
    statuses: Iterable[str],
) -> list[Message]:
    """`required` and the others as in `contract.Operation`."""
    return [
        *_missing(record, kind, required, any_of),
        *_unknown(record, kind, frozenset(fields)),
        *_unsettable(record, kind, frozenset(statuses)),
    ]


def is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _missing(
    record: Mapping[str, Any], kind: OperationKind, required: Sequence[str], any_of: Sequence[Sequence[str]]
) -> Iterator[Message]:
    if kind is not OperationKind.CREATE and is_empty(record.get(KEY)):
        yield Message("the key of the record is needed", "required", KEY)
    for name in required:
        for place, holder, member in _holders(record, name):
            if is_empty(holder.get(member)):
                yield Message(f"{place} is needed", "required", place)
    for group in any_of:
        for alternatives in zip(*(list(_holders(record, name)) for name in group), strict=True):
            if all(is_empty(holder.get(member)) for _, holder, member in alternatives):
                names = " or ".join(place for place, _, _ in alternatives)
                yield Message(f"one of {names} is needed", "required", alternatives[0][0])


def _holders(record: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Each place where the field has to be: in the record, in each line that is given, in an object that is there."""
    head, _, member = name.partition(".")
    if not member:
        yield name, record, name
        return
    held = record.get(head)
    if isinstance(held, Mapping):
        yield name, held, member
    elif isinstance(held, Sequence) and not isinstance(held, str):
        for index, line in enumerate(held):
            yield f"{head}[{index}].{member}", line if isinstance(line, Mapping) else {}, member


def _unknown(record: Mapping[str, Any], kind: OperationKind, known: frozenset[str]) -> Iterator[Message]:
    for name, held in record.items():
        if name == KEY and kind is not OperationKind.CREATE:
            continue
        for place, leaf in _leaves(name, held):
            if leaf not in known:
                yield Message(f"{place} cannot be written", "not_writable", place)


def _leaves(name: str, held: Any) -> Iterator[tuple[str, str]]:
    if isinstance(held, Mapping):
        yield from ((f"{name}.{member}", f"{name}.{member}") for member in held)
    elif isinstance(held, Sequence) and not isinstance(held, str):
        for index, line in enumerate(held):
            members = line if isinstance(line, Mapping) else {"": None}
            yield from ((f"{name}[{index}].{member}", f"{name}.{member}") for member in members)
    else:
        yield name, name


def _unsettable(
    record: Mapping[str, Any], kind: OperationKind, statuses: frozenset[str]
) -> Iterator[Message]:
    status = record.get("status")
    if kind is OperationKind.SET_STATUS and not is_empty(status) and str(status) not in statuses:
        yield Message(f"the status cannot be set to {str(status)[:64]!r}", "status_not_settable", "status")
