"""Function modules that only read: tables, the dictionary, interfaces, the system's clock."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.sap.dictionary import LETTERS, NUMERIC, Column
from tests.sap.modules import available, module
from tests.sap.system import AbapException, Session, ShortDump

_READ_TABLE = """I QUERY_TABLE CHAR 30; I DELIMITER CHAR 1 ?; I NO_DATA CHAR 1 ?; I ROWSKIPS INT4 10 ?
    I ROWCOUNT INT4 10 ?; T OPTIONS RFC_DB_OPT; T FIELDS RFC_DB_FLD"""
_WORD = re.compile(r"\s*('(?:[^']|'')*'|<=|>=|<>|[=<>(),]|[A-Z0-9_/]+)")
_TOKENS = {"AND", "OR", "NOT", "IN", "(", ")", ",", "=", "<", ">", "<=", ">=", "<>"}


def where_clause(columns: Sequence[Column], options: Sequence[Mapping[str, str]]) -> tuple[str, list[str]]:
    """OPTIONS as SQL with its values; what ABAP's parser would not take ends as OPTION_NOT_VALID."""
    names = {column.name: column for column in columns}
    words: list[str] = []
    for option in options:
        line, at = option["TEXT"], 0
        if line.count("'") % 2:
            raise AbapException(
                "OPTION_NOT_VALID", f"a literal is torn by the end of the line: {line}", "AD", "000"
            )
        while line[at:].strip():
            found = _WORD.match(line, at)
            if found is None:
                raise AbapException("OPTION_NOT_VALID", f"{line[at:]!r}")
            words.append(found.group(1))
            at = found.end()
    sql, values = [], []
    for word in words:
        if word.startswith("'"):
            values.append(word[1:-1].replace("''", "'").rstrip(" "))
            sql.append("?")
        elif word in _TOKENS:
            sql.append(word)
        elif word in names:
            sql.append(f'CAST("{word}" AS NUMERIC)' if names[word].type in NUMERIC else f'"{word}"')
        else:
            raise AbapException("OPTION_NOT_VALID", f"{word} is no field")
    return " ".join(sql), values


def units(text: str) -> int:
    """Its length as ABAP counts: in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def printed(column: Column, value: str) -> str:
    """A value as RFC_READ_TABLE writes it into its row."""
    if column.type in NUMERIC:
        negative = value.startswith("-")
        return (value.lstrip("-") + ("-" if negative else " ")).rjust(column.output)
    if column.type in {"CHAR", "CLNT", "LANG", "CUKY", "UNIT"} and units(value) > column.length:
        raise ShortDump("the table holds a text that is longer than its field")
    return value + " " * (column.output - units(value))


def read_table(
    session: Session, given: dict[str, Any], *, width: int
) -> tuple[list[dict[str, str]], list[list[str]], list[Column]]:
    system = session.system
    table = system.dictionary.get(given["QUERY_TABLE"])
    if table is None or not table.is_table:
        raise AbapException("TABLE_NOT_AVAILABLE", f"table {given['QUERY_TABLE']} is not there", "AD", "029")
    if session.user.tables is not None and table.name not in session.user.tables:
        raise AbapException(
            "NOT_AUTHORIZED", f"no authorization to display table {table.name} (S_TABU_NAM)", "TB", "089"
        )
    if any(column.type in {"STRG", "RSTR"} for column in table.columns) and not given.get("NO_DATA"):
        raise ShortDump("ASSIGN_BASE_TOO_SHORT: ASSIGN ... CASTING in program SAPLSDTX")
    wanted = [row["FIELDNAME"] for row in given.get("FIELDS", [])]
    for name in wanted:
        if name not in table.names:
            raise AbapException("FIELD_NOT_VALID", f"{name} is no field of {table.name}")
    columns = [table.column(name) for name in wanted] or table.columns
    delimiter = given.get("DELIMITER", "").strip(" ")
    fields, offset = [], 0
    for column in columns:
        fields.append({
            "FIELDNAME": column.name, "OFFSET": f"{offset:06d}", "LENGTH": f"{column.output:06d}",
            "TYPE": LETTERS[column.type], "FIELDTEXT": column.name.title(),
        })  # fmt: skip
        offset += column.output + len(delimiter)
    if given.get("NO_DATA"):
        return fields, [], columns
    if offset > width:
        raise AbapException("DATA_BUFFER_EXCEEDED", "the row is too wide", "AD", "559")
    where, values = where_clause(table.columns, given.get("OPTIONS", []))
    limit = int(given.get("ROWCOUNT") or 0)
    try:
        found = system.select(
            table.name, [c.name for c in columns], where, values,
            limit=limit or system.profile.rows_in_memory + 1, sort=bool(given.get("GET_SORTED")),
        )  # fmt: skip
    except Exception as error:
        raise AbapException("OPTION_NOT_VALID", str(error)) from error
    if len(found) > system.profile.rows_in_memory:
        raise ShortDump(
            "TSV_TNEW_PAGE_ALLOC_FAILED: No more memory available to add rows to an internal table"
        )
    return fields, [[printed(c, v) for c, v in zip(columns, row, strict=True)] for row in found], columns


@module(
    "RFC_READ_TABLE",
    _READ_TABLE
    + "; T DATA TAB512; I USE_ET_DATA_4_RETURN CHAR 1 ?; I GET_SORTED CHAR 1 ?; E ET_DATA SDTI_RESULT_TAB",
)
def rfc_read_table(session: Session, given: dict[str, Any]) -> Mapping[str, Any]:
    modern = bool(given.get("USE_ET_DATA_4_RETURN"))
    fields, found, _ = read_table(session, given, width=10**9 if modern else 512)
    delimiter = given.get("DELIMITER", "").strip(" ")
    if modern:  # without padding
        return {
            "FIELDS": fields,
            "ET_DATA": [{"LINE": delimiter.join(v.rstrip(" ") for v in row)} for row in found],
        }
    return {"FIELDS": fields, "DATA": [{"WA": delimiter.join(row).rstrip(" ")} for row in found]}


@module("BBP_RFC_READ_TABLE", _READ_TABLE + "; T DATA TAB512")
def bbp_rfc_read_table(session: Session, given: dict[str, Any]) -> Mapping[str, Any]:
    fields, found, _ = read_table(session, given, width=512)
    return {
        "FIELDS": fields,
        "DATA": [{"WA": given.get("DELIMITER", "").strip(" ").join(row)} for row in found],
    }


@module("/BODS/RFC_READ_TABLE", _READ_TABLE + "; T DATA TAB2048")
@module("/SAPDS/RFC_READ_TABLE", _READ_TABLE + "; T DATA TAB2048")
def bods_read_table_of_one_width(session: Session, given: dict[str, Any]) -> Mapping[str, Any]:
    """Its rows hold somewhat less than their structure could."""
    fields, found, _ = read_table(session, given, width=1_997)
    return {"FIELDS": fields, "DATA": [{"WA": "".join(row)} for row in found]}


_OUT = (128, 512, 2048, 8192, 30000)
_READ_TABLE_2 = _READ_TABLE + "; E OUT_TABLE CHAR 30; " + "; ".join(f"T TBLOUT{n} TBLOUT{n}" for n in _OUT)


@module("/BODS/RFC_READ_TABLE2", _READ_TABLE_2)
@module("/SAPDS/RFC_READ_TABLE2", _READ_TABLE_2)
def bods_read_table(session: Session, given: dict[str, Any]) -> Mapping[str, Any]:
    fields, found, columns = read_table(session, given, width=30_000)
    needed = sum(column.output for column in columns)
    name = f"TBLOUT{next(n for n in _OUT if n >= needed)}"
    return {"FIELDS": fields, "OUT_TABLE": name, name: [{"WA": "".join(row)} for row in found]}


@module("DDIF_FIELDINFO_GET", """I TABNAME CHAR 30; I LANGU LANG 1 ?; I ALL_TYPES CHAR 1 ?; E X030L_WA X030L
    T DFIES_TAB DFIES""")  # fmt: skip
def ddif_fieldinfo_get(session: Session, given: dict[str, Any]) -> Mapping[str, Any]:
    definition = session.system.dictionary.get(given["TABNAME"])
    if definition is None:
        raise AbapException("NOT_FOUND", f"{given['TABNAME']} is not in the dictionary")
    found, offset = [], 0
    for position, column in enumerate(definition.columns, 1):
        found.append({
            "TABNAME": definition.name, "FIELDNAME": column.name, "POSITION": f"{position:04d}",
            "OFFSET": f"{offset:06d}", "LENG": f"{column.length:06d}", "OUTPUTLEN": f"{column.output:06d}",
            "DECIMALS": f"{column.decimals:06d}", "DATATYPE": column.type, "INTTYPE": LETTERS[column.type],
            "REFTABLE": column.reference[0], "REFFIELD": column.reference[1], "CONVEXIT": column.exit,
            "KEYFLAG": "X" if column.key else "", "FIELDTEXT": column.name.title(),
        })  # fmt: skip
        offset += column.length * 2
    return {"DFIES_TAB": found, "X030L_WA": {"TABNAME": definition.name}}


@module("RFC_GET_FUNCTION_INTERFACE", "I FUNCNAME CHAR 30; I LANGUAGE LANG 1 ?; T PARAMS RFC_FUNINT")
def rfc_get_function_interface(session: Session, given: dict[str, Any]) -> Mapping[str, Any]:
    found = available(session, given["FUNCNAME"])
    if found is None:
        raise AbapException("FU_NOT_FOUND", f"Function module {given['FUNCNAME']} not found", "FL", "046")
    rows = []
    for position, parameter in enumerate(found.parameters, 1):
        letter = LETTERS[parameter.type] if parameter.elementary else "u"
        length = (
            parameter.length * 2 if letter in "CNDT" else (parameter.length + 2) // 2 if letter == "P" else 4
        )
        rows.append({
            "PARAMCLASS": parameter.kind, "PARAMETER": parameter.name, "EXID": letter, "POSITION": position,
            "TABNAME": "" if parameter.elementary else parameter.type, "INTLENGTH": length,
            "DECIMALS": parameter.decimals, "OPTIONAL": "X" if parameter.optional else "",
        })  # fmt: skip
    return {"PARAMS": rows}


@module("EM_GET_NUMBER_OF_ENTRIES", "T IT_TABLES EM_NUMBER_OF_ENTRIES")
def em_get_number_of_entries(session: Session, given: dict[str, Any]) -> Mapping[str, Any]:
    """Whole tables of the session's client, as callers of it write and read it over RFC."""
    found = []
    for row in given.get("IT_TABLES", []):
        definition = session.system.dictionary[row["TABNAME"]]
        some = [definition.columns[0].name]
        entries = session.system.select(definition.name, some, "", [], limit=10**9, sort=False)
        found.append({"TABNAME": definition.name, "TABROWS": len(entries)})
    return {"IT_TABLES": found}


@module("RFC_PING", "")
def rfc_ping(_session: Session, _given: dict[str, Any]) -> Mapping[str, Any]:
    return {}


@module("STFC_CONNECTION", "I REQUTEXT CHAR 255; E ECHOTEXT CHAR 255; E RESPTEXT CHAR 255")
def stfc_connection(session: Session, given: dict[str, Any]) -> Mapping[str, Any]:
    system = session.system
    told = f"SAP R/3 Rel. {system.profile.release}   Sysid: FKE      Date: {system.today}   Time: {system.clock}   Logon_Data: {system.client}/{session.user.name}/E"
    return {"ECHOTEXT": given["REQUTEXT"], "RESPTEXT": told}


@module("RFC_SYSTEM_INFO", "E RFCSI_EXPORT RFCSI")
def rfc_system_info(session: Session, _given: dict[str, Any]) -> Mapping[str, Any]:
    return {
        "RFCSI_EXPORT": {
            "RFCSYSID": "FKE", "RFCSAPRL": session.system.profile.release, "RFCDBSYS": "SQLITE", "RFCTZONE": "3600",
        }
    }  # fmt: skip
