"""What is wrong with which record. The first fault of a record, in the order of the mapping, is the one reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

# Called by a transformation with a mask of the rows it cannot convert, a reason code, and a sentence without values.
Report = Callable[[pa.BooleanArray, str, str], None]

NOT_A_DECIMAL: Final = "not_a_decimal"
DOES_NOT_FIT: Final = "does_not_fit"
NOT_A_DATE: Final = "not_a_date"
NOT_A_TIME: Final = "not_a_time"
OUT_OF_RANGE: Final = "out_of_range"
NOT_A_BOOLEAN: Final = "not_a_boolean"
NOT_AN_INTEGER: Final = "not_an_integer"
NOT_TEXT: Final = "not_text"
UNMAPPED_VALUE: Final = "unmapped_value"
MISSING: Final = "missing"


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that cannot be mapped. `raw` (JSON of the source row) stays on the agent."""

    key: str
    field: str
    reason: str
    message: str
    raw_hash: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    field: str
    reason: str
    message: str


class Faults:
    def __init__(self) -> None:
        self._first: dict[int, Fault] = {}

    def add(self, records: np.ndarray, fault: Callable[[int], Fault]) -> None:
        """`records` are record numbers; `fault` is asked with the position in `records`."""
        for position, record in enumerate(records.tolist()):
            if record not in self._first:
                self._first[record] = fault(position)

    def items(self) -> list[tuple[int, Fault]]:
        return sorted(self._first.items())
