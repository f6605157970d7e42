from __future__ import annotations

import pytest

from drivers.odbc.verdicts import Verdict, judge, undone


def error(state: str, text: str) -> Exception:
    return Exception(state, f"[{state}] {text} (SQLExecDirectW)")


PG = "ERROR: {};\nError while executing the query (1)"
MARIA = "[ma-3.1.15][10.11.19-MariaDB]{} ({})"


@pytest.mark.parametrize(
    ("raised", "text", "code"),
    [
        (error("P0001", PG.format("Vendor V1 is blocked")), "Vendor V1 is blocked", "P0001"),
        (error("GW042", PG.format("connection reset by vendor")), "connection reset by vendor", "GW042"),
        (error("45000", MARIA.format("permission denied for V1", 30001)), "permission denied for V1", "30001"),
        (error("45000", MARIA.format("too late", 1644)), "too late", "45000"),
        (error("42000", "[Microsoft][ODBC Driver 18]blocked (50001)"), "blocked", "50001"),
        (error("23505", PG.format('duplicate key value violates "po_ref_key"')), 'duplicate key value violates "po_ref_key"', "23505"),
        (error("22001", MARIA.format("Data too long for column 'ref'", 1406)), "Data too long for column 'ref'", "22001"),
        (error("HY000", "[SQLite]Vendor is blocked (19) (19)"), "Vendor is blocked", "19"),
    ],
)  # fmt: skip
def test_what_the_system_says_is_told_in_its_own_words(raised: Exception, text: str, code: str) -> None:
    found = judge(raised)

    assert found.verdict is Verdict.NO
    assert (found.message.text, found.message.code) == (text, code)


@pytest.mark.parametrize(
    ("raised", "verdict"),
    [
        (error("40001", PG.format("could not serialize access")), Verdict.AGAIN),
        (error("40P01", PG.format("deadlock detected")), Verdict.AGAIN),
        (error("55P03", PG.format("canceling statement due to lock timeout")), Verdict.AGAIN),
        (error("HY000", MARIA.format("Lock wait timeout exceeded", 1205)), Verdict.AGAIN),
        (error("HY000", "[SQLite]database is locked (5) (5)"), Verdict.AGAIN),
        (error("08S01", MARIA.format("Lost connection to server during query", 2013)), Verdict.LOST),
        (error("57P01", "FATAL: terminating connection due to administrator command (108)"), Verdict.LOST),
        (error("HY000", "The connection has been lost; Error while preparing parameters (1)"), Verdict.LOST),
        (
            error("HY000", "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]Snapshot aborted (3960)"),
            Verdict.AGAIN,
        ),
        (error("HY000", "[Oracle][ODBC][Ora]ORA-00060: deadlock detected (60)"), Verdict.AGAIN),
        (error("40001", "[IBM][CLI Driver][DB2]SQL0911N  rolled back (-911)"), Verdict.AGAIN),
        (error("HY000", "[SAP AG][LIBODBCHDB SO][HDBODBC] General error;133 deadlock (133)"), Verdict.AGAIN),
        (error("HY000", "[Oracle][ODBC][Ora]ORA-01045: lacks CREATE SESSION (1045)"), Verdict.PERSON),
        (error("42501", PG.format("permission denied for table po")), Verdict.PERSON),
        (error("42P01", PG.format('relation "po" does not exist')), Verdict.PERSON),
        (error("42601", PG.format("syntax error at or near")), Verdict.PERSON),
        (error("57014", PG.format("canceling statement due to statement timeout")), Verdict.NO),
        (error("XX000", PG.format("something nobody foresaw")), Verdict.NO),
    ],
)
def test_each_error_has_the_verdict_that_its_recovery_asks_for(raised: Exception, verdict: Verdict) -> None:
    assert judge(raised).verdict is verdict


def test_secrets_are_not_repeated() -> None:
    found = judge(error("P0001", PG.format("user sesame may not")), hidden=["sesame"])

    assert found.message.text == "user *** may not"
    assert judge(error("P0001", PG.format("no: a  b")), hidden=["a  b"]).message.text == "no: ***"


@pytest.mark.parametrize(
    ("raised", "certain"),
    [
        (error("40001", PG.format("could not serialize access")), True),
        (error("23503", PG.format("violates foreign key constraint")), True),
        (error("HY000", "[SQLite]database is locked (5)"), True),
        (error("HY000", "[SQLite]FOREIGN KEY constraint failed (19) (19)"), True),
        (error("GW042", PG.format("closed by a trigger at commit")), True),
        (error("P0001", PG.format("raised at commit")), True),
        (error("22012", PG.format("division by zero")), True),
        (error("57014", PG.format("canceling statement due to user request")), False),
        (error("57P01", PG.format("terminating connection")), False),
        (error("58030", PG.format("could not write")), False),
        (error("HY000", MARIA.format("Got error 28 during COMMIT", 1180)), False),
        (error("40003", "statement completion unknown"), False),
        (error("08S01", MARIA.format("Lost connection", 2013)), False),
        (error("HY000", "anything"), False),
    ],
)
def test_only_an_answer_of_the_database_makes_a_failed_commit_certain(
    raised: Exception, certain: bool
) -> None:
    assert undone(raised) is certain
