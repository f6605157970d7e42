"""Pure: the types that a recipe gives its fields: a word, and how much of it is taken."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from drivers.contract import BadConfiguration
from drivers.recipes.values import MOST_DIGITS

_TYPE: Final = re.compile(r"(\w+)(?:\((\d{1,5})(?:, ?(\d{1,3}))?\))?")


def parse_type(text: str, known: Collection[str], *, where: str) -> tuple[str, int, int]:
    """The word, the size and the scale of `decimal(12,4)`; 0 where nothing limits it. Raises BadConfiguration."""
    found = _TYPE.fullmatch(text.strip())
    word = found.group(1) if found else ""
    size = int(found.group(2) or 0) if found else 0
    scale = int(found.group(3) or 0) if found else 0
    sized = {"text": size > 0 and scale == 0, "decimal": 0 <= scale <= size <= MOST_DIGITS and size > 0}
    if found is None or word not in known or (found.group(2) is not None and not sized.get(word)):
        raise BadConfiguration(
            f"{text!r} is not a type",
            where=where,
            hint=f"Types are {', '.join(known)}; text(40) and decimal(12,4) also limit what is taken.",
        )
    return word, size, scale
