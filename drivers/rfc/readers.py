"""The function modules that read tables: which of them are there, and how each is asked and answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import pyarrow as pa

from drivers.contract import BadConfiguration, SourceChanged
from drivers.rfc.abap import Field, Interface, Table
from drivers.rfc.caller import CallFailed, Reply, Session, number, rows, text
from drivers.rfc.columns import Cut, cut, split
from drivers.rfc.dictionary import Dictionary
from drivers.rfc.errors import translate

PLAIN: Final = "RFC_READ_TABLE"
NAMES: Final = (
    PLAIN,
    "/BODS/RFC_READ_TABLE2",
    "/SAPDS/RFC_READ_TABLE2",
    "/BODS/RFC_READ_TABLE",
    "/SAPDS/RFC_READ_TABLE",
    "BBP_RFC_READ_TABLE",
)
_ROW: Final = 512  # characters of the plain readers' rows
_ROW_TYPE: Final = re.compile(r"TAB(\d+)$")  # the structure of a row, by its name
_UNLIMITED: Final = 1_000_000
# On no keyboard and in hardly any text; a row that holds it all the same is read by offset.
_DELIMITER: Final = "¦"
_OUT: Final = "TBLOUT"


class Form(StrEnum):
    PADDED = "padded"  # rows in DATA, fields by offset and length
    NAMED = "named"  # rows in one of several tables, as wide as they need to be; fields as above
    DELIMITED = "delimited"  # rows in ET_DATA, without padding


class Ambiguous(Exception):
    """A value holds the delimiter: these rows have to be read by offset."""


@dataclass(frozen=True, slots=True)
class Reader:
    function: str
    form: Form
    width: int  # characters of a row
    sorts: bool = False  # by the primary key, where it is asked to
    outputs: tuple[str, ...] = ()


def choose(dictionary: Dictionary, wanted: str = "") -> tuple[Reader, Reader | None]:
    """The best reader that is there, and one that reads by offset where the best does not. Raises DriverError."""
    found: list[Reader] = []
    for name in (wanted,) if wanted else NAMES:
        interface = dictionary.interface(name, where="options.reader")
        if interface is not None:
            found += _forms(interface)
    if not found:
        raise BadConfiguration(
            f"the system has none of {', '.join((wanted,) if wanted else NAMES)}, or does not let them be called",
            where="options.reader",
            hint="Ask the SAP team which function module may read tables here; it needs S_RFC for its function group.",
        )
    found.sort(key=_rank)
    best = found[0]
    return best, next((each for each in found if each.form is not Form.DELIMITED), None)


def _rank(reader: Reader) -> tuple[int, int]:
    return (0 if reader.form is Form.DELIMITED else 1, -reader.width)


def _forms(interface: Interface) -> list[Reader]:
    forms = []
    if interface.has("USE_ET_DATA_4_RETURN", "ET_DATA"):
        forms.append(
            Reader(interface.function, Form.DELIMITED, _UNLIMITED, sorts=interface.has("GET_SORTED"))
        )
    outputs = {
        parameter.name: int(parameter.name.removeprefix(_OUT))
        for parameter in interface.parameters
        if parameter.name.startswith(_OUT) and parameter.name.removeprefix(_OUT).isdigit()
    }
    if outputs:
        forms.append(Reader(interface.function, Form.NAMED, max(outputs.values()), outputs=tuple(outputs)))
    elif interface.has("DATA"):
        forms.append(
            Reader(interface.function, Form.PADDED, _width(interface), sorts=interface.has("GET_SORTED"))
        )
    return forms


def _width(interface: Interface) -> int:
    """As the rows' structure is named, TAB512 or TAB2048; a reader that takes less says so, and is given less."""
    data = interface.find("DATA")
    told = _ROW_TYPE.search(data.structure) if data is not None else None
    return int(told.group(1)) if told else _ROW


def fetch(
    session: Session,
    reader: Reader,
    table: Table,
    fields: Sequence[Field],
    options: Sequence[str],
    *,
    limit: int,
    where: str,
) -> dict[str, pa.Array]:
    """Columns of texts, at most `limit` rows. Raises Ambiguous, CallFailed and DriverError."""
    parameters: dict[str, Any] = {
        "QUERY_TABLE": table.name,
        "ROWCOUNT": limit,
        "OPTIONS": [{"TEXT": line} for line in options],
        "FIELDS": [{"FIELDNAME": field.name} for field in fields],
    }
    if reader.sorts:
        parameters["GET_SORTED"] = "X"
    match reader.form:
        case Form.DELIMITED:
            parameters |= {"DELIMITER": _DELIMITER, "USE_ET_DATA_4_RETURN": "X"}
        case Form.NAMED:
            parameters |= {name: [] for name in reader.outputs}
        case Form.PADDED:
            parameters["DATA"] = []
    reply = session.call(reader.function, **parameters)
    lines = _lines(reader, reply)
    if len(lines) > limit:
        raise SourceChanged(
            f"{reader.function} gave {len(lines)} rows of {table.name} where {limit} were asked for",
            where=where,
            hint="Name another reader in options.reader.",
        )
    if reader.form is Form.DELIMITED:
        found = split(lines, fields, _DELIMITER)
        if found is None:
            raise Ambiguous
        return found
    return cut(lines, _cuts(reply, fields, table.name, where))


def _lines(reader: Reader, reply: Reply) -> pa.Array:
    name, column = "DATA", "WA"
    if reader.form is Form.DELIMITED:
        name, column = "ET_DATA", "LINE"
    elif reader.form is Form.NAMED:
        name = text(reply, "OUT_TABLE") or next((each for each in reader.outputs if rows(reply, each)), "")
    return pa.array([str(row.get(column) or "") for row in rows(reply, name)], pa.string())


def _cuts(reply: Reply, fields: Sequence[Field], table: str, where: str) -> list[Cut]:
    """By what the answer itself says of offsets and lengths, never by what they should be."""
    told = {text(row, "FIELDNAME"): row for row in rows(reply, "FIELDS")}
    cuts = []
    for field in fields:
        row = told.get(field.name)
        if row is None:
            raise SourceChanged(
                f"the reader's answer does not say where {table}-{field.name} lies in its rows",
                where=where,
                hint="Name another reader in options.reader.",
            )
        cuts.append(Cut(field, number(row, "OFFSET"), number(row, "LENGTH")))
    return cuts


def is_too_wide(error: CallFailed) -> bool:
    return error.key == "DATA_BUFFER_EXCEEDED"


def refused(error: CallFailed, table: str, where: str) -> Exception:
    """A failed read in the contract's terms."""
    if error.key == "NOT_AUTHORIZED":
        error.hint = (
            f"Ask the SAP team for S_TABU_NAM with TABLE = {table} and ACTVT = 03 "
            "(or S_TABU_DIS for its authorisation group)."
        )
    if error.key in {"TABLE_WITHOUT_DATA", "TABLE_NOT_AVAILABLE"}:
        error.hint = f"See in SE11 whether {table} is a table or a view with active data here."
    return translate(error, where=where)
