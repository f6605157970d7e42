"""Pure: where a page ended, as the text that a cursor is. It holds what the source printed, digit for digit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from drivers.contract import ReadMode, SourceChanged
from drivers.unreadable import is_raw

CURSOR_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: the last row's mark (CHANGES only) and key, or how many keys were looked up."""

    mode: ReadMode
    values: tuple[str, ...] = ()
    taken: int = 0


def encode_cursor(position: Position) -> str:
    content = {"v": CURSOR_VERSION, "mode": position.mode.value, "at": position.values}
    if position.mode is ReadMode.BY_KEYS:
        content = {"v": CURSOR_VERSION, "mode": position.mode.value, "taken": position.taken}
    # Bytes that are no text stand in a value as halves of characters, which no file takes as they are.
    plain = not any(map(is_raw, position.values))
    return json.dumps(content, ensure_ascii=not plain, separators=(",", ":"))


def decode_cursor(text: str, *, mode: ReadMode, width: int, where: str) -> Position:
    """Read a cursor back; one of another version, mode or key width is refused, never guessed at."""
    unusable = SourceChanged(
        "the stored position does not fit this stream any more",
        where=where,
        hint="The stream's key or replication key was changed: run a full re-sync of this stream.",
    )
    try:
        content = json.loads(text)
        if content["v"] != CURSOR_VERSION or content["mode"] != mode.value:
            raise unusable
        if mode is ReadMode.BY_KEYS:
            return Position(mode, taken=int(content["taken"]))
        values = content["at"]
    except (ValueError, KeyError, TypeError):
        raise unusable from None
    if not isinstance(values, list) or len(values) != width or not all(isinstance(v, str) for v in values):
        raise unusable
    return Position(mode, values=tuple(values))
