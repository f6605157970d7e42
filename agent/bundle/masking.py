"""What of a text or document goes into a bundle: what is known to be harmless; the rest by its length. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from agent.secrets import MASK, redact

MAX_TEXT: Final = 500  # characters of one text
MAX_ITEMS: Final = 2_000  # of a list or table
MAX_DEPTH: Final = 12
MAX_LONE_DIGITS: Final = 15  # of a number: no count of ours is longer
LEFT_OUT: Final = "(left out)"

# Members whose texts are words, names or moments of Groundwire's own, never a value of a source or somebody's sentence.
_OWN_WORDS: Final = (
    "action at bundle call code codes command commands configured connection connections correlation "
    "createdAt created_at driver encoding entity error_code event field fields finishedAt finished_at "
    "goneColumns gone_columns group held_back kind lastAckAt last_ack level logger machine mode moment "
    "name newColumns new_columns nextRunAt oldest oldest_enqueued_at operation origin phase platform "
    "protection python rcvd reason received_at release retry_at run run_id since "
    "software startedAt started_at state status step stream streams system timestamp "
    "part trace trace_id trigger type until updated_at verb "
)
OWN: Final = frozenset(_OWN_WORDS.split())
_OWN_TEXT: Final = re.compile(r"(?=[^a-z]*[a-z])[a-z0-9][a-z0-9_.:/+-]{0,127}")
_FIELD: Final = re.compile(r"[a-z][A-Za-z0-9]*(?:\.[a-z][A-Za-z0-9]*|\[\d+\])*")
_MEMBER: Final = re.compile(r"[a-z][A-Za-z0-9_./-]{0,127}")
_PLACE: Final = re.compile(r"[\w./\\:-]+\.toml(?::\d+)?(?:: [\w.\[\]-]+)?")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)")
_NAME: Final = re.compile(r"[A-Za-z0-9_@][\w ./:@-]{0,127}")

# The few words of a foreign error that say what it was and nothing of whom it was about.
_CODES: Final = re.compile(
    r"\b(?:HTTP[ /]?[1-5]\d\d|SQLSTATE[ :=]*[0-9A-Z]{5}\b|ORA-\d{5}\b|[Ee]rrno \d{1,3}\b)|\[[0-9A-Z]{2}[0-9A-Z]{3}\](?= ?\[)"
)

SECRET_NAME: Final = re.compile(
    r"pass|pwd|secret|token|credential|private|signature|api[-_ ]?key|access[-_ ]?key|account[-_ ]?key|authori[sz]ation|"
    r"\bsas\b|\bauth\b|cookie|\bpin\b",
    re.IGNORECASE,
)
PERSON_NAME: Final = re.compile(
    r"^(?:uid|user(?:[-_ ]?(?:name|id))?|login|proxy_user|e?mail|account)$", re.IGNORECASE
)

_ASSIGNED: Final = re.compile(
    r"(?i)\b([\w-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_ ]?key|access[-_ ]?key|account[-_ ]?key|authorization|"
    r"sharedaccesssignature|sig))(\s*[=:]\s*)(?:\"[^\"]*\"|'[^']*'|\{[^}]*\}|[^\s;,&]+)"
)
_SIGNED_IN: Final = re.compile(r"(?i)\b(bearer|basic|digest|negotiate|ntlm)\s+[A-Za-z0-9+/=._~-]{6,}")
_PEM: Final = re.compile(r"-----BEGIN [^-]+-----.*?(?:-----END [^-]+-----|$)", re.DOTALL)
_USER_INFO: Final = re.compile(r"(?<=://)[^/\s]*@")
_RANDOM: Final = re.compile(r"(?=[A-Za-z0-9+_~-]*\d)(?=[A-Za-z0-9+_~-]*[A-Za-z])[A-Za-z0-9+_~-]{28,}={0,2}")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_LITERAL: Final = re.compile(r"'(?:[^']|'')*'?|\"[^\"]*\"?|\b\d[\d.]*\b|--[^\n]*|/\*.*?(?:\*/|$)", re.DOTALL)


def plain(text: str) -> str:
    """A text of a configuration without what is, or looks like, a secret."""
    text = _PEM.sub(MASK, redact(text))
    text = _USER_INFO.sub(f"{MASK}@", text)
    text = _URL.sub(lambda found: _without_query(found[0]), text)
    # Before the next one, which would take the scheme for the value.
    text = _SIGNED_IN.sub(rf"\1 {MASK}", text)
    text = _ASSIGNED.sub(rf"\1\2{MASK}", text)
    text = _RANDOM.sub(MASK, text)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}... ({len(text)} characters)"


def _without_query(url: str) -> str:
    try:
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc, parts.path, MASK if parts.query else "", ""))
    except ValueError:
        return MASK


def without_literals(statement: str) -> str:
    """A query with its names, and without the values that it compares with."""
    return plain(_LITERAL.sub("?", statement))


def name_or_nothing(text: str) -> str:
    """A name of a table, column or entity; anything else that is said there is left out."""
    return plain(text) if _NAME.fullmatch(text) else sized(text)


def sized(text: str) -> str:
    """How long it was, and the codes of the error in it, if it is one."""
    codes = ", ".join(dict.fromkeys(found.strip("[]") for found in _CODES.findall(text)))
    return f"({len(text)} characters left out{'; ' + codes if codes else ''})"


def told(value: Any, member: str = "", depth: int = MAX_DEPTH) -> Any:
    """A document as it may be in a bundle: numbers, yes and no, moments, and texts of members that are ours alone."""
    if isinstance(value, str):
        return _text(value, member)
    if depth > 0 and isinstance(value, Mapping):
        items = list(value.items())[:MAX_ITEMS]
        return {_key(str(key)): told(below, str(key), depth - 1) for key, below in items}
    if depth > 0 and isinstance(value, Sequence | frozenset | set):
        return [told(below, member, depth - 1) for below in list(value)[:MAX_ITEMS]]
    short = isinstance(value, int | float) and len(str(abs(value))) <= MAX_LONE_DIGITS
    return value if value is None or short else LEFT_OUT


def _text(text: str, member: str) -> str:
    if text == "" or _MOMENT.fullmatch(text):
        return text
    own = member in OWN and (
        _OWN_TEXT.fullmatch(text) or (member in {"field", "fields"} and _FIELD.fullmatch(text))
    )
    return plain(text) if own or (member == "where" and _PLACE.fullmatch(text)) else sized(text)


def place(where: str) -> str:
    """Where an error was met, if that is a place in a file of ours, or a stream."""
    return plain(where) if _PLACE.fullmatch(where) else ""


def _key(text: str) -> str:
    return plain(text) if _MEMBER.fullmatch(text) else sized(text)


def last_redaction(value: Any) -> Any:
    """Everything once more through the secrets that this process has seen: the second line of defence."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {redact(str(key)): last_redaction(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [last_redaction(below) for below in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if redact(str(value)) == str(value) else MASK
    return value
