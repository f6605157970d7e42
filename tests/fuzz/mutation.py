"""Inputs made from others by a fixed seed, for the short replay that needs no fuzzer."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

LONGEST = 8_192
ODD_BYTES = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r\n")
ODD_TEXTS = (
    b'"',
    b"'",
    b"\\",
    b"{",
    b"[",
    b"]}",
    b"<",
    b"&#x0;",
    b"<!DOCTYPE x>",
    b"null",
    b"-1",
    b"1e999",
    b"NaN",
)
ODD_NUMBERS = (b"9" * 30, b"0.1", b"18446744073709551616", b"\xc2\xb2", b"-0")
ODD = (*ODD_BYTES, *ODD_TEXTS, *ODD_NUMBERS)


def mutants(beginnings: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    for _ in range(count):
        made = chance.choice(beginnings)
        for _ in range(chance.choice((1, 1, 2, 4, 8))):
            made = _changed(made, beginnings, chance)
        yield made[:LONGEST]


def _changed(data: bytes, beginnings: Sequence[bytes], chance: random.Random) -> bytes:  # noqa: PLR0911 - one line per kind
    at = chance.randrange(len(data) + 1)
    upto = min(len(data), at + chance.choice((1, 1, 2, 4, 16, 64)))
    match chance.randrange(7):
        case 0:
            return data[:at] + bytes([chance.randrange(256)]) + data[upto:]
        case 1:
            return data[:at] + data[upto:]
        case 2:
            return data[:at] + chance.choice(ODD) + data[at:]
        case 3:
            return data[:at] + data[at:upto] * 2 + data[upto:]
        case 4:
            other = chance.choice(beginnings)
            begin = chance.randrange(len(other) + 1)
            return data[:at] + other[begin : begin + 32] + data[upto:]
        case 5:
            return data[:at] + bytes(chance.randrange(256) for _ in range(4)) + data[upto:]
        case _:
            return data[:at]
