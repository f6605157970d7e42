"""A function module's parameters, asked from the function module that knows them; the same over every way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drivers.rfc.abap import Direction, Field, Interface, Parameter
from drivers.rfc.caller import CallFailed, Session, Trouble, number, rows, text

_ASKED: Final = "RFC_GET_FUNCTION_INTERFACE"
_ABSENT: Final = frozenset({"FU_NOT_FOUND", "NAMETAB_FAULT"})
_TWO_BYTES: Final = frozenset("CNDT")  # letters of types whose characters take two bytes
_STRUCTURED: Final = frozenset("uvh")


def ask(session: Session, function: str) -> Interface | None:
    """None: there is no such function module. Raises CallFailed."""
    try:
        reply = session.call(_ASKED, FUNCNAME=function, PARAMS=[])
    except CallFailed as error:
        if error.key in _ABSENT or (error.trouble is Trouble.MISSING and function in error.text):
            return None
        raise
    found = tuple(
        _parameter(row)
        for row in rows(reply, "PARAMS")
        if text(row, "PARAMCLASS") in {"I", "E", "C", "T"}  # X: an exception
    )
    return Interface(function, found)


def _parameter(row: Mapping[str, Any]) -> Parameter:
    direction = Direction(text(row, "PARAMCLASS"))
    table, field, letter = text(row, "TABNAME"), text(row, "FIELDNAME"), text(row, "EXID")
    structured = (
        direction is Direction.TABLES or letter in _STRUCTURED or (table and not field and not letter)
    )
    return Parameter(
        name=text(row, "PARAMETER"),
        direction=direction,
        structure=table if structured else "",
        field=None if structured else _field(row, letter),
        optional=text(row, "OPTIONAL") == "X" or direction is not Direction.IMPORT,
    )


def _field(row: Mapping[str, Any], letter: str) -> Field:
    length = number(row, "INTLENGTH")
    if letter in _TWO_BYTES:
        length //= 2
    elif letter == "P":
        length = length * 2 - 1  # two digits a byte, the last half is the sign
    return Field(
        name=text(row, "PARAMETER"),
        datatype="",
        length=length,
        decimals=number(row, "DECIMALS"),
        text=text(row, "PARAMTEXT"),
        letter=letter or "C",
    )
