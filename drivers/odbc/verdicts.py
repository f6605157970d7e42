"""Pure: what an error of the database says about a write that was not committed.

Before COMMIT is sent nothing has been changed, whatever the error: the database undoes what the transaction did. So
every error here is a certain no; the question is only whether to try again, to say it in the system's words, or to
call for a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from drivers.contract import (
    BadConfiguration,
    CredentialsRefused,
    Message,
    NotPermitted,
    SourceBusy,
    SourceChanged,
    Unreachable,
)
from drivers.odbc.errors import classify, parts_of, without
from drivers.odbc.native_errors import is_time_limit, works_again

_MAX_TEXT: Final = 500  # characters of the system's words
# SQLSTATE classes with a meaning of their own; another one was made up by a procedure.
_STANDARD: Final = re.compile(
    r"0[0-3789ABFLPZ]|2[0-8BDF]|3[489BCDF]|4[024]|5[34578]|72|F0|H[VYZ]|IM|S[01]|XX"
)
# In the answer to a COMMIT these leave open what became of it.
_UNTOLD: Final = re.compile(r"40003|0[018]|5[378]|F0|H[VYZ]|IM|S1|XX")
_RAISED: Final = frozenset({"P0", "45"})  # RAISE of PL/pgSQL, SIGNAL SQLSTATE '45000'
_SAID_NO: Final = frozenset({"21", "22", "23", "27", "44"})  # the data: too long, not unique, no such parent
_FOR_A_PERSON: Final = frozenset({BadConfiguration, SourceChanged, NotPermitted, CredentialsRefused})
_TIME_LIMIT_STATES: Final = ("57014", "HYT00", "HYT01")
_AGAIN_STATES: Final = ("40", "55P03")
_SQLITE_CONSTRAINT: Final = 19  # RAISE(ABORT) in a trigger too
_RAISED_NATIVE: Final = 50_000  # SQL Server: THROW and RAISERROR
_ORACLE_RAISED: Final = range(20_000, 21_000)

_NOISE: Final = (
    re.compile(r"^(\[[^\]]*\]\s*)+"),
    re.compile(r"^(ERROR|FATAL|PANIC):\s*"),
    re.compile(r";?\s*Error while (executing the query|preparing parameters).*$", re.DOTALL),
    re.compile(r"\s*\(\d+\)$"),
    re.compile(r"^ORA-\d+:\s*"),
)


class Verdict(Enum):
    AGAIN = "again"  # a deadlock or a lock: the same may work in a moment
    LOST = "lost"  # the connection broke
    NO = "no"  # the system's answer
    PERSON = "person"  # the recipe or the account is wrong


@dataclass(frozen=True, slots=True)
class Judgement:
    verdict: Verdict
    message: Message


def judge(error: BaseException, *, hidden: Iterable[str] = ()) -> Judgement:
    state, native, text = parts_of(error)
    message = Message(clean(text, hidden), code=_code(state, native))
    if _raised(state, native, text):
        return Judgement(Verdict.NO, message)
    if is_time_limit(native, text) or state in _TIME_LIMIT_STATES:
        return Judgement(Verdict.NO, Message("the database gave up: the time limit was reached", "timeout"))
    return Judgement(_verdict(state, native, text), message)


def _verdict(state: str, native: int, text: str) -> Verdict:
    kind = classify(state, native, text)
    busy = kind is SourceBusy and "locked" in text.lower()
    if busy or state.startswith(_AGAIN_STATES) or works_again(native, text):
        return Verdict.AGAIN
    if kind is Unreachable:
        return Verdict.LOST
    if kind in _FOR_A_PERSON and state[:2] not in _SAID_NO:
        return Verdict.PERSON
    return Verdict.NO


def undone(error: BaseException) -> bool:
    """Whether an error of COMMIT itself says for certain that nothing was committed."""
    state, native, text = parts_of(error)
    if _raised(state, native, text) or "is locked" in text.lower():
        return True
    if not state or classify(state, native, text) is Unreachable:
        return False
    return not _UNTOLD.match(
        state
    )  # the database's own answer: a deferred constraint, a serialization failure


def clean(text: str, hidden: Iterable[str] = ()) -> str:
    """The system's own words, without what the driver puts around them."""
    text = without(hidden, text)
    for noise in _NOISE:
        text = noise.sub("", text).strip()
    return " ".join(text.split())[:_MAX_TEXT] or "the database refused it"


def _raised(state: str, native: int, text: str) -> bool:
    """Whether a procedure or a trigger said no in words of its own."""
    group = state[:2]
    if group in _RAISED or (group and not _STANDARD.fullmatch(group)):
        return True
    sqlite = native == _SQLITE_CONSTRAINT and "[sqlite]" in text.lower()
    oracle = native in _ORACLE_RAISED and "ORA-" in text
    return sqlite or oracle or (group in {"42", "HY"} and native >= _RAISED_NATIVE)


def _code(state: str, native: int) -> str:
    general = state in {"", "HY000", "42000", "45000"}
    if not general:
        return state
    return str(native) if native and native != _SIGNAL else state or "refused"


_SIGNAL: Final = 1644  # MariaDB: SIGNAL without a number of its own
