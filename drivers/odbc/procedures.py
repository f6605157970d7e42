"""What the catalogue of a database says about the procedures and tables that a write uses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from drivers.contract import BadConfiguration, SourceChanged
from drivers.odbc.queries import Sql
from drivers.odbc.recipes import Step
from drivers.odbc.session import Session
from drivers.odbc.statements import table_name

_PART: Final = r'\w+|"[^"]+"|`[^`]+`|\[[^\]]+\]'
_CALLED: Final = re.compile(rf"\s*((?:{_PART})(?:\s*\.\s*(?:{_PART}))*)\s*(?:\(|$)")
_MARIADB: Final = (
    "SELECT routine_schema, routine_name, routine_definition, sql_mode FROM information_schema.routines"
    " WHERE routine_type = 'PROCEDURE' AND LOWER(routine_name) = ? AND routine_schema <> 'sys'"
)
# Where the products list their procedures: schema, name, and where it tells something, body and sql_mode.
_PROCEDURES: Final = {
    "postgresql": "SELECT n.nspname, p.proname, NULL, NULL FROM pg_proc p JOIN pg_namespace n"
    " ON n.oid = p.pronamespace WHERE p.prokind = 'p' AND LOWER(p.proname) = ?",
    "mariadb": _MARIADB,
    "mysql": _MARIADB,
    "sqlserver": "SELECT SCHEMA_NAME(schema_id), name, NULL, NULL FROM sys.procedures WHERE LOWER(name) = ?",
}
_ENGINE: Final = (
    "SELECT t.engine, e.transactions FROM information_schema.tables t"
    " JOIN information_schema.engines e ON e.engine = t.engine"
    " WHERE t.table_name = ? AND t.table_schema = COALESCE(?, DATABASE())"
)
_NO_CODE: Final = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|#[^\n]*|/\*.*?\*/", re.DOTALL)
_ENDS_TRANSACTION: Final = re.compile(
    r"\b(commit|rollback(?!\s+(?:work\s+)?to\b)|start\s+transaction|set\s+(?:session\s+)?autocommit|truncate"
    r"|(?:create|drop)\s+(?!temporary\b)\w+|alter\s+\w+|rename\s+table|lock\s+tables?)\b",
    re.IGNORECASE,
)


def check_procedure(session: Session, step: Step, notes: list[str], *, commits_itself: bool) -> bool:
    """False where the database cannot be asked. Raises a DriverError for a procedure that cannot do as a step."""
    listing = _PROCEDURES.get(session.dialect.name)
    called = _CALLED.match("".join(str(part) for part in step.text.parts[:1]))
    if listing is None or called is None:
        return False
    where = f"{step.where}.call"
    *schema, name = (part.lower() for part in table_name(called.group(1), where=where))
    rows = session.rows(Sql(listing, (name,)), where=where)
    found = [row for row in rows if not schema or str(row[0]).lower() == schema[-1]]
    if not found:
        raise SourceChanged(
            f"there is no procedure {called.group(1)!r}",
            where=where,
            hint="Correct its name. A function is asked by sql: select * from NAME(:field).",
        )
    if len(found) == 1:
        _check_body(called.group(1), found[0], where, notes, commits_itself=commits_itself)
    return True


def _check_body(name: str, row: Sequence[Any], where: str, notes: list[str], *, commits_itself: bool) -> None:
    ends = _ENDS_TRANSACTION.search(_NO_CODE.sub(" ", str(row[2] or "")))
    if ends is not None and not commits_itself:
        raise BadConfiguration(
            f"the procedure {name!r} says `{' '.join(ends.group().split())}`, which ends the transaction of the write",
            where=where,
            hint="Call one that leaves that to its caller, or state commits_itself = true for the operation.",
        )
    if row[3] is not None and "STRICT" not in str(row[3]):
        notes.append(
            f"{name} was made without a strict sql_mode and cuts what does not fit: limit it in `types`"
        )


def require_transactions(session: Session, step: Step) -> None:
    """Raises BadConfiguration for a table that keeps what it was given when the write fails."""
    if not session.dialect.ends_unasked:
        return
    where = f"{step.where}.{step.form.value}"
    *schema, name = table_name("".join(str(part) for part in step.text.parts), where=where)
    for engine, transactions in session.rows(
        Sql(_ENGINE, (name, schema[-1] if schema else None)), where=where
    ):
        if transactions != "YES":
            raise BadConfiguration(
                f"the table {name!r} is of the engine {engine}, which knows no transactions: a write that fails"
                " half way would leave half of it",
                where=where,
                hint=f"Change it: alter table {name} engine = InnoDB.",
            )
