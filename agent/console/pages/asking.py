"""What a page's address asks for, and the addresses of further pages. Pure."""

from __future__ import annotations

from urllib.parse import urlencode

from agent.errors import ConfigurationError

MAX_DIGITS = 18


def whole_number(text: str | None, default: int = 0) -> int:
    """Raises ConfigurationError for what is none."""
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise ConfigurationError(
            f"{text[:40]!r} is no number", hint="Follow a link of the console instead of an address by hand."
        )
    return int(text)


def link(path: str, **query: str | int | None) -> str:
    """An address below the console's root, with the parts of the query that are given."""
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path
