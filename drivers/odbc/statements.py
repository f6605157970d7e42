"""Pure: the text of an operator's statement, taken apart at its parameters.

A parameter is a colon and a name, `:vendorKey`, `:lineItems.quantity`. A colon inside a literal, a quoted name or a
comment is text, and so is one that another colon, a letter, a digit or a closing bracket stands before: `a::date`,
`x[1:n]`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from drivers.contract import BadConfiguration

_PARAMETER: Final = re.compile(r":([A-Za-z_]\w*(?:\.\w+)*)")
_DOLLAR_QUOTE: Final = re.compile(r"\$(?:[A-Za-z_]\w*)?\$")
_NO_COLON_BEHIND: Final = re.compile(r"[\w$:)\]\"`]")
_TRANSACTION: Final = re.compile(
    r"(?:commit|rollback|abort|start\s+transaction|(?:release\s+)?savepoint"
    r"|set\s+(?:(?:session|local)\s+|@@(?:session\.)?)?autocommit"
    r"|begin(?=\s*(?:$|;|work\b|tran(?:saction)?\b))|end(?=\s*;?\s*$))\b",
    re.IGNORECASE,
)
_QUOTED: Final = r'"(?:[^"]|"")+"|`(?:[^`]|``)+`|\[(?:[^\]]|\]\])+\]'
_NAME: Final = re.compile(rf"{_QUOTED}|[^\W\d][\w$#@]*")
_TABLE: Final = re.compile(rf"(?:(?:{_NAME.pattern})\s*\.\s*)*(?:{_NAME.pattern})")
_QUOTES: Final = "'\"`"


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str


@dataclass(frozen=True, slots=True)
class Statement:
    parts: tuple[str | Parameter, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters in the order of the text, each once."""
        return tuple(dict.fromkeys(part.name for part in self.parts if isinstance(part, Parameter)))


def parse(text: str, *, where: str) -> Statement:
    """Raises BadConfiguration for a text whose parameters cannot be told for certain."""
    if not text.strip():
        raise BadConfiguration("the statement is empty", where=where)
    parts: list[str | Parameter] = []
    begin = at = 0
    opens = True  # whether what comes is a statement's first word
    while at < len(text):
        if text[at] == ";":
            opens = True
        elif opens and not (text[at].isspace() or text.startswith(("--", "/*"), at)):
            _refuse_transaction(text, at, where)
            opens = False
        found = _parameter_at(text, at)
        if found is not None:
            parts += [text[begin:at], Parameter(found.group(1))]
            begin = at = found.end()
        else:
            at = _behind(text, at, where)
    parts.append(text[begin:])
    return Statement(tuple(part for part in parts if part != ""))


def table_name(text: str, *, where: str) -> tuple[str, ...]:
    """The parts of a table's name as the catalogue has them, schema before table."""
    if _TABLE.fullmatch(text.strip()) is None:
        raise BadConfiguration(
            f"{text!r} is not the name of a table",
            where=where,
            hint="Write `po` or `erp.po`, with the quotes of your database where it needs them: '\"Purchase Order\"'.",
        )
    return tuple(_unquoted(part) for part in _NAME.findall(text.strip()))


def _unquoted(part: str) -> str:
    closing = {'"': '"', "`": "`", "[": "]"}.get(part[0])
    return part if closing is None else part[1:-1].replace(closing * 2, closing)


def _refuse_transaction(text: str, at: int, where: str) -> None:
    found = _TRANSACTION.match(text, at)
    if found is None or (found.group().lower() == "end" and text[:at].strip()):  # that of a block
        return
    raise BadConfiguration(
        "a step may not begin or end a transaction",
        where=where,
        hint="All steps of a write are one transaction, which the driver commits; leave this out.",
    )


def _parameter_at(text: str, at: int) -> re.Match[str] | None:
    if text[at] != ":" or (at > 0 and _NO_COLON_BEHIND.match(text[at - 1])):
        return None
    return _PARAMETER.match(text, at)


def _behind(text: str, at: int, where: str) -> int:
    """Where the next thing begins: behind a literal, a quoted name, a comment, or one character."""
    if text[at] in _QUOTES:
        return _behind_quoted(text, at, where)
    if text.startswith("--", at):
        end = text.find("\n", at)
        return len(text) if end < 0 else end
    if text.startswith("/*", at):
        return _behind_comment(text, at, where)
    if text[at] == "$" and not (at > 0 and re.match(r"\w", text[at - 1])):
        opening = _DOLLAR_QUOTE.match(text, at)
        if opening is not None:
            return _end_of(text, opening.group(), opening.end(), where)
    if text[at] == "?":
        raise BadConfiguration(
            "a statement may hold no question mark outside a literal",
            where=where,
            hint="Name the value instead: `:vendorKey`.",
        )
    return at + 1


def _behind_quoted(text: str, at: int, where: str) -> int:
    quote = text[at]
    end = _end_of(text, quote, at + 1, where)
    if quote == "'" and "\\" in text[at + 1 : end - 1] and text[end - 2] == "\\":
        # To some products this quote ends the literal, to others it belongs to it.
        raise BadConfiguration(
            "a literal may not end in a backslash",
            where=where,
            hint="Products read it differently. Write a quote inside a literal as ''.",
        )
    return end  # a doubled quote begins the next literal at once, which comes to the same


def _behind_comment(text: str, at: int, where: str) -> int:
    end = _end_of(text, "*/", at + 2, where)
    if "/*" in text[at + 2 : end - 2]:
        raise BadConfiguration(
            "a comment may hold no second `/*`",
            where=where,
            hint="Products disagree on where such a comment ends.",
        )
    return end


def _end_of(text: str, closing: str, begin: int, where: str) -> int:
    end = text.find(closing, begin)
    if end < 0:
        raise BadConfiguration(f"a {closing} is missing at the statement's end", where=where)
    return end + len(closing)
