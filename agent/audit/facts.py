"""What may stand in a line: small, JSON-ready, without secrets. Pure but for the secrets that redaction has learned."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final

import orjson

from agent.audit.lines import render_moment
from agent.secrets import redact

MAX_FACTS_BYTES: Final = 14 * 1024  # of all facts of a line
MAX_TEXT: Final = 1_000  # characters of one text
MAX_ITEMS: Final = 100  # of a list or an object
MAX_DEPTH: Final = 5
MAX_INTEGER: Final = 2**53  # larger ones are no longer the same number everywhere


def bounded(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as they are written. What is too long is cut, and says so."""
    cleaned = _object(facts, MAX_DEPTH)
    whole = orjson.dumps(cleaned)
    if len(whole) <= MAX_FACTS_BYTES:
        return cleaned
    short = {name: value for name, value in cleaned.items() if _is_short(name, value)}
    kept = dict(list(short.items())[:20])
    return {**kept, "shortened": {"bytes": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}}


def bounded_text(text: str) -> str:
    masked = redact(text)
    # A lone surrogate, as a file name may hold one, is no UTF-8.
    masked = masked.encode("utf-8", "backslashreplace").decode()
    return masked if len(masked) <= MAX_TEXT else masked[:MAX_TEXT] + f"... ({len(masked)} characters)"


def _is_short(name: str, value: Any) -> bool:
    return len(name) <= 64 and (  # noqa: PLR2004 - longer than any name of a fact
        value is None
        or isinstance(value, bool | int | float)
        or (isinstance(value, str) and len(value) <= 200)  # noqa: PLR2004
    )


def _value(value: Any, depth: int) -> Any:
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) <= MAX_INTEGER else str(value)
    if isinstance(value, datetime):
        return render_moment(value) if value.tzinfo is not None else value.isoformat()
    if isinstance(value, Mapping) and depth > 0:
        return _object(value, depth - 1)
    if isinstance(value, list | tuple | set | frozenset) and depth > 0:
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else list(value)
        found = [_value(item, depth - 1) for item in items[:MAX_ITEMS]]
        return found if len(items) <= MAX_ITEMS else [*found, f"... ({len(items)} items)"]
    return bounded_text(str(value))


def _object(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    items = list(value.items())
    found = {bounded_text(str(name)): _value(below, depth) for name, below in items[:MAX_ITEMS]}
    return found if len(items) <= MAX_ITEMS else {**found, "...": f"({len(items)} members)"}
