"""Pure: what is called, as an envelope. The order and the names of its elements are those of the WSDL's types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from drivers.contract import SourceChanged
from drivers.envelopes import escaped
from drivers.soap.model import Definitions, Member, Operation, Type
from drivers.soap.xml import SOAP, XSI, unwritable

ATTRIBUTE: Final = "@"  # before the name of an attribute
DERIVED: Final = "@xsi:type"  # the name of a type that is derived from the element's own, in its namespace
TEXT: Final = "#text"  # the text of an element that has attributes, too


class Nil:
    """`xsi:nil="true"`: a value that says that there is none. None leaves the element out."""


NIL: Final = Nil()


class Unsendable(ValueError):
    """A value that XML cannot hold."""


def envelope(
    definitions: Definitions,
    operation: Operation,
    content: Mapping[str, Any],
    headers: Sequence[tuple[Member, Any]] = (),
    *,
    where: str,
) -> bytes:
    """`content`: by element, a text or a plain value, a mapping for a structure, a list where there may be many.

    Raises SourceChanged for an element that the WSDL does not have, and Unsendable.
    """
    head = "".join("".join(_element(definitions, member, value, where)) for member, value in headers)
    body = (
        "" if operation.request is None else "".join(_element(definitions, operation.request, content, where))
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{SOAP}" xmlns:xsi="{XSI}">'
        + (f"<soap:Header>{head}</soap:Header>" if head else "")
        + f"<soap:Body>{body}</soap:Body></soap:Envelope>"
    ).encode()


def _element(definitions: Definitions, member: Member, value: Any, where: str) -> Iterator[str]:
    if value is None:
        return
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for each in value:
            yield from _element(definitions, member, each, where)
        return
    opening = f"{member.name} xmlns={quoteattr(member.namespace)}"
    if value is NIL:
        yield f'<{opening} xsi:nil="true"/>'
        return
    kind = definitions.type_of(member)
    if not isinstance(value, Mapping):
        yield f"<{opening}>{_escaped(value)}</{member.name}>"
        return
    yield f"<{opening}{_attributes(kind, value)}>"
    _refuse_unknown(kind, value, where)
    for each in kind.members:
        yield from _element(definitions, each, value.get(each.name), where)
    yield _escaped(value.get(TEXT, ""))
    yield f"</{member.name}>"


def _attributes(kind: Type, value: Mapping[str, Any]) -> str:
    return "".join(
        f" {name}={quoteattr(_text(value[ATTRIBUTE + name]))}"
        for name in ("xsi:type", *kind.attributes)
        if value.get(ATTRIBUTE + name) is not None
    )


def _refuse_unknown(kind: Type, value: Mapping[str, Any], where: str) -> None:
    known = {each.name for each in kind.members} | {ATTRIBUTE + name for name in kind.attributes}
    known |= {TEXT, DERIVED}
    for name in value:
        if name not in known:
            raise SourceChanged(
                f"the service's {kind.name} has no {name!r}",
                where=where,
                hint="Compare with `groundwire discover`; add the field to the service, or take it out here.",
            )


def _escaped(value: Any) -> str:
    return escaped(_text(value))


def _text(value: Any) -> str:
    """Raises Unsendable."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    text = str(value)
    character = unwritable(text)
    if character is not None:
        raise Unsendable(f"XML cannot hold the character {character!r}")
    return text
