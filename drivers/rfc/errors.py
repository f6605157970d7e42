"""What failed calls mean, in the contract's terms: by the way's own kind first, then by SAP's words."""

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
    Throttled,
    Unreachable,
)
from drivers.rfc.caller import CallFailed, Trouble

_MAX_TEXT: Final = 500
_RETRY_AFTER: Final = 30.0  # seconds, where SAP names none

# SAP's texts for what has no code of its own. English and German: these two are on every system.
# Of the user, not of a record: "Order 4711 is locked by user MEIER" says nothing of the logon.
_LOCKED: Final = (
    r"user (\S+ )?(is |account |has been |currently )*locked|password logon no longer possible|too many failed|"
    r"user.{0,30} validity|benutzer (\S+ )?(ist|wurde) (.{0,20} )?gesperrt|zu viele fehl|benutzer.{0,40}g.ltigkeits"
)
_EXPIRED: Final = (
    r"password.{0,30}(expired|must be changed|change your)|initial password|enter a new password|password_change|"
    r"change of password|"
    r"kennwort.{0,30}(abgelaufen|ändern)|initialkennwort"
)
_CLIENT: Final = r"client \S+ (is )?(not|does not|cannot)|mandant \S+ (ist )?nicht|select a client"
_ROUTE: Final = r"route permission denied|saprouter refused"
_LOGON: Final = (
    r"name or password|incorrect logon|logon data|not authorized to log|name oder kennwort|"
    r"logon (failed|not possible)|user .{0,20}does not exist"
)
_AUTHORITY: Final = (
    r"no (rfc )?authori[sz]ation|not authori[sz]ed|no authority|missing authori[sz]ation|"
    r"keine (rfc-)?berechtigung|fehlende berechtigung"
)
_MISSING: Final = (
    r"function module .{0,60}(not found|unknown|not exist)|fu_not_found|funktionsbaustein .{0,60}nicht|"
    r"cannot be (used|called) (for )?.?remote"
)
_BUSY: Final = (
    r"no more (memory|storage)|time_?out|time limit|resource|max(imum)? (number|no\.?) of|dispatcher|"
    r"work ?process|wait (queue|time)|snapshot too old|deadlock"
)
_BY_WORDS: Final = tuple(
    (re.compile(words, re.IGNORECASE), trouble)
    for words, trouble in (
        (_LOCKED, Trouble.LOCKED),
        (_EXPIRED, Trouble.EXPIRED),
        (_CLIENT, Trouble.CLIENT),
        (_ROUTE, Trouble.ROUTE),
        (_LOGON, Trouble.LOGON),
        (_AUTHORITY, Trouble.AUTHORITY),
        (_MISSING, Trouble.MISSING),
        (_BUSY, Trouble.BUSY),
    )
)
# As functions name their exceptions; the last is what saprfclib gives for a user who may not call RFC_PING.
NO_AUTHORITY: Final = ("NOT_AUTHORIZED", "NO_AUTHORITY", "NO_AUTHORIZATION", "RFC_NO_AUTHORITY")
_BY_KEY: Final = {
    **dict.fromkeys(NO_AUTHORITY, NotPermitted),
    "TABLE_NOT_AVAILABLE": SourceChanged,
    "TABLE_WITHOUT_DATA": SourceChanged,
    "FIELD_NOT_VALID": SourceChanged,
    "OPTION_NOT_VALID": SourceChanged,
    "NOT_FOUND": SourceChanged,
    "DATA_BUFFER_EXCEEDED": BadConfiguration,
}
_KINDS: Final[dict[Trouble, type[DriverError]]] = {
    Trouble.EXCEPTION: SourceChanged,
    Trouble.FAILURE: SourceBusy,
    Trouble.LOGON: CredentialsRefused,
    Trouble.LOCKED: CredentialsRefused,
    Trouble.EXPIRED: CredentialsRefused,
    Trouble.CLIENT: BadConfiguration,
    Trouble.ROUTE: BadConfiguration,
    Trouble.AUTHORITY: NotPermitted,
    Trouble.MISSING: BadConfiguration,
    Trouble.BUSY: SourceBusy,
    Trouble.SETUP: BadConfiguration,
    Trouble.UNREACHED: Unreachable,
    Trouble.LOST: Unreachable,
}
_HINTS: Final[dict[Trouble, str]] = {
    Trouble.EXCEPTION: "Compare the stream with `groundwire discover`.",
    Trouble.FAILURE: "Ask the SAP team for the short dump (transaction ST22) of this user at this time.",
    Trouble.LOGON: "Correct options.user and the password under [secrets], and see that options.client is the client that "
    "the user is in. Do not try often: SAP locks the user.",
    Trouble.LOCKED: "Ask the SAP team why the user may not log on (transaction SU01: locked, or no longer valid). Where "
    "wrong passwords locked it, correct the password under [secrets] before it is unlocked, or it is locked again.",
    Trouble.EXPIRED: "Ask the SAP team for a user of type System or Communication, whose password does not expire, "
    "or set a new password with SAP GUI and write it under [secrets].",
    Trouble.CLIENT: "Correct options.client: three digits, as at the SAP GUI logon.",
    Trouble.ROUTE: "The SAProuter lets this host not through. Ask who runs it for an entry in its table saprouttab: from "
    "this host to the application server, port 33 and the system number. Or correct options.router.",
    Trouble.AUTHORITY: "Ask the SAP team for the missing authorisation; transaction SU53 of this user names the object.",
    Trouble.MISSING: "The function module is not on this system, or not open for calls from outside (SE37).",
    Trouble.BUSY: "It is tried again by itself. If it lasts, lower page_rows or sync at quieter hours.",
    Trouble.SETUP: "Compare the connection's [options] with docs/drivers/rfc.md.",
    Trouble.UNREACHED: "Compare options.host and options.system_number with the system's entry in SAP Logon: its gateway "
    "listens on port 33 and the system number. Else the system may be down, or a firewall stands between.",
    Trouble.LOST: "It is tried again by itself; if it lasts, look for firewalls that close idle connections.",
}
# Which option a person has to look at, where the caller knows of the connection only.
_PLACES: Final[dict[Trouble, str]] = {
    Trouble.LOGON: "options.user",
    Trouble.LOCKED: "options.user",
    Trouble.EXPIRED: "options.user",
    Trouble.CLIENT: "options.client",
    Trouble.ROUTE: "options.router",
}
_NAMED: Final = re.compile(r"function (module|group) ([A-Z0-9_/]+)", re.IGNORECASE)
# Of the SDK and of SAP's network layer: a block of lines, of which these two say what is wrong.
_CAUSE: Final = re.compile(r"^ERROR\s+(.+(?:\n\s{2,}\S.*)*)", re.MULTILINE)
_REASON: Final = re.compile(r"^ERRNO TEXT\s+(.+)", re.MULTILINE)


def network_words(words: str) -> str:
    """What SAP's network layer says in its block of LOCATION, ERROR, TIME, MODULE ...; other words as they are."""
    cause, reason = _CAUSE.search(words), _REASON.search(words)
    if cause is None:
        return words
    text = " ".join(cause.group(1).split())
    return f"{text}: {reason.group(1).strip()}" if reason else text


def missing_call(words: str, function: str) -> str:
    """The authorisation that a call lacked, by the name in SAP's words or else the function that was called."""
    found = _NAMED.search(words)
    kind, name = found.groups() if found else ("module", function)
    if not name:
        return _HINTS[Trouble.AUTHORITY]
    group = kind.lower() == "group"
    return (
        f"Ask the SAP team for the authorisation S_RFC with RFC_TYPE = {'FUGR' if group else 'FUNC'}, RFC_NAME = {name} "
        "and ACTVT = 16. `groundwire system authorisations` prints all that a shipped system's profile needs."
    )


def trouble_in(words: str) -> Trouble | None:
    """What SAP's own words say; None: nothing that is known here."""
    return next((trouble for pattern, trouble in _BY_WORDS if pattern.search(words)), None)


def masked(words: str, hidden: Iterable[str]) -> str:
    """Without secrets, the longest first: one may be part of another."""
    for secret in sorted((value for value in hidden if value), key=len, reverse=True):
        words = words.replace(secret, "***")
    return words


def translate(error: CallFailed, *, where: str = "", hidden: Iterable[str] = ()) -> DriverError:
    shown = " ".join(error.text.split())[:_MAX_TEXT] or error.key or error.trouble.value
    shown = masked(shown, hidden)
    if error.key and error.key not in shown:
        shown = f"{error.key}: {shown}"
    if str(error.message_id):
        shown = f"{shown} [{error.message_id}]"
    if error.function:
        shown = f"{error.function}: {shown}"
    hint = error.hint or _HINTS[error.trouble]
    if error.trouble is Trouble.AUTHORITY and not error.hint:
        hint = missing_call(error.text, error.function)
    where = _PLACES.get(error.trouble, where) if where in {"", "options"} else where
    if error.trouble is Trouble.BUSY and error.retry_after is not None:
        return Throttled(shown, retry_after=error.retry_after or _RETRY_AFTER, where=where, hint=hint)
    kind = _KINDS[error.trouble]
    if error.trouble is Trouble.EXCEPTION:
        kind = _BY_KEY.get(error.key, kind)
        if kind is NotPermitted and not error.hint:
            hint = _HINTS[Trouble.AUTHORITY]
    return kind(shown, where=where, hint=hint)
