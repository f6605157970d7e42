"""Pure: the words that a value of a step may be made of besides the record's fields."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

IDEMPOTENCY_KEY: Final = "idempotencyKey"
KEY: Final = "key"  # of the record; key.PART: one part of it
RESULT: Final = "result"  # result.NAME: what an earlier step gave
GIVEN: Final = "given"  # given.FIELD: whether the field is in the record
LINE: Final = "line"
LINE_NUMBER: Final = "line.number"  # inside for_each: 1, 2, 3 ...
STATUS: Final = "status"
RESERVED: Final = frozenset({KEY, IDEMPOTENCY_KEY, RESULT, GIVEN, LINE})


def field_of(name: str, keys: Collection[str] = ()) -> str | None:
    """The field of the record that a word stands for; None for a word of ours.

    `keys`: the fields that hold another record's key; `vendorKey.2` is the second part of it.
    """
    head, _, rest = name.partition(".")
    if head == GIVEN:
        return rest
    if head in RESERVED:
        return None
    base, _, number = name.rpartition(".")
    return base if number.isdecimal() and base in keys else name
