"""Foreign errors into the contract's, by native number first, then SQLSTATE, then words.

SQLSTATE alone misleads: the same refused password is 28000 from one driver, 42000 from another, 08001 from a third.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from drivers.contract import (
    BadConfiguration,
    CredentialsRefused,
    DriverError,
    NotPermitted,
    SourceBusy,
    SourceChanged,
    Unreachable,
)
from drivers.odbc.native_errors import kind_of

_ARROW_ODBC: Final = re.compile(r"State: (\w{5}), Native error: (-?\d+), Message: (.*)", re.DOTALL)
_PYODBC_NATIVE: Final = re.compile(r"\((-?\d+)\) \(SQL\w+\)")
_NO_TEXT: Final = "returned invalid UTF-8"
_NO_TEXT_STATES: Final = frozenset({"22021", "22P05"})  # PostgreSQL looks itself, and gives no row
_MAX_MESSAGE: Final = 500  # characters; a server's essay belongs in the server's log

_BY_STATE: Final[tuple[tuple[str, type[DriverError]], ...]] = (
    ("28", CredentialsRefused),
    ("IM002", BadConfiguration),
    ("IM003", BadConfiguration),
    ("IM004", BadConfiguration),
    ("42501", NotPermitted),
    ("42P01", SourceChanged),
    ("42703", SourceChanged),
    ("42S02", SourceChanged),
    ("42S22", SourceChanged),
    ("3D", BadConfiguration),
    ("40", SourceBusy),
    ("55P03", SourceBusy),
    ("57014", SourceBusy),
    ("72", SourceBusy),
    ("HYT", SourceBusy),
    ("57P", Unreachable),
    ("53", SourceBusy),
    ("08", Unreachable),
    ("42", BadConfiguration),
    ("22", SourceChanged),
    ("21", SourceChanged),
)
# Before anything else: psqlODBC gives every failed sign-in as 08001, native 101; SQLite gives no codes at all.
_BY_WORDS: Final[tuple[tuple[re.Pattern[str], type[DriverError]], ...]] = tuple(
    (re.compile(words, re.IGNORECASE), kind)
    for words, kind in (
        (r"can't open lib|data source name not found", BadConfiguration),
        (
            r"password authentication failed|no password supplied|login failed|access denied for user \S+@",
            CredentialsRefused,
        ),
        (  # in German, French, Spanish and Italian: of a refused sign-in psqlODBC tells no number
            "passwort-authentifizierung .* fehlgeschlagen|authentification par mot de passe échouée",
            CredentialsRefused,
        ),
        (
            "la autentificación password falló|autenticazione con password fallita",
            CredentialsRefused,
        ),
        (r"pg_hba\.conf|permission denied", NotPermitted),
        (
            r"database \"[^\"]*\" does not exist|role \"[^\"]*\" does not exist",
            BadConfiguration,
        ),
        ("(datenbank|rolle) »[^«]*« existiert nicht", BadConfiguration),
        (r"no such (table|column)|has no column named", SourceChanged),
        (r"database is locked|database table is locked", SourceBusy),
        (r"too many (connections|clients)|the database system is (starting up|shutting down)", Unreachable),
        (
            r"internal SAVEPOINT failed|could not (send|receive)|connection reset|broken pipe|server closed the connection|connection to the server|gone away|lost connection|connection (has been )?lost|no connection to the server",
            Unreachable,
        ),
        (rf"unable to open database|{_NO_TEXT}", BadConfiguration),
        (r"syntax error", BadConfiguration),
    )
)
_NO_TEXT_HINT: Final = (
    "A text of the stream is not in the character set that the ODBC driver reads. Name the source's character set in "
    "options.connection, correct the value in the source, or have the query leave the record out or read hex(column)."
)
CONNECTION: Final = "options.connection"  # the place of everything that goes wrong before a query is sent
_CONNECT_HINT: Final = "Check that the source is up and that each attribute of options.connection (host, port, database or file) is right."
_HINTS: Final[dict[type[DriverError], str]] = {
    CredentialsRefused: "Correct the account in options.connection and the password it refers to under [secrets].",
    NotPermitted: "Let the account sign in from this machine and grant it SELECT on the tables of the stream.",
    Unreachable: "Check host, port and firewall; `groundwire check` tests every hop.",
    SourceBusy: "It is tried again by itself. If it lasts, lower page_rows or give the query an index to walk.",
    SourceChanged: "Compare with `groundwire discover` and correct the stream's query.",
    BadConfiguration: "Correct the connection file; `groundwire check` tries it without reading data.",
}


def classify(
    state: str, native: int, message: str, *, otherwise: type[DriverError] = SourceBusy
) -> type[DriverError]:
    for pattern, kind in _BY_WORDS:
        if pattern.search(message):
            return kind
    by_number = kind_of(native, message)
    if by_number is not None:
        return by_number
    for beginning, kind in _BY_STATE:
        if state.startswith(beginning):
            return kind
    return otherwise


def translate(error: BaseException, *, where: str, hidden: Iterable[str] = ()) -> DriverError:
    """A pyodbc or arrow-odbc error as the contract's. `hidden` are values that must not be in the text."""
    state, native, message = parts_of(error)
    # What nobody has a name for is trouble that may pass; before the sign-in that is a source that is not there.
    connecting = where == CONNECTION
    kind = classify(state, native, message, otherwise=Unreachable if connecting else SourceBusy)
    hint = _CONNECT_HINT if connecting and kind is Unreachable else _HINTS[kind]
    if _NO_TEXT in message:
        hint = _NO_TEXT_HINT
    shown = " ".join(without(hidden, message).split())[:_MAX_MESSAGE]
    code = f" [{state}/{native}]" if state else ""
    return kind(f"{shown}{code}", where=where, hint=hint)


class NotText(BadConfiguration):
    """A text is in no character set that the connection declares; what reads in bulk names neither row nor column."""


def is_no_text(error: BaseException) -> bool:
    state, _, message = parts_of(error)
    return _NO_TEXT in message or state in _NO_TEXT_STATES


def without(hidden: Iterable[str], text: str) -> str:
    """The text without the secrets, plain or as a connection string spells them. To be asked before anything is cut."""
    spelled = {spelling for value in hidden if value for spelling in (value, value.replace("}", "}}"))}
    for secret in sorted(spelled, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def parts_of(error: BaseException) -> tuple[str, int, str]:
    """SQLSTATE, native number and text of either library's exception."""
    found = _ARROW_ODBC.search(str(error))
    if found:
        return found.group(1), int(found.group(2)), found.group(3).strip()
    if len(error.args) > 1:
        text = str(error.args[1])
        number = _PYODBC_NATIVE.search(text)
        text = re.sub(r"^\[\w{5}\] ", "", text)
        return str(error.args[0]), int(number.group(1)) if number else 0, _PYODBC_NATIVE.sub("", text).strip()
    return "", 0, str(error)


def is_lost(error: DriverError) -> bool:
    return isinstance(error, Unreachable)
