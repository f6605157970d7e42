"""The text form of a source key: one string per record, whatever the number and type of its key columns.

The parts are joined by `~`; a `~` or `%` inside a part is escaped as `%7E` or `%25`, so that the parts can always be
told apart again. A byte that is in no character set of the source (`drivers/unreadable.py`) is escaped likewise, as
`%FC`: such a record has a name of its own, which nothing else can have.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from drivers.unreadable import is_unreadable, raw_texts

SEPARATOR = "~"
UNREADABLE_PART: Final = (
    "%[89A-F][0-9A-F]"  # a regular expression: a key has it where it holds a byte that is no text
)
_LONE: Final = re.compile("[\udc80-\udcff]")
_BYTE: Final = re.compile(UNREADABLE_PART)
_LONE_BASE: Final = 0xDC00


def encode_key(parts: Sequence[str]) -> str:
    key = SEPARATOR.join(part.replace("%", "%25").replace(SEPARATOR, "%7E") for part in parts)
    return _LONE.sub(lambda found: f"%{ord(found[0]) - _LONE_BASE:02X}", key)


def decode_key(key: str) -> list[str]:
    return [part.replace("%7E", SEPARATOR).replace("%25", "%") for part in key.split(SEPARATOR)]


def decode_raw_key(key: str) -> list[str]:
    """As `decode_key`, with the bytes that are no text as Python's lone surrogates."""
    return decode_key(_BYTE.sub(lambda found: chr(_LONE_BASE + int(found[0][1:], 16)), key))


def encode_keys(columns: Sequence[pa.ChunkedArray | pa.Array]) -> pa.ChunkedArray | pa.Array:
    """Whole-column form of `encode_key`; a null in any part gives a null key."""
    if any(is_unreadable(column.type) for column in columns):
        rows = zip(
            *(
                raw_texts(column.cast(pa.string())) if not is_unreadable(column.type) else raw_texts(column)
                for column in columns
            ),
            strict=True,
        )
        keys = [None if None in row else encode_key([str(part) for part in row]) for row in rows]
        return pa.chunked_array([pa.array(keys, pa.string())])
    texts = [_escape(column.cast(pa.string())) for column in columns]
    if len(texts) == 1:
        return texts[0]
    return pc.binary_join_element_wise(*texts, SEPARATOR, null_handling="emit_null")


def _escape(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    for sought, escaped in (("%", "%25"), (SEPARATOR, "%7E")):
        if may_hold(column, sought.encode()):
            column = pc.replace_substring(column, sought, escaped)
    return column


def may_hold(column: pa.ChunkedArray | pa.Array, sought: bytes) -> bool:
    """Whether a value may hold these bytes: one search through the buffers is far quicker than one through each text.

    A slice shares its buffer with what was cut off, so that yes may be wrong, and no is not.
    """
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    data = (chunk.buffers()[2] for chunk in chunks)  # validity, offsets, texts
    return any(texts is not None and sought in texts.to_pybytes() for texts in data)
