"""Pure: what NetSuite's refusals say, in the contract's words. Its own text and code are kept.

Their form is documented (docs.oracle.com, "Error Handling in REST Web Services", section_156570709583); the texts of a
locked record and of a missing right are those that users of other clients report (airbytehq/airbyte#79190).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from drivers.contract import (
    BadConfiguration,
    CredentialsRefused,
    DriverError,
    Message,
    NotPermitted,
    SourceBusy,
    SourceChanged,
    Throttled,
)
from drivers.http.client import retry_after
from drivers.http.messages import Answer, masked

_MAX_TEXT: Final = 500  # characters of the system's words
_MAX_MESSAGES: Final = 50
_PAUSE_SECONDS: Final = 30.0  # where NetSuite does not say for how long
_FRAME: Final = re.compile(
    r"^(Error while accessing a resource\.|Error while accessing resource:|"
    r"Invalid search query\. Detailed unprocessed description follows\.|Search error occurred:)\s*"
)
_THROTTLED: Final = frozenset(
    {
        "SSS_REQUEST_LIMIT_EXCEEDED",
        "CONCURRENCY_LIMIT_EXCEEDED",
        "REQUEST_LIMIT_EXCEEDED",
        "EXCEEDED_CONCURRENCY_LIMIT_PER_ACCOUNT",
        "EXCEEDED_CONCURRENCY_LIMIT_PER_INTEGRATION",
        "EXCEEDED_CONCURRENT_REQUEST_LIMIT",
        "EXCEEDED_REQUEST_LIMIT",
        "WS_CONCUR_SESSION_DISALLWD",
    }
)
_BY_CODE: Final[Mapping[str, type[DriverError]]] = {
    "INVALID_LOGIN": CredentialsRefused,
    "INVALID_LOGIN_ATTEMPT": CredentialsRefused,
    "INVALID_LOGIN_CREDENTIALS": CredentialsRefused,
    "INSUFFICIENT_PERMISSION": NotPermitted,
    "FEATURE_DISABLED": NotPermitted,
    "UNEXPECTED_ERROR": SourceBusy,
}
_BY_WORDS: Final[tuple[tuple[re.Pattern[str], type[DriverError]], ...]] = tuple(
    (re.compile(words, re.IGNORECASE), kind)
    for words, kind in (
        (r"\bfeature\b.*\b(disabled|not enabled|turned off)\b", NotPermitted),
        (r"\b(does not|do not|don't) have (the )?(required )?permission", NotPermitted),
        (r"\bpermission violation\b|\binsufficient permission\b", NotPermitted),
    )
)
_BY_STATUS: Final[Mapping[int, type[DriverError]]] = {
    400: SourceChanged,
    401: CredentialsRefused,
    403: NotPermitted,
    404: SourceChanged,
    405: BadConfiguration,
    406: BadConfiguration,
    410: SourceChanged,
    415: BadConfiguration,
    501: BadConfiguration,
}
_HINTS: Final[dict[type[DriverError], str]] = {
    CredentialsRefused: "Look into Setup > Users/Roles > View Login Audit Trail: it names what NetSuite missed. Correct "
    "options.auth and its secrets; see that integration, token or certificate, role and user are active.",
    NotPermitted: "Enable the feature REST Web Services (Setup > Company > Enable Features > SuiteCloud), and give the "
    "role REST Web Services, SuiteAnalytics Workbook and View on the record types; docs/systems/netsuite.md lists them.",
    SourceBusy: "It is tried again by itself. If it lasts, lower page_rows or narrow the query.",
    SourceChanged: "Correct the query. A table or a field that the role may not see is `not found` for it as well.",
    BadConfiguration: "Correct the connection file; `groundwire check` tries it.",
}
ANSWERED_BY_OTHERS: Final = (
    "See that options.account is right and that nothing between here and NetSuite answers in its place."
)
_BAD_REQUEST: Final = 400
LOCKED: Final = re.compile(r"\blocked\b", re.IGNORECASE)


def refusal(answer: Answer, *, where: str, hidden: Iterable[str] = (), clock: str = "") -> DriverError:
    """The error of an answer whose status is 400 or above. `clock`: what is wrong with this host's own."""
    found = messages_of(answer, hidden=hidden)
    said = found[0].text if found else "no reason given"
    code = found[0].code if found else ""
    shown = f"{answer.status}: {said}" + (f" [{code}]" if code else "")
    if any(each.code in _THROTTLED for each in found):
        pause = retry_after(answer)
        return Throttled(
            shown,
            retry_after=_PAUSE_SECONDS if pause is None else pause,
            where=where,
            hint="The account's requests at once are used up: lower options.parallel, or let the administrator "
            "keep some of them for this integration.",
        )
    kind = _kind_of(answer.status, found)
    if clock and kind is CredentialsRefused:
        return kind(shown, where=where, hint=clock)
    by_others = kind is SourceChanged and not any(each.code for each in found)
    return kind(shown, where=where, hint=ANSWERED_BY_OTHERS if by_others else _HINTS[kind])


def is_about_the_query(answer: Answer) -> bool:
    """Whether NetSuite itself refused what was asked, and not that it was asked, or that this role asked it."""
    coded = any(each.code for each in messages_of(answer))
    return answer.status == _BAD_REQUEST and coded and isinstance(refusal(answer, where=""), SourceChanged)


def messages_of(answer: Answer, *, hidden: Iterable[str] = ()) -> tuple[Message, ...]:
    """What NetSuite says, in its own order: text, code and place."""
    secrets = tuple(hidden)
    found = []
    for message in _messages(answer.body):
        text = _unframed(masked(" ".join(message.text.split()), secrets))
        if text:
            found.append(Message(text[:_MAX_TEXT], message.code[:100], masked(message.field, secrets)[:200]))
    return tuple(found[:_MAX_MESSAGES])


def _kind_of(status: int, messages: Iterable[Message]) -> type[DriverError]:
    for each in messages:
        if each.code in _BY_CODE:
            return _BY_CODE[each.code]
        for words, kind in _BY_WORDS:
            if words.search(each.text):
                return kind
    return _BY_STATUS.get(status, SourceBusy)


def _unframed(text: str) -> str:
    """Without the sentences that stand before every message and say nothing."""
    while found := _FRAME.match(text):
        rest = text[found.end() :]
        if not rest:
            break
        text = rest
    return text


def _messages(body: bytes) -> Iterator[Message]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        title = re.search(rb"<title>([^<]{1,200})</title>", body[:20_000], re.IGNORECASE)
        if title:
            yield Message(title.group(1).decode("utf-8", "replace"))
        return
    if not isinstance(content, dict):
        return
    details = content.get("o:errorDetails")
    for each in details if isinstance(details, list) else ():
        if isinstance(each, dict):
            place = each.get("o:errorPath") or each.get("o:errorQueryParam") or each.get("o:errorHeader")
            yield Message(_text(each.get("detail")), _text(each.get("o:errorCode")), _text(place))
    if not details:
        yield Message(_text(content.get("detail") or content.get("title")), _text(content.get("o:errorCode")))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
