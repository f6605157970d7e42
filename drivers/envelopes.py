"""Pure: what every SOAP envelope is made of, whoever writes it."""

from __future__ import annotations

import re
from typing import Final

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def unwritable(text: str) -> str | None:
    """A character of the text that no XML document can hold."""
    found = _ILLEGAL.search(text)
    return None if found is None else found.group()
