"""A long message travels in parts, so that a slow line shows that it is alive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from agent.protocol.faults import KIB

PART_BYTES: Final = 16 * KIB  # at 1 kB/s one part is 16 s: under half of the longest silence that is borne


def parts_of(message: str | bytes) -> Iterator[str] | Iterator[memoryview] | None:
    """None: short enough to travel whole."""
    if len(message) <= PART_BYTES:
        return None
    if isinstance(message, str):
        return (message[start : start + PART_BYTES] for start in range(0, len(message), PART_BYTES))
    view = memoryview(message)
    return (view[start : start + PART_BYTES] for start in range(0, len(view), PART_BYTES))
