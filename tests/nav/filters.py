"""NAV's filter language, as its help describes it: `|`, `&`, parentheses, `..`, comparisons, `*`, quotes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

Test = Callable[[Any], bool]
_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|<=|>=|<>|[()|&<>=]|\.\.|(?:(?!\.\.)[^()|&<>='])+)")


class BadFilter(ValueError):
    pass


def compiled(text: str, kind: str, date_format: str, longest: int = 250) -> Test:
    """A test of values of a type: string, decimal, date, boolean or an option (as text). Raises BadFilter."""
    if text == "":
        return lambda _: True
    parser = _Parser(list(_TOKEN.findall(text)), kind, date_format, longest)
    if "".join(_TOKEN.findall(text)).replace(" ", "") != text.replace(" ", ""):
        raise BadFilter(f"The filter {text!r} is not valid.")
    return parser.whole()


class _Parser:
    def __init__(self, tokens: list[str], kind: str, date_format: str, longest: int) -> None:
        self._tokens = tokens
        self._kind = kind
        self._date_format = date_format
        self._longest = longest

    def whole(self) -> Test:
        found = self._any()
        if self._tokens:
            raise BadFilter(f"unexpected {self._tokens[0]!r}")
        return found

    def _any(self) -> Test:
        parts = [self._all()]
        while self._next("|"):
            parts.append(self._all())
        return lambda value: any(part(value) for part in parts)

    def _all(self) -> Test:
        parts = [self._one()]
        while self._next("&"):
            parts.append(self._one())
        return lambda value: all(part(value) for part in parts)

    def _one(self) -> Test:
        if self._next("("):
            found = self._any()
            if not self._next(")"):
                raise BadFilter("a parenthesis is open")
            return found
        for sign in ("<=", ">=", "<>", "<", ">", "="):
            if self._next(sign):
                return self._compared(sign, self._value())
        low = "" if self._tokens[:1] == [".."] else self._value()
        if self._next(".."):
            high = self._value() if self._tokens and self._tokens[0] not in {")", "|", "&"} else ""
            return self._between(low, high)
        return self._equal(low)

    def _next(self, token: str) -> bool:
        if self._tokens and self._tokens[0].strip() == token:
            del self._tokens[0]
            return True
        return False

    def _value(self) -> str:
        if not self._tokens or self._tokens[0] in {")", "|", "&", ".."}:
            raise BadFilter("a value is missing")
        found = self._tokens.pop(0)
        if len(found) > self._longest:
            raise BadFilter(
                f"The length of the string is {len(found)}, but it must be less than {self._longest}."
            )
        return found if found.startswith("'") else found.strip()

    def _typed(self, text: str) -> Any:
        plain = text[1:-1].replace("''", "'") if text.startswith("'") else text
        try:
            if self._kind in {"date", "dateTime"}:
                return None if plain == "" else datetime.strptime(plain, self._date_format).date()  # noqa: DTZ007
            if self._kind in {"decimal", "int"}:
                return Decimal(plain)
        except (ValueError, InvalidOperation):
            raise BadFilter(f"The value {plain!r} can't be evaluated into type {self._kind}.") from None
        return collated(plain)

    def _equal(self, text: str) -> Test:
        if self._kind == "string" and not text.startswith("'") and ("*" in text or "?" in text):
            pattern = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
            return lambda value: re.fullmatch(pattern, str(value or ""), re.DOTALL) is not None
        wanted = self._typed(text)
        return lambda value: held(value, self._kind) == wanted

    def _compared(self, sign: str, text: str) -> Test:
        wanted = self._typed(text)
        tests: dict[str, Test] = {
            "<": lambda found: found < wanted,
            "<=": lambda found: found <= wanted,
            ">": lambda found: found > wanted,
            ">=": lambda found: found >= wanted,
            "<>": lambda found: found != wanted,
            "=": lambda found: found == wanted,
        }
        return lambda value: held(value, self._kind) is not None and tests[sign](held(value, self._kind))

    def _between(self, low: str, high: str) -> Test:
        first = self._typed(low) if low else None
        last = self._typed(high) if high else None

        def test(value: Any) -> bool:
            found = held(value, self._kind)
            if found is None:
                return first is None  # an empty date lies before every other
            return (first is None or first <= found) and (last is None or found <= last)

        return test


def held(value: Any, kind: str) -> Any:
    if kind == "dateTime" and isinstance(value, datetime):
        return value.date()
    if isinstance(value, date) or (kind in {"decimal", "int"} and value is not None):
        return value if isinstance(value, date) else Decimal(str(value))
    return None if kind in {"date", "dateTime"} else collated(str(value if value is not None else ""))


def collated(text: str) -> str:
    """SQL Server's usual collation ignores case."""
    return text.casefold()
