"""Texts in the columns of an index, whose entries PostgreSQL bounds at some 2,700 bytes.

A longer text is kept as its beginning and its hash: as good to be found by, and one record of one agent cannot hold
up everybody's lists. Documents come from their batches, with their keys as they are.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from relay.store.postgresql.sql import ESCAPE, NUL

MOST_BYTES: Final = 1_500
_SHORT: Final = MOST_BYTES // 5  # characters that fit whatever they are: five bytes stand for a NUL
_SHOWN: Final = 100  # characters of a longer one


def bounded(text: str) -> str:
    if len(text) <= _SHORT:
        return text
    data = text.encode()
    if len(data) <= MOST_BYTES and NUL not in text and ESCAPE not in text:
        return text
    return f"{text[:_SHOWN]}~sha256:{sha256(data).hexdigest()}"
