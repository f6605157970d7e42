"""Pure: what Finance & Operations' refusals and its lists of errors say, in the contract's words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final

from drivers.contract import CredentialsRefused, DriverError, Message, NotPermitted, SourceBusy, SourceChanged
from drivers.http.messages import Answer, masked
from drivers.odata.errors import messages_of

_MOST: Final = 50  # messages
_LONGEST: Final = 500  # characters of one
# "Execution details were not found for execution id: ..." (microsoft/Recurring-Integrations-Scheduler#71)
_NO_EXECUTION: Final = re.compile(r"\bexecution (details|id)\b.*\bnot (found|exist)", re.IGNORECASE)
_NO_RIGHT: Final = re.compile(
    r"\b(not authori[sz]ed|access (is )?denied|insufficient (rights|privileges|permissions?))\b",
    re.IGNORECASE,
)
_SERVER_FAILED: Final = 500
# The messages inside hold quotes and line breaks that nobody escaped, so the list is taken apart by its frame.
_BORDER: Final = re.compile(r'\}\s*,\s*\{(?="RecordId")')
_ENTRY: Final = re.compile(
    r'^\{?\s*"RecordId"\s*:\s*"(.*?)"\s*,\s*"Field"\s*:\s*"(.*?)"\s*,\s*"ErrorMessage"\s*:\s*"(.*)"\s*\}?$',
    re.DOTALL,
)
_UNKNOWN_CLIENT: Final = (
    "The token was given, but Finance & Operations does not take it: see that the client id stands under System "
    "administration > Setup > Microsoft Entra ID applications with an active user, and that the token's resource in "
    "options.auth is the address that Finance & Operations knows itself by."
)
_NOT_ALLOWED: Final = (
    "Give the user that the client id stands for a role with the duties of data management "
    "(such as Data management operations user), for the data entities and in the legal entities of the streams."
)


def is_unknown_execution(answer: Answer) -> bool:
    return any(_NO_EXECUTION.search(each.text) for each in messages_of(answer))


def refusal(answer: Answer, *, where: str, hint: str = "", hidden: Iterable[str] = ()) -> DriverError:
    """The error of an answer whose status is 400 or above. `hint`: for what was asked and is not there."""
    found = messages_of(answer, hidden=hidden)
    said = found[0].text if found else "no reason given"
    text = f"{answer.status}: {said}"
    if answer.status == 401:  # noqa: PLR2004 - HTTP's number
        return CredentialsRefused(text, where=where, hint=_UNKNOWN_CLIENT)
    if answer.status == 403 or _NO_RIGHT.search(said):  # noqa: PLR2004 - HTTP's number
        return NotPermitted(text, where=where, hint=_NOT_ALLOWED)
    if answer.status >= _SERVER_FAILED:
        return SourceBusy(
            text, where=where, hint="It is tried again by itself. If it lasts, ask the administrator."
        )
    return SourceChanged(
        text, where=where, hint=hint or "Compare options.url and the stream with Finance & Operations."
    )


def execution_errors(text: str, hidden: Iterable[str] = ()) -> tuple[Message, ...]:
    """What `GetExecutionErrors` lists: a JSON list inside a text, often one that no JSON parser takes.

    `[{"RecordId": ..., "Field": ..., "ErrorMessage": ...}]`; the list may be empty although the execution failed
    (MicrosoftDocs/dynamics-365-unified-operations-public#2074).
    """
    secrets = tuple(hidden)
    found = [_message(record, field, said, secrets) for record, field, said in _entries(text)]
    return tuple(dict.fromkeys(each for each in found if each.text))[:_MOST]


def _entries(text: str) -> Iterable[tuple[str, str, str]]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return _torn(text)
    if not isinstance(content, list):
        return []
    return [
        (str(each.get("RecordId") or ""), str(each.get("Field") or ""), str(each.get("ErrorMessage") or ""))
        for each in content
        if isinstance(each, dict)
    ]


def _torn(text: str) -> list[tuple[str, str, str]]:
    body = text.strip().removeprefix("[").removesuffix("]").strip()
    found = []
    for part in _BORDER.split(body):
        entry = _ENTRY.match(part.strip())
        found.append((entry[1], entry[2], entry[3]) if entry else ("", "", part))
    return found


def _message(record: str, field: str, said: str, secrets: Iterable[str]) -> Message:
    text = masked(" ".join(said.split()), secrets)[:_LONGEST]
    whose = masked(" ".join(record.split()), secrets)[:100]
    return Message(f"{whose}: {text}" if whose and text else text, "refused", field.strip()[:100])
