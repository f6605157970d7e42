"""Names of runs: sortable by time, never repeated, short enough for a log line."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: nothing that is misread aloud
_TIME_CHARS: Final = 10  # milliseconds since 1970 in base 32, good until the year 10889
_RANDOM_CHARS: Final = 10  # 50 bits a millisecond


def new_run_id(now: datetime) -> str:
    """20 characters: the time first, so that names sort as the runs began."""
    stamp = int(now.timestamp() * 1000)
    return _base32(stamp, _TIME_CHARS) + _base32(secrets.randbits(5 * _RANDOM_CHARS), _RANDOM_CHARS)


def _base32(number: int, width: int) -> str:
    return "".join(_ALPHABET[number >> (5 * place) & 31] for place in reversed(range(width)))
