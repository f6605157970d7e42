"""Pure: whether a place that a reader kept is still a place of this store.

A store that is put back from a copy gives its positions a second time, to other batches. The first append behind every
opening of the store begins an *era*, with a random id and the last position there was. A reader's place names the era
that was in force when it was given. It holds in that era, and behind it if the store had come as far when the next one
began: a copy that is put back is opened anew, has less, and knows nothing of the eras that were lost with the rest.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

ID_BYTES: Final = 8
BEFORE_THE_FIRST: Final = bytes(
    ID_BYTES
)  # of places that were given before anything was appended by this version


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store says about a place, read in one moment."""

    era: bytes  # the one in force
    last: int  # the last position there is
    known: bool  # whether the place's own era is one of this store's
    next_began_after: int | None = None  # of the era behind it; None: it is the newest

    def bears_out(self, position: int) -> bool:
        """Whether what the reader has up to `position` is what this store has up to there."""
        if not self.known or position > self.last:
            return False
        # A later era begins at or behind the end of the one before it, unless something was lost between them.
        return self.next_began_after is None or position <= self.next_began_after


def new_id() -> bytes:
    return secrets.token_bytes(ID_BYTES)
