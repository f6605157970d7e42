"""Pure: names and option values as NAV writes them into XML."""

from __future__ import annotations

import re
from typing import Final

from drivers.soap.model import Type

_ENCODED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
_BLANK: Final = "_blank_"


def option_text(value: str) -> str:
    """`Profit_x003D_Price_Cost` is `Profit=Price_Cost`, `_blank_` an empty text. Blanks stay underscores: NAV writes
    both alike.
    """
    return "" if value == _BLANK else _ENCODED.sub(_decoded, value)


def _decoded(found: re.Match[str]) -> str:
    """Half of a surrogate pair is no character, and stays as it is written."""
    character = chr(int(found.group(1), 16))
    return found.group() if "\ud800" <= character <= "\udfff" else character


def option_value(text: str, kind: Type) -> str | None:
    """The value of an enumeration that is meant, as it has to be sent; None: there is none."""
    for value in kind.values:
        if text in {value, option_text(value)}:
            return value
    spaced = text.replace(" ", "_")
    return next((each for each in kind.values if option_text(each) == spaced), None)
