"""Sizes and spans of time as people read them, the same on a terminal and on a page. Pure."""

from __future__ import annotations

from typing import Final

NONE: Final = "\N{EN DASH}"  # where there is no number
_KIB: Final = 1024.0
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def size(value: float | None) -> str:
    if value is None:
        return NONE
    amount = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(amount) < _KIB or unit == "GiB":
            return f"{amount:.0f} {unit}" if unit in {"B", "KiB"} else f"{amount:.1f} {unit}"
        amount /= _KIB
    raise AssertionError


def duration(seconds: float | None) -> str:
    """The two largest units: 2 d 3 h, 4 min 10 s."""
    if seconds is None:
        return NONE
    if 0 < abs(seconds) < 1:
        return "under 1 s"
    left = round(abs(seconds))
    parts: list[tuple[int, str]] = []
    for length, unit in _UNITS:
        count, left = divmod(left, length)
        if count or parts:
            parts.append((count, unit))
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count) or "0 s"
