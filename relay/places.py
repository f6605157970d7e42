"""Pure: cursors, and what they stand for: a place in change order, and the era of the store in which it was given."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from relay.eras import ID_BYTES
from relay.seals import Seals
from relay.store.base import Place

WHOLE_BATCH: Final = 2**31 - 1  # as a row: behind the last one, whatever its number
_FORM: Final = struct.Struct(f">{ID_BYTES}sQi")
_LARGEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Kept:
    """A place as a reader keeps it."""

    era: bytes
    place: Place


def behind(position: int) -> Place:
    """Where nothing of the batch at `position`, nor of those before it, is left."""
    return Place(position, WHOLE_BATCH)


def close_place(seals: Seals, kept: Kept, *about: str) -> str:
    return seals.close(_FORM.pack(kept.era, kept.place.position, kept.place.row), *about)


def open_place(seals: Seals, cursor: str, *about: str) -> Kept | None:
    """None: it was not given out here for this."""
    content = seals.open(cursor, *about)
    if content is None or len(content) != _FORM.size:
        return None
    era, position, row = _FORM.unpack(content)
    return Kept(era, Place(position, row)) if position <= _LARGEST else None
