"""Pure: a name that nobody knows is refused with the nearest one that is known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

from drivers.contract import BadConfiguration

_SHOWN: Final = 20  # names in a hint


def refuse_unknown(name: str, known: Iterable[str], sentence: str, where: str) -> None:
    names = sorted(known)
    if name not in names:
        raise BadConfiguration(f"{sentence} {name!r}", where=where, hint=nearest(name, names))


def nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known here: {', '.join(names[:_SHOWN]) or 'none'}."
