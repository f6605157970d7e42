"""Texts that somebody may put into a cursor, a key or a field of a record: the same ones for the same seed."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

COUNT = int(os.environ.get("GROUNDWIRE_STRINGS", "2000"))

# What ends a literal, begins another clause or means something to one of the languages.
PIECES = (
    "O'Brien", "'", "''", "'''", '"', '""', "\\", "\\'", "' or 1 eq 1 or '", "' OR '1'='1", "x' and Secret eq 'y",
    "&$expand=to_Salaries", "&", "?", "#", "%27", "%2527", "%00", "+", " ", "  ", ";--", "; drop table orders", "--", "/*",
    "*/", "/**/", "}", "}}", "};", "{", "};Server=evil;", "=", ",", "(", ")", "..", "|", "<>", "*", "@", "~", "%7E", "%",
    "$", "/", "../", "<", ">", "</Value1>", "<!--", "<![CDATA[", "]]>", "&amp;", "&#39;", "&lt;", "<!ENTITY x SYSTEM 'f'>",
    "\r\nX-Evil: 1", "\r", "\n", "\t", "\0", "\x1b[2J", "\u202e", "\u2028", "\ufeff", "\u00a0", "\u02bc", "\uff07", "\u2019", "İ", "ß",
    "😀", "é", "e\u0301", "null", "NULL", "nan", "1e309", "0x27", "CHAR(39)", "N'", "q'[", "]", "[", "x" * 40, "'" * 35,
)  # fmt: skip


def odd_texts(seed: int, *, count: int = COUNT, longest: int = 60) -> Iterator[str]:
    """Each of one to six pieces, or of single characters of all of Unicode; none is longer than `longest`."""
    chance = random.Random(seed)
    for _ in range(count):
        parts = (
            chance.choice(PIECES) if chance.random() < 0.8 else _character(chance)
            for _ in range(chance.randint(1, 6))
        )
        yield "".join(parts)[:longest]


def _character(chance: random.Random) -> str:
    code = chance.choice((chance.randrange(0x20, 0x7F), chance.randrange(0x110000)))
    return "?" if 0xD800 <= code <= 0xDFFF else chr(code)  # half a pair is no text
