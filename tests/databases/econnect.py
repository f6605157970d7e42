"""A company's database of Dynamics GP as eConnect shows it: procedures with rules of their own over tables in SQLite.

T-SQL is carried out as far as the profile writes it, statement by statement, its expressions by SQLite; whatever else
is sent is refused. Procedures know the parameters that Microsoft documents, and no others: an unknown one is an error,
as in SQL Server. Numbers of errors are made up, but for 269, an unregistered buyer.

Parameters: "eConnect Programmer's Guide", XML node reference (`taPoHdr`, `taPoLine`, `taUpdateCreateVendorRcd`,
`taUpdateCreateItemRcd`) at learn.microsoft.com/previous-versions/dynamicsgp and dyndeveloper.com/eConnectField.aspx;
`taGetPONextNumber` as public code calls it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from drivers.odbc.dialects import SQLSERVER
from drivers.odbc.native import load_pyodbc
from drivers.odbc.queries import Sql
from tests.databases import gp
from tests.databases.laying import create_statements, insert_statements

PARAMETERS = {
    "taGetPONextNumber": "I_vInc_Dec O_vPONUMBER O_iErrorState",
    "taPoHdr": "I_vPOTYPE I_vPONUMBER I_vVENDORID I_vVENDNAME I_vDOCDATE I_vBUYERID I_vCURNCYID I_vSHIPMTHD I_vCONFIRM1"
    " I_vPOSTATUS I_vSUBTOTAL I_vFRTAMNT I_vTAXAMNT I_vVADCDPAD I_vUpdateIfExists O_iErrorState oErrString",
    "taPoLine": "I_vPOTYPE I_vPONUMBER I_vORD I_vDOCDATE I_vVENDORID I_vLOCNCODE I_vVNDITNUM I_vITEMNMBR I_vQUANTITY"
    " I_vQTYCANCE I_vREQDATE I_vPRMDATE I_vNONINVEN I_vITEMDESC I_vUNITCOST I_vUOFM I_vCURNCYID I_vPOLNESTA"
    " I_vUpdateIfExists O_iErrorState oErrString",
    "taUpdateCreateVendorRcd": "I_vVENDORID I_vVENDNAME I_vVENDSHNM I_vHOLD I_vVENDSTTS I_vVNDCLSID I_vPHNUMBR1"
    " I_vCOMMENT1 I_vCOMMENT2 I_vCURNCYID I_vPYMTRMID I_vUseVendorClass I_vUpdateIfExists O_iErrorState oErrString",
    "taUpdateCreateItemRcd": "I_vITEMNMBR I_vITEMDESC I_vITMSHNAM I_vITMGEDSC I_vITMCLSCD I_vUOMSCHDL I_vUseItemClass"
    " I_vUpdateIfExists O_iErrorState oErrString",
}
ERRORS = {
    269: "Buyer is not registered",
    8001: "The subtotal does not equal the sum of the lines",
    8002: "The order exists already",
    8003: "Quantity has to be greater than zero",
    8004: "The vendor exists already",
    8005: "The unit of measure schedule is required",
}
BUYERS = {"NANCYB"}
Names = dict[str, Any]


@dataclass
class Company:
    """Tables that survive a transaction, and what was asked of eConnect."""

    tables: sqlite3.Connection = field(
        default_factory=lambda: sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    )
    next_number: int = 2071
    calls: list[tuple[str, Names]] = field(default_factory=list)
    silent: str = ""  # an item whose lines are said to be made and are not

    def __post_init__(self) -> None:
        types = {kind: text.replace("datetime(3)", "datetime") for kind, text in gp.TYPES.items()}
        self.tables.create_function("concat", -1, _concat)
        for statement in (*create_statements(gp.TABLES, types), *insert_statements(gp.ROWS)):
            self.tables.execute(statement)
        self.tables.execute("create table taErrorCode (ErrorCode int, ErrorDesc text)")
        self.tables.executemany("insert into taErrorCode values (?, ?)", ERRORS.items())

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.tables.execute(sql, values).fetchall()

    def call(self, procedure: str, given: Names) -> Names:
        """What the procedure puts into its output parameters."""
        for name in given:
            if name not in PARAMETERS[procedure].split():
                raise _error(8145, f"@{name} is not a parameter for procedure {procedure}.")
        inputs = {name.removeprefix("I_v"): value for name, value in given.items() if name.startswith("I_v")}
        self.calls.append((procedure, inputs))
        work: dict[str, Callable[[Names], int | str]] = {
            "taGetPONextNumber": self._next_number,
            "taPoHdr": self._header,
            "taPoLine": self._line,
            "taUpdateCreateVendorRcd": self._vendor,
            "taUpdateCreateItemRcd": self._item,
        }
        done = work[procedure](inputs)
        if isinstance(done, str):
            return {"O_vPONUMBER": done, "O_iErrorState": 0}
        return {"O_iErrorState": done, "oErrString": f"{done} " if done else ""}

    def _next_number(self, _: Names) -> str:
        self.next_number += 1
        return f"PO{self.next_number}".ljust(17)

    def _header(self, given: Names) -> int:
        there = self.rows("select 1 from POP10100 where PONUMBER = ?", given["PONUMBER"])
        if there and not given["UpdateIfExists"]:
            return 8002
        if given.get("BUYERID") and given["BUYERID"] not in BUYERS:
            return 269
        lines = self.rows("select sum(EXTDCOST) from POP10110 where PONUMBER = ?", given["PONUMBER"])[0][0]
        if float(given.get("SUBTOTAL") or 0) != float(lines or 0):
            return 8001
        values = {
            **given,
            "ORSUBTOT": given.get("SUBTOTAL") or 0,
            "SUBTOTAL": given.get("SUBTOTAL") or 0,
        }
        self._write("POP10100", ("PONUMBER",), values)
        return 0

    def _line(self, given: Names) -> int:
        if float(given["QUANTITY"]) <= 0:
            return 8003
        if given["ITEMNMBR"] == self.silent:
            return 0
        cost = float(given["QUANTITY"]) * float(given["UNITCOST"])
        values = {**given, "QTYORDER": given["QUANTITY"], "ORUNTCST": given["UNITCOST"]}
        self._write("POP10110", ("PONUMBER", "ORD"), {**values, "EXTDCOST": cost, "OREXTCST": cost})
        return 0

    def _vendor(self, given: Names) -> int:
        there = self.rows("select 1 from PM00200 where VENDORID = ?", given["VENDORID"])
        if there and not given["UpdateIfExists"]:
            return 8004
        self._write("PM00200", ("VENDORID",), given | ({} if there else {"VENDSTTS": 1}))
        return 0

    def _item(self, given: Names) -> int:
        there = self.rows("select 1 from IV00101 where ITEMNMBR = ?", given["ITEMNMBR"])
        if not there and not given.get("UOMSCHDL") and not given.get("UseItemClass"):
            return 8005
        self._write("IV00101", ("ITEMNMBR",), given)
        return 0

    def _write(self, table: str, key: tuple[str, ...], given: Names) -> None:
        """An element that is not given keeps its value, or gets GP's default."""
        known = {row[1] for row in self.rows(f"pragma table_info({table})")}
        values = {name: value for name, value in given.items() if name in known and value is not None}
        where = " and ".join(f"{name} = :{name}" for name in key)
        sets = ", ".join(f"{name} = :{name}" for name in values)
        changed = self.tables.execute(f"update {table} set {sets} where {where}", values).rowcount
        if not changed:
            names = ", ".join(values)
            places = ", ".join(f":{name}" for name in values)
            self.tables.execute(f"insert into {table} ({names}) values ({places})", values)


class Session:
    """The driver's session with the company, as far as a write asks for it."""

    dialect = SQLSERVER
    secrets: tuple[str, ...] = ()

    def __init__(self, company: Company) -> None:
        self.company = company
        self.breaks_at_commit = False

    def description(self, sql: Sql, *, where: str) -> list[tuple[Any, ...]]:
        del where
        text = re.sub(r"^SELECT TOP \(\d+\)", "SELECT", sql.text)
        names = [column[0] for column in self.company.tables.execute(text).description]
        return [(name, datetime if name == "DEX_ROW_TS" else str, None, 0, 0, 0, True) for name in names]

    def rows(self, sql: Sql, *, where: str) -> list[Any]:
        del sql, where  # the types of columns, which need not be told
        return []

    def open_writing(self) -> Connection:
        return Connection(self)


class Connection:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._company = session.company
        self._company.tables.execute("begin")

    def execute(self, text: str, *parameters: str | None) -> Cursor:
        return Batch(self._company, text, parameters).run()

    def commit(self) -> None:
        if self._company.tables.in_transaction:
            self._company.tables.execute("commit")
        if self._session.breaks_at_commit:
            raise load_pyodbc().OperationalError("08S01", "[08S01] Communication link failure (0)")

    def rollback(self) -> None:
        if self._company.tables.in_transaction:
            self._company.tables.execute("rollback")

    def close(self) -> None:
        self.rollback()


@dataclass
class Cursor:
    description: list[tuple[str]] | None = None
    found: list[tuple[Any, ...]] = field(default_factory=list)
    rowcount: int = -1

    def fetchmany(self, count: int) -> list[tuple[Any, ...]]:
        return self.found[:count]

    def nextset(self) -> bool:
        return False

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self


_ERROR_TABLE = '"DYNAMICS".dbo.taErrorCode'
_DECLARED = re.compile(r"@(\w+)\s+(\w+)(?:\([\d, ]+\))?(?:\s*=\s*(.+))?", re.DOTALL)
_IF = re.compile(r"if (.+?)\nbegin\n(.+?)\nend", re.DOTALL)


class Batch:
    """One batch of T-SQL. What it does not know it refuses."""

    def __init__(self, company: Company, text: str, parameters: tuple[str | None, ...]) -> None:
        self._company = company
        self._variables: Names = {f"p{number}": value for number, value in enumerate(parameters)}
        numbers = iter(range(len(parameters)))
        text = re.sub(r"\?", lambda _: f":p{next(numbers)}", text.strip())
        assert next(numbers, None) is None, "a parameter without a place"
        # A bound value is a text already; SQLite's casts are others.
        text = re.sub(
            r"CAST\((:p\d+) AS \w+(?:\([\d, ]+\))?\)|CONVERT\(\w+(?:\(\d\))?, (:p\d+), \d+\)", r"\1\2", text
        )
        self._text = text.replace(_ERROR_TABLE, "taErrorCode")
        self._answer = Cursor()

    def run(self) -> Cursor:
        self._statements(self._text)
        return self._answer

    def _statements(self, text: str) -> None:
        while text := text.strip():
            block = _IF.match(text)
            if block is not None:
                if self._value(block[1]):
                    self._statements(block[2])
                text = text[block.end() :].lstrip(" ;")
                continue
            statement, _, text = text.partition(";")
            self._statement(statement.strip())

    def _statement(self, statement: str) -> None:
        word = statement.split(None, 1)[0].lower()
        if word == "declare":
            for each in _split(statement.split(None, 1)[1]):
                found = _DECLARED.fullmatch(each)
                assert found is not None, each
                value = self._value(found[3]) if found[3] else None
                whole = value is not None and found[2] in {"int", "smallint", "tinyint"}
                self._variables[found[1]] = int(value) if whole else value
        elif word == "exec":
            self._exec(statement)
        elif word == "throw":
            number, text, _ = (self._value(each) for each in _split(statement[len("throw") :]))
            raise _error(int(number), str(text))
        elif word == "set" and statement != "set nocount on":
            name, _, expression = statement[len("set") :].partition("=")
            self._variables[name.strip().lstrip("@")] = self._value(expression)
        elif word == "select":
            self._select(statement)
        else:
            assert statement == "set nocount on", statement

    def _select(self, statement: str) -> None:
        assigned = re.match(r"select\s+@\w+\s*=", statement)
        if assigned is None:
            cursor = self._company.tables.execute(_bound(statement), self._variables)
            self._answer = Cursor([(column[0],) for column in cursor.description], cursor.fetchall())
            return
        items, _, rest = statement[len("select") :].partition("\nfrom ")
        if not rest:
            items, _, rest = statement[len("select") :].partition(" from ")
        pairs = [each.partition("=")[::2] for each in _split(items)]
        query = f"select {', '.join(expression for _, expression in pairs)} from {rest}"
        row = self._company.tables.execute(_bound(query), self._variables).fetchone()
        for (name, _), value in zip(pairs, row or (), strict=False):
            self._variables[name.strip().lstrip("@")] = value

    def _exec(self, statement: str) -> None:
        procedure, _, written = statement.removeprefix("exec dbo.").partition(" ")
        given, outputs = {}, {}
        for each in _split(written):
            name, _, value = each.strip().lstrip("@").partition("=")
            if value.strip().endswith(" output"):
                outputs[name.strip()] = value.strip().removesuffix(" output").strip().lstrip("@")
                given[name.strip()] = None
            else:
                given[name.strip()] = self._value(value)
        for name, value in self._company.call(procedure, given).items():
            if name in outputs:
                self._variables[outputs[name]] = value

    def _value(self, expression: str) -> Any:
        return self._company.tables.execute(f"select {_bound(expression)}", self._variables).fetchone()[0]


def _bound(text: str) -> str:
    return re.sub(r"@(\w+)", r":\1", text)


def _concat(*values: Any) -> str:
    return "".join("" if value is None else str(value) for value in values)


def _split(text: str) -> list[str]:
    """At the commas that stand in no brackets and no literal."""
    parts, depth, quoted, begin = [], 0, False, 0
    for at, letter in enumerate(text):
        quoted ^= letter == "'"
        depth += 0 if quoted else (letter == "(") - (letter == ")")
        if letter == "," and depth == 0 and not quoted:
            parts.append(text[begin:at].strip())
            begin = at + 1
    return [*parts, text[begin:].strip()]


def _error(number: int, text: str) -> Exception:
    words = (
        f"[42000] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]{text} ({number}) (SQLExecDirectW)"
    )
    error: Exception = load_pyodbc().ProgrammingError("42000", words)
    return error
