"""Pure: JSON from an agent made such that every reader takes it.

A frame may hold numbers that are no number to others: beyond 64 bits, or beyond a double, which reads as infinite.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

_LARGEST: Final = 2**63 - 1
_MOST_BITS: Final = 1_024  # of an integer that is kept as text


def plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
        return str(value) if value.bit_length() <= _MOST_BITS else None
    return value


def plain_object(value: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): plain(item) for name, item in value.items()}
