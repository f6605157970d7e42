"""What is wrong with which record. The first fault of a record, in the order of the mapping, is the one reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
UNREADABLE_TEXT: Final = "unreadable_text"
UNMAPPED_VALUE: Final = "unmapped_value"
MISSING: Final = "missing"

# What to do about each, for whoever finds a record that cannot pass.
REMEDIES: Final[Mapping[str, str]] = {
    NOT_A_DECIMAL: 'The mapping reads a number here. Say how numbers are written, such as decimal_separator = ",", or'
    " correct the value at the source.",
    DOES_NOT_FIT: "The number is longer or finer than the field holds. Correct it at the source, or map another column.",
    NOT_A_DATE: 'The mapping reads a date here. Say how dates are written, such as date = "dd.mm.yyyy", or correct the'
    " value at the source.",
    NOT_A_TIME: "The mapping reads a moment here. Say how it is written, or correct the value at the source.",
    OUT_OF_RANGE: "The value lies outside of what can be kept. Correct it at the source.",
    NOT_A_BOOLEAN: "The mapping reads yes or no here. Name the codes of the source in the field's values, or correct the"
    " value there.",
    NOT_AN_INTEGER: "The mapping reads a whole number here. Correct the value at the source, or map another column.",
    NOT_TEXT: "The value is no readable text. Correct it at the source.",
    UNREADABLE_TEXT: "The source has bytes here that are no text in the character set that the connection declares. Correct"
    " the value at the source; where most texts are meant, name the source's character set in options.connection.",
    UNMAPPED_VALUE: "The source has a code that the mapping does not translate. Add it to the values of the field.",
    MISSING: "A value that no record is without is empty. Fill it at the source, or give the field a default.",
}


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that cannot be mapped. `raw` (JSON of the source row) stays on the agent."""

    key: str
    field: str
    reason: str
    message: str
    raw_hash: int
    raw: bytes


def unreadable(column: str, place: int, size: int) -> str:
    """Where in the source's value the first byte that is no text stands; the value itself is said nowhere."""
    return f"column {column}: byte {place} of {size} is in no character set that the connection declares"


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
