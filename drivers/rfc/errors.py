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
    r"benutzer (\S+ )?(ist|wurde) (.{0,20} )?gesperrt|zu viele fehl"
)
_EXPIRED: Final = (
    r"password.{0,30}(expired|must be changed|change your)|initial password|password_change|change of password|"
    r"kennwort.{0,30}(abgelaufen|ändern)|initialkennwort"
)
_CLIENT: Final = r"client \S+ (is )?(not|does not|cannot)|mandant \S+ (ist )?nicht|select a client"
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
    Trouble.LOGON: "Correct options.user and the password under [secrets]. Do not try often: SAP locks the user.",
    Trouble.LOCKED: "Ask the SAP team to unlock the user (transaction SU01), then correct the password first.",
    Trouble.EXPIRED: "Ask the SAP team for a user of type System or Communication, whose password does not expire, "
    "or set a new password with SAP GUI.",
    Trouble.CLIENT: "Correct options.client: three digits, as at the SAP GUI logon.",
    Trouble.AUTHORITY: "Ask the SAP team for the missing authorisation; transaction SU53 of this user names the object.",
    Trouble.MISSING: "The function module is not on this system, or not open for calls from outside (SE37).",
    Trouble.BUSY: "It is tried again by itself. If it lasts, lower page_rows or sync at quieter hours.",
    Trouble.SETUP: "`groundwire check` tries every hop.",
    Trouble.UNREACHED: "`groundwire check` tries every hop: host name, port, gateway, logon.",
    Trouble.LOST: "It is tried again by itself; if it lasts, look for firewalls that close idle connections.",
}


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
    if error.trouble is Trouble.BUSY and error.retry_after is not None:
        return Throttled(shown, retry_after=error.retry_after or _RETRY_AFTER, where=where, hint=hint)
    kind = _KINDS[error.trouble]
    if error.trouble is Trouble.EXCEPTION:
        kind = _BY_KEY.get(error.key, kind)
        if kind is NotPermitted and not error.hint:
            hint = _HINTS[Trouble.AUTHORITY]
    return kind(shown, where=where, hint=hint)
