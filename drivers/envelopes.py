"""Pure: what every SOAP envelope is made of, whoever writes it."""

from __future__ import annotations

import re
from typing import Final
from xml.sax.saxutils import escape

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def escaped(text: str) -> str:
    """The content of an element. A carriage return as a reference: a reader of XML makes a line feed of a plain one."""
    return escape(text, {"\r": "&#13;"})


def unwritable(text: str) -> str | None:
    """A character of the text that no XML document can hold."""
    found = _ILLEGAL.search(text)
    return None if found is None else found.group()
