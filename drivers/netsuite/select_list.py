"""Pure: the columns of a SuiteQL query, by its text.

An answer leaves out what is null and names nothing beforehand, so that only the query itself says which columns there
are. Names come in lower case, as NetSuite answers them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from drivers.contract import KEY_COLUMN, BadConfiguration

HELPER_PREFIX: Final = "gw_"  # columns that the driver adds and removes again
_LINKS: Final = "links"  # stands in every row of an answer

# A text, a quoted name, a comment, a word, a bracket, or any other character.
_TOKEN: Final = re.compile(
    r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|[A-Za-z_][\w$#]*|\d[\w.]*|\s+|.", re.DOTALL
)
_WORD: Final = re.compile(r"[A-Za-z_][\w$#]*")
_NOT_A_NAME: Final = frozenset({"end", "null", "over"})  # words that may end an expression


def as_subquery(query: str, where: str) -> str:
    """Raises BadConfiguration for what is no single SELECT."""
    text = query.strip().rstrip(";").rstrip()
    words = [token for token in _telling(text) if _WORD.fullmatch(token)]
    if not words or words[0].lower() != "select" or ";" in _telling(text):
        raise BadConfiguration(
            "the query is not a SELECT", where=where, hint="Write one SELECT without ORDER BY."
        )
    return text


def columns_of(query: str, where: str) -> tuple[str, ...]:
    """Raises BadConfiguration for a column without a name, a name that comes twice, and `*`."""
    names = tuple(_name(item, where) for item in _items(_telling(query), where))
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise BadConfiguration(
            f"the query yields two columns named {twice[0]!r}",
            where=where,
            hint=f"Give one of them another name: select ... as {twice[0]}_2.",
        )
    for name in names:
        if name in {KEY_COLUMN, _LINKS} or name.startswith(HELPER_PREFIX):
            raise BadConfiguration(f"a column may not be named {name!r}", where=where, hint="Rename it.")
    return names


def _telling(query: str) -> list[str]:
    """The tokens without blanks and comments."""
    tokens = (found.group() for found in _TOKEN.finditer(query))
    return [token for token in tokens if not token.isspace() and not token.startswith(("--", "/*"))]


def _items(tokens: list[str], where: str) -> Iterator[list[str]]:
    """What stands between SELECT and FROM, parted at the commas outside of brackets."""
    start = 1
    if len(tokens) > 1 and tokens[1].lower() in {"distinct", "all"}:
        start = 2
    depth, item = 0, list[str]()
    for part in tokens[start:]:
        if not depth and part.lower() == "from":
            yield item
            return
        if not depth and part == ",":
            yield item
            item = []
            continue
        depth += (part == "(") - (part == ")")
        item.append(part)
    raise BadConfiguration(
        "the query names no table behind FROM", where=where, hint="Write select ... from ..."
    )


def _name(item: list[str], where: str) -> str:
    """The name behind AS, else the word at the end: `t.tranid` is `tranid`."""
    last = item[-1] if item else ""
    before = item[-2] if len(item) > 1 else ""
    quoted = last.startswith('"')
    word = last.strip('"') if quoted else last
    alone = len(item) == 1 or (before == "." and len(item) == len(("table", ".", "column")))
    named = before.lower() == "as" or before == ")" or alone or _WORD.fullmatch(before) is not None
    if last == "*" or not _WORD.fullmatch(word) or not named or word.lower() in _NOT_A_NAME:
        shown = " ".join(item)[-60:] or "nothing"
        raise BadConfiguration(
            f"a column of the query has no name: {shown}",
            where=where,
            hint="Name each column (`expression as name`): answers leave out what is null, so that nobody "
            "else knows which columns there are.",
        )
    return word.lower()
