"""Pure: the types that a recipe gives its fields: a word, and how much of it is taken."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from drivers.contract import BadConfiguration
from drivers.recipes.naming import refuse_unknown
from drivers.recipes.recipe import Recipe
from drivers.recipes.values import MOST_DIGITS

_TYPE: Final = re.compile(r"(\w+)(?:\((\d{1,5})(?:, ?(\d{1,3}))?\))?")


@dataclass(frozen=True, slots=True)
class Type:
    """What a field is written as. `size` and `scale` are 0 where nothing limits it."""

    word: str = "text"
    size: int = 0
    scale: int = 0


def types_of(table: Mapping[str, str], known: Collection[str], *, place: str) -> dict[str, Type]:
    """The table `types` of a stream's writes, `place`. Raises BadConfiguration."""
    return {
        name: Type(*parse_type(text, known, where=f"{place}.types.{name}"))
        for name, text in sorted(table.items())
    }


def refuse_unused(types: Iterable[str], recipes: Iterable[Recipe[Any, Any]], *, place: str) -> None:
    """A type of a field that no step uses is a slip of the pen. Raises BadConfiguration."""
    used = {name for recipe in recipes for name in recipe.fields}
    for name in types:
        refuse_unknown(name, used, "no step uses the field", f"{place}.types.{name}")


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
