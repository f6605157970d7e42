from __future__ import annotations

import pytest

from drivers.contract import (
    BadConfiguration,
    CredentialsRefused,
    DriverError,
    NotPermitted,
    SourceBusy,
    SourceChanged,
    Unreachable,
)
from drivers.odbc.errors import classify, parts_of, translate

SEEN = [
    ("42000", 18456, "Login failed for user 'x'.", CredentialsRefused),  # FreeTDS
    ("28000", 18456, "Login failed for user 'x'.", CredentialsRefused),  # Microsoft's driver
    ("28000", 1045, "Access denied for user 'x'@'y' (using password: YES)", CredentialsRefused),
    ("08001", 101, 'FATAL: password authentication failed for user "gw"', CredentialsRefused),
    ("08001", 101, "connection to server at failed: Connection refused", Unreachable),
    ("08001", 101, 'FATAL:  database "nope" does not exist', BadConfiguration),
    ("08001", 101, 'FATAL: no pg_hba.conf entry for host "10.0.0.1"', NotPermitted),
    ("42501", 1, "ERROR: permission denied for table orders", NotPermitted),
    ("42000", 1142, "SELECT command denied to user", NotPermitted),
    ("42P01", 1, 'ERROR: relation "nope" does not exist', SourceChanged),
    ("42S22", 1054, "Unknown column 'x' in 'field list'", SourceChanged),
    ("HY000", 1, "no such column: x (1)", SourceChanged),
    ("42601", 1, 'ERROR: syntax error at or near "frm"', BadConfiguration),
    ("42000", 1064, "You have an error in your SQL syntax", BadConfiguration),
    ("40001", 1205, "was deadlocked on lock resources", SourceBusy),
    ("HY000", 1222, "Lock request time out period exceeded.", SourceBusy),
    ("57014", 1, "ERROR: canceling statement due to statement timeout", SourceBusy),
    ("HYT00", 0, "Login timeout expired", SourceBusy),
    ("HY000", 2013, "Lost connection to server during query", Unreachable),
    ("08S01", 0, "Communication link failure", Unreachable),
    ("01000", 0, "[unixODBC][Driver Manager]Can't open lib 'nope' : file not found", BadConfiguration),
    ("IM002", 0, "Data source name not found and no default driver specified", BadConfiguration),
]
_MS = "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]"
_HANA = "[SAP AG][LIBODBCHDB SO][HDBODBC] General error;"
_DB2 = "[IBM][CLI Driver][DB2/LINUXX8664] "
# As the vendors' documentation has them; none of these servers runs in our tests.
DOCUMENTED = [
    ("08001", 101, "FATAL:  Passwort-Authentifizierung für Benutzer »gw« fehlgeschlagen", CredentialsRefused),
    ("08001", 101, "FATAL:  Datenbank »nav« existiert nicht", BadConfiguration),
    ("08001", 101, "FATAL:  kein pg_hba.conf-Eintrag für Host »10.0.0.1«", NotPermitted),
    ("42000", 18486, f"{_MS}Login failed for user 'gw' because the account is currently locked out.", CredentialsRefused),
    ("42000", 229, f"{_MS}The SELECT permission was denied on the object 'po'", NotPermitted),
    ("HY000", 3960, f"{_MS}Snapshot isolation transaction aborted due to update conflict.", SourceBusy),
    ("42000", 3952, f"{_MS}Snapshot isolation transaction failed accessing database 'erp'", BadConfiguration),
    ("42000", 22105, f"{_MS}Change tracking is not enabled on table 'po'.", SourceChanged),
    ("42000", 40613, f"{_MS}Database 'erp' on server 'x' is not currently available.", Unreachable),
    ("08S01", 10054, f"{_MS}An existing connection was forcibly closed by the remote host.", Unreachable),
    ("HY000", 1017, "[Oracle][ODBC][Ora]ORA-01017: invalid username/password; logon denied", CredentialsRefused),
    ("HY000", 1045, "[Oracle][ODBC][Ora]ORA-01045: user GW lacks CREATE SESSION privilege", NotPermitted),
    ("HY000", 942, "[Oracle][ODBC][Ora]ORA-00942: table or view does not exist", SourceChanged),
    ("HY000", 1555, "[Oracle][ODBC][Ora]ORA-01555: snapshot too old: rollback segment", SourceBusy),
    ("HY000", 12541, "[Oracle][ODBC][Ora]ORA-12541: TNS:no listener", Unreachable),
    ("HY000", 28, "[Oracle][ODBC][Ora]ORA-00028: your session has been killed", Unreachable),
    ("08001", -30082, f'{_DB2}SQL30082N  Security processing failed with reason "24"', CredentialsRefused),
    ("42704", -204, f'{_DB2}SQL0204N  "GW.PO" is an undefined name.', SourceChanged),
    ("42501", -551, f'{_DB2}SQL0551N  "GW" does not have the required authorization', NotPermitted),
    ("40001", -911, f"{_DB2}SQL0911N  The current transaction has been rolled back", SourceBusy),
    ("40003", -30081, f"{_DB2}SQL30081N  A communication error has been detected.", Unreachable),
    ("28000", 10, f"{_HANA}10 authentication failed", CredentialsRefused),
    ("HY000", 416, f"{_HANA}416 user is locked", CredentialsRefused),
    ("HY000", 258, f"{_HANA}258 insufficient privilege: Not authorized", NotPermitted),
    ("42S02", 259, f"{_HANA}259 invalid table name: Could not find table/view PO", SourceChanged),
    ("HY000", 131, f"{_HANA}131 transaction rolled back by lock wait timeout", SourceBusy),
    ("08S01", -10807, "[SAP AG][LIBODBCHDB SO][HDBODBC] Connection down: Socket closed by peer", Unreachable),
]  # fmt: skip


@pytest.mark.parametrize(("state", "native", "message", "kind"), [*SEEN, *DOCUMENTED])
def test_an_error_becomes_the_class_of_its_remedy(
    state: str, native: int, message: str, kind: type[DriverError]
) -> None:
    assert classify(state, native, message) is kind


def test_both_libraries_errors_are_taken_apart() -> None:
    pyodbc_error = Exception(
        "42P01", '[42P01] ERROR: relation "x" does not exist;\nError (1) (SQLExecDirectW)'
    )
    arrow_error = Exception(
        "ODBC emitted an error calling 'SQLExecDirect':\nState: 42P01, Native error: 1, Message: ERROR: gone"
    )

    assert parts_of(pyodbc_error) == ("42P01", 1, 'ERROR: relation "x" does not exist;\nError')
    assert parts_of(arrow_error) == ("42P01", 1, "ERROR: gone")
    assert parts_of(Exception("odd")) == ("", 0, "odd")


@pytest.mark.parametrize("secret", ["two  blanks", "}brace", "x" * 40])
def test_no_piece_of_a_secret_is_left_by_what_shortens_a_message(secret: str) -> None:
    spelled = secret.replace("}", "}}")
    error = translate(
        Exception(f"{'-' * 480} {secret} {{{spelled}}} Pwd={{{spelled}}}"), where="w", hidden=[secret]
    )

    assert error.message.startswith(f"{'-' * 480} *** {{***}}")
    assert secret[:4] not in error.message


def test_a_secret_in_a_message_is_hidden_and_long_messages_are_cut() -> None:
    error = translate(
        Exception("28000", "[28000] no: hunter2 " + "x" * 2_000), where="w", hidden=["hunter2", ""]
    )

    assert "hunter2" not in error.message
    assert len(error.message) < 600
    assert error.where == "w"
    assert error.hint
