"""The text form of a source key: one string per record, whatever the number and type of its key columns.

The parts are joined by `~`; a `~` or `%` inside a part is escaped as `%7E` or `%25`, so that the parts can always be
told apart again.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

SEPARATOR = "~"


def encode_key(parts: Sequence[str]) -> str:
    return SEPARATOR.join(part.replace("%", "%25").replace(SEPARATOR, "%7E") for part in parts)


def decode_key(key: str) -> list[str]:
    return [part.replace("%7E", SEPARATOR).replace("%25", "%") for part in key.split(SEPARATOR)]


def encode_keys(columns: Sequence[pa.ChunkedArray | pa.Array]) -> pa.ChunkedArray | pa.Array:
    """Whole-column form of `encode_key`; a null in any part gives a null key."""
    texts = [_escape(column.cast(pa.string())) for column in columns]
    if len(texts) == 1:
        return texts[0]
    return pc.binary_join_element_wise(*texts, SEPARATOR, null_handling="emit_null")


def _escape(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    for sought, escaped in (("%", "%25"), (SEPARATOR, "%7E")):
        if _may_hold(column, sought.encode()):
            column = pc.replace_substring(column, sought, escaped)
    return column


def _may_hold(column: pa.ChunkedArray | pa.Array, sought: bytes) -> bool:
    """Whether a value may hold these bytes: one search through the buffers is far quicker than one through each text.

    A slice shares its buffer with what was cut off, so that yes may be wrong, and no is not.
    """
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    data = (chunk.buffers()[2] for chunk in chunks)  # validity, offsets, texts
    return any(texts is not None and sought in texts.to_pybytes() for texts in data)
