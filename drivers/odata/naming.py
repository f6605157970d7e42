"""Pure: records named one by one in a filter, as many to a request as a URL may hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from drivers.odata.ordering import OrderedBy
from drivers.odata.requests import encoded

Key = tuple[str | None, ...]
_BETWEEN: Final = 8  # characters of an encoded `or` and its blanks
_ROOM_FOR_ORDER: Final = 300  # characters of a URL besides the keys that it names


@dataclass(frozen=True, slots=True)
class Named:
    """The keys of one request, and the conditions of which a record meets one."""

    keys: set[Key] = field(default_factory=set)
    conditions: list[str] = field(default_factory=list)


def one_key(columns: Sequence[OrderedBy], key: Sequence[str | None]) -> str:
    """Raises NoLiteral for a key that no record can have."""
    parts = [column.equal(str(text)) for column, text in zip(columns, key, strict=True)]
    return parts[0] if len(parts) == 1 else f"({' and '.join(parts)})"


def chunks(
    columns: Sequence[OrderedBy],
    keys: Sequence[Sequence[str | None]],
    room: int,
    at_most: int | None,
    besides: Sequence[str] = (),
) -> list[Named]:
    """`room`: characters of a URL for the conditions; `at_most`: keys to a request, where a service takes fewer.

    `besides`: conditions that stand in each request.
    """
    room -= sum(len(encoded(each)) + _BETWEEN for each in besides)
    found: list[Named] = []
    left = 0
    for key in keys:
        condition = one_key(columns, key)
        size = len(encoded(condition)) + _BETWEEN
        if not found or size > left or len(found[-1].conditions) == at_most:
            found.append(Named())
            left = room - _ROOM_FOR_ORDER
        found[-1].keys.add(tuple(key))
        found[-1].conditions.append(condition)
        left -= size
    return found
