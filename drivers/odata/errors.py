"""Pure: what a server's refusal says, in the contract's words. SAP's own text and code are kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from drivers.contract import (
    BadConfiguration,
    CredentialsRefused,
    DriverError,
    Message,
    NotPermitted,
    SourceBusy,
    SourceChanged,
)
from drivers.http.icf import ACTIVATE, LOGON_CAUSES, is_inactive
from drivers.http.messages import Answer, masked

_MAX_TEXT: Final = 500  # characters of the system's words
_MAX_MESSAGES: Final = 50
_TAGS: Final = re.compile(r"<(?:message|code)[^>]*>([^<]{1,500})</(message|code)>")
_TITLE: Final = re.compile(r"<title>([^<]{1,200})</title>", re.IGNORECASE)
# A frame around the real messages, which says nothing by itself.
_FRAMES: Final = frozenset({"/IWBEP/CX_MGW_BUSI_EXCEPTION", "SY/530"})
_NO_SERVICE: Final = "/IWFND/MED/170"  # of SAP Gateway: nothing is registered under this name
_REGISTER: Final = (
    "Ask the SAP team to activate the service (transaction /IWFND/MAINT_SERVICE; a V4 service's group in /IWFND/V4_ADMIN), "
    "or correct its name in the stream's `service`. A stream that is not wanted: enabled = false."
)
_BY_STATUS: Final[dict[int, type[DriverError]]] = {
    400: SourceChanged,
    401: CredentialsRefused,
    403: NotPermitted,
    404: SourceChanged,
    405: BadConfiguration,
    406: BadConfiguration,
    407: BadConfiguration,
    410: SourceChanged,
    414: BadConfiguration,
    415: BadConfiguration,
    501: BadConfiguration,
}
_HINTS: Final[dict[type[DriverError], str]] = {
    CredentialsRefused: "Correct the account in options.auth and the secret that it refers to. On SAP (the client is "
    f"sap-client in options.query) {LOGON_CAUSES}",
    NotPermitted: "Let the account use the service: on SAP, S_SERVICE for it and the business authorisations behind it; "
    "transaction SU53 names for the user what was missing last. A service that is not activated may answer so too.",
    SourceBusy: "It is tried again by itself. If it lasts, lower page_rows.",
    SourceChanged: "Compare with `groundwire discover`: the service, the entity set, its properties and the filter.",
    BadConfiguration: "Correct the connection file; `groundwire check` tries it without reading data.",
}


def refusal(answer: Answer, *, where: str, hidden: Iterable[str] = ()) -> DriverError:
    """The error of an answer whose status is 400 or above."""
    kind = _BY_STATUS.get(answer.status, SourceBusy)
    found = messages_of(answer, hidden=hidden)
    said = found[0].text if found else "no reason given"
    code = f" [{found[0].code}]" if found and found[0].code else ""
    hint = _HINTS[kind]
    if is_inactive(answer):
        kind, said = BadConfiguration, f"{said}; the service is not active"
        hint = ACTIVATE.format(path=urlsplit(answer.url).path)
    elif found and found[0].code == _NO_SERVICE:
        kind, hint = BadConfiguration, _REGISTER
    return kind(f"{answer.status}: {said}{code}", where=where, hint=hint)


def messages_of(answer: Answer, *, hidden: Iterable[str] = ()) -> tuple[Message, ...]:
    """What the system says, the most telling first; without its own words, what the status means."""
    secrets = tuple(hidden)
    found: dict[tuple[str, str], Message] = {}
    for message in _messages(answer.body):
        text = masked(" ".join(message.text.split()), secrets)
        code, field = masked(message.code, secrets), masked(message.field, secrets)
        cleaned = Message(text[:_MAX_TEXT], code[:100], field[:200])
        same = (cleaned.text, cleaned.code)
        # Systems say the same once in general and once of its field.
        if cleaned.text and (same not in found or not found[same].field):
            found[same] = cleaned
    return tuple(found.values())[:_MAX_MESSAGES]


def _messages(body: bytes) -> Iterator[Message]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        yield from _unstructured(body)
        return
    error = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict):
        error = content.get("odata.error") if isinstance(content, dict) else None
    if isinstance(error, dict):
        yield from _of_error(error)


def _of_error(error: dict[str, Any]) -> Iterator[Message]:
    top = _message(error)
    inner = error.get("innererror")
    details = inner.get("errordetails") if isinstance(inner, dict) else None
    if isinstance(inner, dict) and isinstance(inner.get("message"), str) and inner["message"].strip():
        yield Message(inner["message"], top.code)  # Finance & Operations: its own words are only there
    below = [*_listed(details), *_listed(error.get("details"))]
    messages = [_message(each) for each in below if not _is_success(each)]
    telling = [each for each in messages if each.code not in _FRAMES]
    if top.code not in _FRAMES or not telling:
        yield top
    yield from telling


def _message(error: dict[str, Any]) -> Message:
    text = error.get("message", "")
    if isinstance(text, dict):
        text = text.get("value", "")
    field = error.get("target") or error.get("propertyref") or ""
    return Message(str(text), str(error.get("code") or ""), str(field).lstrip("/"))


def _is_success(detail: dict[str, Any]) -> bool:
    return str(detail.get("severity") or "").lower() in {"success", "info", "information"}


def _listed(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _unstructured(body: bytes) -> Iterator[Message]:
    """An XML error, or the title of a page."""
    text = body[:20_000].decode("utf-8", "replace")
    tags = {name: value for value, name in reversed(_TAGS.findall(text))}
    if "message" in tags:
        yield Message(tags["message"], tags.get("code", ""))
        return
    title = _TITLE.search(text)
    if title:
        yield Message(title.group(1))
