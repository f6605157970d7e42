"""Pure: classic SOAP-RFC as text. Requests are `<FM>`, replies `<FM.Response>`, read by the names of their elements.

A reply named `FMResponse`, as services of SOAMANAGER have it, is taken too.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any, Final

from drivers.envelopes import SOAP, escaped, unwritable
from drivers.rfc.caller import CallFailed, MessageId, Trouble, Unsendable
from drivers.rfc.conversions import INITIAL_DATE
from drivers.rfc.errors import trouble_in
from drivers.rfc.xml_text import Element, parse

NAMESPACE: Final = "urn:sap-com:document:sap:rfc:functions"
ACTION: Final = "http://www.sap.com/"
_NAME: Final = re.compile(r"[A-Z0-9_/]{1,60}")


def element_name(name: str) -> str:
    """A name of ABAP as XML can have it: `/BODS/X` is `_-BODS_-X`."""
    if _NAME.fullmatch(name) is None:
        raise Unsendable(f"{name[:40]!r} is no name of ABAP")
    return name.replace("/", "_-")


def abap_name(name: str) -> str:
    return name.replace("_-", "/")


def envelope(function: str, parameters: Mapping[str, Any]) -> bytes:
    """Raises Unsendable."""
    name = element_name(function)
    inner = "".join(_named(key, value) for key, value in parameters.items() if value is not None)
    return (
        f'<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{SOAP}"><soap:Body>'
        f'<urn:{name} xmlns:urn="{NAMESPACE}">{inner}</urn:{name}></soap:Body></soap:Envelope>'
    ).encode()


def _named(key: str, value: Any) -> str:
    name = element_name(key)
    return f"<{name}>{_content(value)}</{name}>"


def _content(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(_named(key, member) for key, member in value.items() if member is not None)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return "".join(f"<item>{_content(row)}</item>" for row in value)
    return escaped(_text(value))


def _text(value: Any) -> str:
    """A value as SOAP-RFC writes it: dates in ISO form, which RFC itself does not use."""
    for kind, written in _WRITTEN:
        if isinstance(value, kind):
            return written(value)
    text = str(value)
    if text == INITIAL_DATE:
        return "0000-00-00"
    character = unwritable(text)
    if character is not None:
        raise Unsendable(f"XML cannot hold the character {character!r}")
    return text


_WRITTEN: Final[tuple[tuple[type, Callable[[Any], str]], ...]] = (
    (bool, lambda value: "X" if value else ""),
    (date, lambda value: value.isoformat()[:10]),
    (time, lambda value: value.strftime("%H:%M:%S")),
    (Decimal, lambda value: format(value, "f")),
    (bytes, lambda value: base64.b64encode(value).decode()),
)


def reply(function: str, document: bytes) -> dict[str, Any]:
    """The function's answer by parameter. Raises BadXml, and CallFailed for a fault."""
    root = parse(document)
    body = root.first("Body")
    answer = body.children[0] if body is not None and body.children else None
    if answer is None:
        raise CallFailed(Trouble.LOST, "the reply has no body", function=function)
    if answer.name == "Fault":
        raise fault(function, answer)
    expected = element_name(function)
    if answer.name not in {f"{expected}.Response", f"{expected}Response"}:
        raise CallFailed(
            Trouble.LOST, f"the reply is {answer.name[:80]}, not {expected}.Response", function=function
        )
    return {abap_name(name): value for name, value in _members(answer)}


def _members(element: Element) -> Iterator[tuple[str, Any]]:
    for child in element.children:
        yield child.name, _renamed(child.value())


def _renamed(value: Any) -> Any:
    if isinstance(value, dict):
        return {abap_name(name): _renamed(member) for name, member in value.items()}
    return [_renamed(each) for each in value] if isinstance(value, list) else value


def fault(function: str, element: Element) -> CallFailed:
    """What a SOAP fault says: an exception of the function by name, else a failure in SAP's words."""
    told = element.first("faultstring")
    words = told.text.strip() if told is not None else ""
    key = _first(element, "Name")
    text = _first(element, "Text") or words or "the system answered with a fault"
    number = MessageId(_first(element, "ID"), _first(element, "Number"), _first(element, "Type"))
    trouble = trouble_in(f"{text} {words}")
    if trouble is None or (key and trouble in {Trouble.BUSY, Trouble.LOGON}):
        trouble = Trouble.EXCEPTION if key else Trouble.FAILURE
    return CallFailed(trouble, text, function=function, key=key, message_id=number)


def _first(element: Element, name: str) -> str:
    found = element.all(name)
    return found[0].text.strip() if found else ""
