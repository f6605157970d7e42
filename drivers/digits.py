"""Whole numbers that a source wrote as text."""

from __future__ import annotations

from typing import Final

_MOST: Final = 18  # digits that fit 64 bits, whatever they are


def natural(text: str) -> int | None:
    """None for what is no number: `str.isdigit` takes ² for a digit, and `int` reads no more than 4,300 of them."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST else None
