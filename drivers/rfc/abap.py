"""ABAP's types as values: what a field of a table or of a function module's parameter is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    TEXT = "text"
    DIGITS = "digits"  # NUMC: digits, padded with zeros
    DATE = "date"
    TIME = "time"
    INTEGER = "integer"
    DECIMAL = "decimal"
    CURRENCY = "currency"  # packed; the currency beside it says where the point really is
    FLOAT = "float"
    RAW = "raw"
    LONG = "long"  # STRING, RAWSTRING and their older kin: no reader of tables can hand them over
    UNKNOWN = "unknown"


_KINDS: Final[dict[str, Kind]] = {
    **dict.fromkeys(("CHAR", "CLNT", "LANG", "CUKY", "UNIT", "SSTR", "VARC", "GEOM"), Kind.TEXT),
    **dict.fromkeys(("NUMC", "ACCP"), Kind.DIGITS),
    **dict.fromkeys(("DATS", "DATN"), Kind.DATE),
    **dict.fromkeys(("TIMS", "TIMN"), Kind.TIME),
    **dict.fromkeys(("INT1", "INT2", "INT4", "INT8", "PREC"), Kind.INTEGER),
    **dict.fromkeys(("DEC", "QUAN", "D16D", "D34D", "D16R", "D34R", "D16N", "D34N", "UTCL"), Kind.DECIMAL),
    "CURR": Kind.CURRENCY,
    "FLTP": Kind.FLOAT,
    "RAW": Kind.RAW,
    **dict.fromkeys(("STRG", "RSTR", "STRING", "RAWSTRING", "LCHR", "LRAW", "GGM1"), Kind.LONG),
}
# ABAP's one-letter types, for an interface that names no more than these.
_LETTERS: Final[dict[str, Kind]] = {
    "C": Kind.TEXT,
    "N": Kind.DIGITS,
    "D": Kind.DATE,
    "T": Kind.TIME,
    "I": Kind.INTEGER,
    "b": Kind.INTEGER,
    "s": Kind.INTEGER,
    "8": Kind.INTEGER,
    "P": Kind.DECIMAL,
    "a": Kind.DECIMAL,
    "e": Kind.DECIMAL,
    "F": Kind.FLOAT,
    "X": Kind.RAW,
    "g": Kind.LONG,
    "y": Kind.LONG,
}


def kind_of(datatype: str, letter: str = "") -> Kind:
    """Of a dictionary type such as CURR; of ABAP's own letter where the dictionary has no word for it."""
    return _KINDS.get(datatype.upper()) or _LETTERS.get(letter) or Kind.UNKNOWN


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a table or structure, as the dictionary describes it."""

    name: str
    datatype: str  # the dictionary's word: CHAR, DATS, CURR ...
    length: int  # in characters or digits
    decimals: int = 0
    output_length: int = 0  # with sign, point and separators
    is_key: bool = False
    conversion: str = ""  # the conversion exit, such as ALPHA
    reference: tuple[str, str] = ("", "")  # table and field that hold the currency or the unit
    text: str = ""
    letter: str = ""

    @property
    def kind(self) -> Kind:
        return kind_of(self.datatype, self.letter)

    @property
    def width(self) -> int:
        """Characters that a reader of tables may use for it, at most."""
        if self.kind in {Kind.DECIMAL, Kind.CURRENCY}:
            return max(self.length + 2, self.output_length)  # sign and point
        if self.kind is Kind.RAW:
            return max(self.length * 2, self.output_length)
        if self.kind is Kind.FLOAT:
            return max(self.length, self.output_length, 24)
        return max(self.length, 1) if self.kind is not Kind.INTEGER else max(self.length, 11)


@dataclass(frozen=True, slots=True)
class Table:
    """A table, view or structure of the dictionary."""

    name: str
    fields: tuple[Field, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """The primary key without the client, which every session has its own of."""
        return tuple(field.name for field in self.fields if field.is_key and field.datatype != "CLNT")

    def find(self, name: str) -> Field | None:
        return next((field for field in self.fields if field.name == name), None)


class Direction(StrEnum):
    """From the caller's side: what is given to the function, comes from it, or both."""

    IMPORT = "I"
    EXPORT = "E"
    CHANGING = "C"
    TABLES = "T"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function module."""

    name: str
    direction: Direction
    structure: str = ""  # the dictionary's name of its type; empty: an elementary type
    field: Field | None = None  # of an elementary parameter
    optional: bool = False
    # What the way itself knows of a structure's fields; empty: the dictionary has to be asked.
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Interface:
    function: str
    parameters: tuple[Parameter, ...]

    def find(self, name: str) -> Parameter | None:
        return next((each for each in self.parameters if each.name == name), None)

    def has(self, *names: str) -> bool:
        return all(self.find(name) is not None for name in names)
