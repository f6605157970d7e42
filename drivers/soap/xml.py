"""Pure: XML as it is read and written here. A document with a DTD, entities or endless depth is refused."""

from __future__ import annotations

import re
from typing import Any, Final

from lxml import etree

from drivers.envelopes import SOAP, unwritable
from drivers.xml_bounds import LongTag, refuse_long_tags

XSD: Final = "http://www.w3.org/2001/XMLSchema"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
NIL: Final = f"{{{XSI}}}nil"
# NAV lets texts through that hold control characters, written as references that no XML parser takes.
_REFERENCE: Final = re.compile(rb"&#(?:x([0-9A-Fa-f]{1,6})|([0-9]{1,7}));")


__all__ = ["NIL", "SOAP", "XSD", "XSI", "BadXml", "parsed", "unwritable"]


class BadXml(ValueError):
    pass


def parsed(document: bytes) -> Any:
    """The root element. Raises BadXml."""
    try:
        refuse_long_tags(document)
        root = etree.fromstring(document, _parser())
    except LongTag as error:
        raise BadXml(str(error)) from error
    except etree.XMLSyntaxError as error:
        root = _cleaned(document, error)
    if root is None:
        raise BadXml("an empty document")
    if root.getroottree().docinfo.doctype:
        raise BadXml("a document type declaration is not taken")
    return root


def _cleaned(document: bytes, error: Exception) -> Any:
    """Once: what becomes an illegal reference only by leaving out another was made to be one."""
    cleaned = _REFERENCE.sub(_without_illegal, document)
    try:
        return etree.fromstring(cleaned if cleaned != document else b"", _parser())
    except etree.XMLSyntaxError:
        raise BadXml(str(error)) from error


def _parser() -> Any:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )


def _without_illegal(found: re.Match[bytes]) -> bytes:
    number = int(found.group(1), 16) if found.group(1) else int(found.group(2))
    legal = number <= 0x10FFFF and not (0xD800 <= number <= 0xDFFF) and unwritable(chr(number)) is None  # noqa: PLR2004 - Unicode's own limits
    return found.group() if legal else b""
