"""Durations and sizes as people write them: "1h30m", "90d", "64MiB"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Final

MAX_DURATION: Final = timedelta(days=36_525)  # a century: longer is a slip of the finger
MAX_SIZE: Final = 2**50  # bytes, one PiB: above it a slip of the finger

_MILLISECONDS: Final[Mapping[str, int]] = {
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_BYTES: Final[Mapping[str, int]] = {
    "TiB": 2**40,
    "GiB": 2**30,
    "MiB": 2**20,
    "KiB": 2**10,
    "TB": 10**12,
    "GB": 10**9,
    "MB": 10**6,
    "kB": 10**3,
    "B": 1,
}

DURATION_PATTERN: Final = r"^([0-9]{1,12}(\.[0-9]{1,3})?(ms|w|d|h|m|s) ?)+$"
SIZE_PATTERN: Final = r"^[0-9]{1,16}(\.[0-9]{1,3})? ?(TiB|GiB|MiB|KiB|TB|GB|MB|kB|B)$"

_DURATION: Final = re.compile(DURATION_PATTERN)
_DURATION_PART: Final = re.compile(r"([0-9.]+)(ms|w|d|h|m|s)")
_SIZE: Final = re.compile(r"^([0-9]{1,16}(?:\.[0-9]{1,3})?) ?(TiB|GiB|MiB|KiB|TB|GB|MB|kB|B)$")


def parse_duration(text: object) -> timedelta:
    """Read "15m", "90d" or "1h30m". Raise ValueError with a sentence for the operator."""
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or len(text) > 64 or not _DURATION.match(text):  # noqa: PLR2004 - far above any
        raise ValueError('a duration is text with units, such as "30s", "15m", "1h30m" or "90d"')
    milliseconds = sum(
        (Decimal(number) * _MILLISECONDS[unit] for number, unit in _DURATION_PART.findall(text)), Decimal(0)
    )
    if milliseconds > MAX_DURATION / timedelta(milliseconds=1):
        raise ValueError("a duration is at most 36525d")
    return timedelta(milliseconds=int(milliseconds))


def render_duration(value: timedelta) -> str:
    """Write a duration as `parse_duration` reads it."""
    rest = value // timedelta(milliseconds=1)
    parts: list[str] = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _MILLISECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_size(text: object) -> int:
    """Read "64MiB" or "1GB" as bytes. Raise ValueError with a sentence for the operator."""
    if isinstance(text, int) and not isinstance(text, bool) and 0 <= text <= MAX_SIZE:
        return text
    found = _SIZE.match(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError('a size is text with a unit, such as "64MiB" or "2GB"')
    size = int(Decimal(found[1]) * _BYTES[found[2]])
    if size > MAX_SIZE:
        raise ValueError("a size is at most 1024TiB")
    return size


def render_size(value: int) -> str:
    """Write a size as `parse_size` reads it, in the largest binary unit that is exact."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if value and value % _BYTES[unit] == 0:
            return f"{value // _BYTES[unit]}{unit}"
    return f"{value}B"
