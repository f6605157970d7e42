"""A record as a write would leave it, for whoever judges what it comes to. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from drivers.contract import OperationKind

_IDENTITIES: Final = ("key", "lineNo")  # by which a line of an update is that of the record

Record = Mapping[str, Any]


def standing(kind: OperationKind, present: Record, change: Record) -> dict[str, Any]:
    """On the careful side: whether a system replaces lines or adds to them, no line that may be there is left out."""
    if kind is OperationKind.DELETE:
        return dict(present)
    whole = {**present, **change}
    for name, lines in change.items():
        before = present.get(name)
        if _are_lines(lines) and before is not None and _are_lines(before):
            whole[name] = _joined(before, lines)
    return whole


def _joined(before: Sequence[Record], lines: Sequence[Record]) -> list[Record]:
    joined: list[Record] = []
    for line in before:
        # One that names two lines may mean either, and two that name one line may both be meant: all of them count.
        joined += [{**line, **one} for one in lines if _same(line, one)] or [{**line}]
    return joined + [one for one in lines if not any(_same(line, one) for line in before)]


def _same(line: Record, other: Record) -> bool:
    return any(line.get(name) is not None and line.get(name) == other.get(name) for name in _IDENTITIES)


def _are_lines(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(line, Mapping) for line in value)
